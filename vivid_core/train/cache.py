"""Encode scene variants once for the transformer: scene x mask x keyframe draw.

A shard holds latents in float16 and a JSON list of samples that point into them. The VAE is the
slow part of training; with shards on disk, a transformer step never runs it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..data.captions import background_caption, local_caption, scene_caption
from ..data.shapes import draw_scene
from ..edit.conditioning import build_conditioning
from ..edit.request import DELETE_CAPTION
from ..mask.augment import MASK_MODES, augment_mask
from ..model.layout import layout_named
from ..model.vae import encode

KeyframeDraw = Literal["none", "first", "last", "both"]
CAPTIONS_PER_SAMPLE = 4


@dataclass(frozen=True, kw_only=True)
class VariantConfig:
    """What is drawn for each scene.

    The paper's preset draws the first frame as keyframe in half of the videos (sec. 4.3);
    "last" and "both" are this project's extension for middle keyframes, off in that preset.
    """

    frames: int = 17
    size: int = 64
    draw_variants: int = 2
    delete_variants: int = 2
    keyframe_shares: dict[KeyframeDraw, float] = field(
        default_factory=lambda: {"none": 0.5, "first": 0.3, "last": 0.1, "both": 0.1}
    )
    uncolored_share: float = 0.25  # captions that leave the colour to the keyframe


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One training sample of a shard: indices into its latents, and captions to choose from."""

    target: int
    condition: int  # -1: none (text to video)
    task: Literal["scene", "add", "delete"]
    captions: tuple[str, ...]


class VariantCache:
    """All shards of a folder in memory (float16)."""

    def __init__(self, folder: Path) -> None:
        self.targets: list[Tensor] = []
        self.conditions: list[Tensor] = []
        self.samples: list[Sample] = []
        for path in sorted(folder.glob("*.safetensors")):
            self._add(path)

    def _add(self, path: Path) -> None:
        tensors = load_file(path)
        first_target, first_condition = len(self.targets), len(self.conditions)
        self.targets += list(tensors["targets"])
        self.conditions += list(tensors["conditions"])
        for record in json.loads(path.with_suffix(".json").read_text()):
            condition = record["condition"]
            self.samples.append(
                Sample(
                    target=record["target"] + first_target,
                    condition=condition + first_condition if condition >= 0 else -1,
                    task=record["task"],
                    captions=tuple(record["captions"]),
                )
            )


class VariantEncoder:
    """Turns seeds into a shard."""

    def __init__(self, vae: AutoencoderKLCogVideoX, config: VariantConfig) -> None:
        self.vae, self.config = vae.eval(), config
        self.layout = layout_named("vivid")
        self._targets: list[Tensor] = []
        self._conditions: list[Tensor] = []
        self._records: list[dict] = []

    @torch.no_grad()
    def write_shard(self, path: Path, seeds: Sequence[int]) -> None:
        """Encode the scenes of these seeds; the JSON file comes last and marks it complete."""
        self._targets, self._conditions, self._records = [], [], []
        for seed in seeds:
            self._add_scene(seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        save_file(
            {"targets": torch.cat(self._targets), "conditions": torch.cat(self._conditions)},
            temporary,
        )
        path.with_suffix(".json").write_text(json.dumps(self._records))
        temporary.replace(path)

    def _add_scene(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 17])
        c = self.config
        scene = draw_scene(seed, frames=17, height=c.size, width=c.size)
        frames = slice(0, 17)
        if c.frames == 1:
            frames = slice(at := int(rng.integers(17)), at + 1)
        shown = _pixels(scene.render()[frames])
        clean = _pixels(scene.background()[frames])
        mask = torch.from_numpy(scene.mask()[frames])
        captions = [
            local_caption(scene, rng, name_color=rng.random() >= c.uncolored_share)
            for _ in range(CAPTIONS_PER_SAMPLE)
        ]
        self._add_target(shown, "scene", [scene_caption(scene)])
        self._add_variants(shown, mask, "add", captions, rng, c.draw_variants)
        whole = torch.from_numpy(scene.mask(visible=False)[frames])
        self._add_target(clean, "scene", [background_caption(scene)])
        self._add_variants(clean, whole, "delete", [DELETE_CAPTION], rng, c.delete_variants)

    def _add_target(self, pixels: Tensor, task: str, captions: list[str]) -> None:
        self._targets.append(_half(encode(self.vae, pixels)))
        self._record(-1, task, captions)

    def _add_variants(
        self,
        pixels: Tensor,
        mask: Tensor,
        task: str,
        captions: list[str],
        rng: np.random.Generator,
        count: int,
    ) -> None:
        """Conditions on the newest target, with random masks and keyframes."""
        for _ in range(count):
            hole = augment_mask(
                mask,
                mode=MASK_MODES[int(rng.integers(len(MASK_MODES)))],
                radius=(0.05, 0.35),
                seed=int(rng.integers(2**31)),
            )
            hole = self._with_keyframes(hole, rng)
            if not hole.any():
                continue
            condition = build_conditioning(self.layout, self.vae, pixels, hole[None, None])
            self._conditions.append(_half(condition.transpose(1, 2)))
            self._record(len(self._conditions) - 1, task, captions)

    def _with_keyframes(self, hole: Tensor, rng: np.random.Generator) -> Tensor:
        """VIVID, sec. 4.3: a known frame's mask is black and its pixels stay."""
        shares = self.config.keyframe_shares
        draw = str(rng.choice(list(shares), p=np.array(list(shares.values()))))
        hole = hole.clone()
        if self.config.frames > 1 and draw in ("first", "both"):
            hole[0] = 0
        if self.config.frames > 1 and draw in ("last", "both"):
            hole[-1] = 0
        return hole

    def _record(self, condition: int, task: str, captions: list[str]) -> None:
        self._records.append(
            {
                "target": len(self._targets) - 1,
                "condition": condition,
                "task": task,
                "captions": captions,
            }
        )


def _pixels(frames: np.ndarray) -> Tensor:
    """[T, H, W, 3] in 0..1 to [1, 3, T, H, W] in -1..1."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None] * 2 - 1


def _half(latents: Tensor) -> Tensor:
    return latents.to(torch.float16).contiguous()
