"""Encode scene variants once for the transformer: scene x mask x keyframe draw.

A shard holds latents in float16 and a JSON list of samples that point into them. The VAE is the
slow part of training; with shards on disk, a transformer step never runs it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX
from safetensors.torch import save_file
from torch import Tensor
from torch.amp import autocast

from ...cogvideox.conditioning import build_conditioning
from ...cogvideox.layout import layout_named
from ...cogvideox.text import DELETE_CAPTION
from ...cogvideox.vae import encode
from ...errors import ModelError
from ...files.atomic import write_whole, write_whole_file
from ...files.guarded import JsonError, decode_json, read_text
from ...files.seal import SEAL, checksum, require_intact, sealed_metadata
from ...files.weights import read_weights
from ...mask.augment import MASK_MODES, augment_mask
from ..build import TRAIN_SIZE
from ..scenes.captions import background_caption, local_caption, scene_caption
from ..scenes.shapes import COLORS, SHAPES, Scene, draw_scene, is_held_out

log = logging.getLogger(__name__)
_SAMPLES = "samples"  # in a shard's metadata: the checksum of the list beside it
_REMAKE = "run the stage 'encode' again, which makes it anew"
KeyframeDraw = Literal["none", "first", "last", "both"]
CAPTIONS_PER_SAMPLE = 4
TRAIN_RADIUS = (0.05, 0.35)  # of the mask's own size
FOREIGN_SIZES = (0.9, 1.2)  # of a foreign hole's outline, as a multiple of the target's radius
FITTED_SIZES = (1.0, 1.4)  # a foreign hole's radius, as a multiple of that of the thing drawn in it
# More of what is learnt last; the others count 1.
SHAPE_WEIGHTS: dict[str, float] = {"star": 2.0, "ring": 1.5}


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
    # Ours: holes that follow another shape's outline, as those of modifications do, and how many
    # things are drawn in turn into each: from them only the caption tells what belongs there.
    foreign_holes: int = 0
    fitted_targets: int = 4
    bfloat16: bool = False  # encode in half the time; latents differ by 0.25% of their spread

    @property
    def draws_last_frame(self) -> bool:
        """Whether the model learns to work towards a known last frame."""
        return any(self.keyframe_shares.get(draw, 0) > 0 for draw in ("last", "both"))


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
        tensors, records = read_shard(path)
        first_target, first_condition = len(self.targets), len(self.conditions)
        self.targets += list(tensors["targets"])
        self.conditions += list(tensors["conditions"])
        for record in records:
            condition = record["condition"]
            self.samples.append(
                Sample(
                    target=record["target"] + first_target,
                    condition=condition + first_condition if condition >= 0 else -1,
                    task=record["task"],
                    captions=tuple(record["captions"]),
                )
            )


def store_shard(path: Path, tensors: dict[str, Tensor], records: Sequence[dict[str, Any]]) -> None:
    """Write a shard; the tensors come last and mark it complete."""
    text = json.dumps(records).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole_file(path.with_suffix(".json"), text)
    with write_whole(path) as unfinished:
        save_file(tensors, unfinished, sealed_metadata(tensors, {_SAMPLES: checksum(text)}))


def read_shard(path: Path) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Latents and samples as they were written. Raises ModelError for a shard that is damaged."""
    file = read_weights(path)
    try:
        text = read_text(path.with_suffix(".json"))
        records = decode_json(text)
    except (OSError, JsonError) as error:
        raise ModelError(f"{path.with_suffix('.json')}: {error}: {_REMAKE}") from error
    if SEAL in file.metadata:  # earlier versions wrote none
        require_intact(file)
        if file.metadata.get(_SAMPLES) != checksum(text.encode()):
            raise ModelError(f"{path.with_suffix('.json')}: was changed: {_REMAKE}")
    return file.tensors, records


def is_whole(path: Path) -> bool:
    """Whether a shard is there; one that is damaged is said to be, and is none."""
    if not path.exists():
        return False
    try:
        read_shard(path)
    except ModelError as error:
        log.warning("%s; it is encoded anew", error)
        return False
    return True


class VariantEncoder:
    """Turns seeds into a shard.

    All clips of a scene go through the VAE as one batch: a 3D convolution over a batch of one is
    several times slower on a CPU.
    """

    def __init__(self, vae: AutoencoderKLCogVideoX, config: VariantConfig) -> None:
        self.vae, self.config = vae.eval(), config
        self.layout = layout_named("vivid")

    @torch.no_grad()
    def write_shard(self, path: Path, seeds: Sequence[int]) -> None:
        """Encode the scenes of these seeds."""
        targets, conditions, records = [], [], []
        for seed in seeds:
            scene = self._draw(seed)
            for record in scene.records:
                offset = len(conditions) if record["condition"] >= 0 else 0
                records.append(
                    record
                    | {
                        "target": record["target"] + len(targets),
                        "condition": record["condition"] + offset,
                    }
                )
            with autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
                clean = encode(self.vae, torch.stack(scene.clips))
                conditioning = self._condition(scene)
            targets += list(_half(clean))
            conditions += list(_half(conditioning))
        tensors = {"targets": torch.stack(targets), "conditions": torch.stack(conditions)}
        store_shard(path, tensors, records)

    def _condition(self, scene: _Variants) -> Tensor:
        pixels = torch.stack([scene.clips[target] for target, _ in scene.holes])
        masks = torch.stack([hole for _, hole in scene.holes])[:, None]
        return build_conditioning(self.layout, self.vae, pixels, masks).transpose(1, 2)

    def _draw(self, seed: int) -> _Variants:
        """The scene with and without its target, and random masks on both."""
        rng = np.random.default_rng([seed, 17])
        c = self.config
        scene = draw_scene(seed, frames=TRAIN_SIZE[0], height=c.size, width=c.size)
        times = range(c.frames) if c.frames > 1 else [int(rng.integers(scene.frames))]
        variants = _Variants()
        variants.add_clip(_pixels(scene.render(times=times)), scene_caption(scene))
        captions = self._captions(scene, rng)
        seen = torch.from_numpy(scene.mask(times=times))
        for _ in range(c.draw_variants):
            variants.add_hole(self._hole(seen, rng), "add", captions)
        background = _pixels(scene.background(times=times))
        variants.add_clip(background, background_caption(scene))
        whole = torch.from_numpy(scene.mask(visible=False, times=times))
        for _ in range(c.delete_variants):
            variants.add_hole(self._hole(whole, rng), "delete", [DELETE_CAPTION])
        for _ in range(c.foreign_holes):
            self._add_foreign(variants, scene, background, times, rng)
        return variants

    def _add_foreign(
        self,
        variants: _Variants,
        scene: Scene,
        background: Tensor,
        times: Sequence[int],
        rng: np.random.Generator,
    ) -> None:
        """A hole of the target's own outline, larger, and in it other shapes one after the other.

        A keyframe shows what is in it, so a hole that has one belongs to one shape only.
        """
        radius = scene.target_thing.radius * float(rng.uniform(*FOREIGN_SIZES))
        outline = _with_target(scene, radius=radius).mask(times=times)
        whole = _augment(torch.from_numpy(outline), rng)
        hole = self._with_keyframes(whole, rng)
        if not hole.any():
            return
        count = self.config.fitted_targets if torch.equal(hole, whole) else 1
        for i in range(count):
            fitted = _fit_other(scene, radius, rng)
            shown = _pixels(fitted.render(times=times))
            variants.add_clip(torch.where(whole > 0.5, shown, background))
            captions = self._captions(fitted, rng)
            if i == 0:
                variants.add_hole(hole, "add", captions)
            else:
                variants.add_sample("add", captions)

    def _captions(self, scene: Scene, rng: np.random.Generator) -> list[str]:
        return [
            local_caption(scene, rng, name_color=rng.random() >= self.config.uncolored_share)
            for _ in range(CAPTIONS_PER_SAMPLE)
        ]

    def _hole(self, mask: Tensor, rng: np.random.Generator) -> Tensor:
        return self._with_keyframes(_augment(mask, rng), rng)

    def _with_keyframes(self, hole: Tensor, rng: np.random.Generator) -> Tensor:
        """The hole, black where a keyframe is known (VIVID, sec. 4.3)."""
        hole, shares = hole.clone(), self.config.keyframe_shares
        draw = str(rng.choice(list(shares), p=np.array(list(shares.values()))))
        if self.config.frames > 1 and draw in ("first", "both"):
            hole[0] = 0
        if self.config.frames > 1 and draw in ("last", "both"):
            hole[-1] = 0
        return hole


def _augment(mask: Tensor, rng: np.random.Generator) -> Tensor:
    """A random mask around a thing."""
    mode = MASK_MODES[int(rng.integers(len(MASK_MODES)))]
    return augment_mask(mask, mode=mode, radius=TRAIN_RADIUS, seed=int(rng.integers(2**31)))


def _fit_other(scene: Scene, radius: float, rng: np.random.Generator) -> Scene:
    """The scene with a thing of another shape in the target's place, in a hole of that radius."""
    taken = {thing.color for i, thing in enumerate(scene.things) if i != scene.target}
    pairs = [
        (color, shape)
        for color in COLORS
        for shape in SHAPES
        if color not in taken and shape != scene.target_thing.shape
    ]
    pairs = [pair for pair in pairs if not is_held_out(*pair)]
    weights = np.array([SHAPE_WEIGHTS.get(shape, 1.0) for _, shape in pairs])
    color, shape = pairs[int(rng.choice(len(pairs), p=weights / weights.sum()))]
    size = radius / float(rng.uniform(*FITTED_SIZES))
    return _with_target(scene, color=color, shape=shape, radius=size)


def _with_target(scene: Scene, **changes: Any) -> Scene:
    things = list(scene.things)
    things[scene.target] = replace(scene.target_thing, **changes)
    return replace(scene, things=tuple(things))


class _Variants:
    """What one scene gives: clips, (clip, hole) pairs, and a record for each sample."""

    def __init__(self) -> None:
        self.clips: list[Tensor] = []
        self.holes: list[tuple[int, Tensor]] = []
        self.records: list[dict] = []

    def add_clip(self, pixels: Tensor, caption: str | None = None) -> None:
        """A clip; with a caption it is a sample of text to video as well."""
        self.clips.append(pixels)
        if caption is not None:
            self._record(-1, "scene", [caption])

    def add_hole(self, hole: Tensor, task: str, captions: list[str]) -> None:
        """A hole in the newest clip; one that keyframes closed is left out."""
        if hole.any():
            self.holes.append((len(self.clips) - 1, hole))
            self.add_sample(task, captions)

    def add_sample(self, task: str, captions: list[str]) -> None:
        """The newest clip seen through the newest hole."""
        self._record(len(self.holes) - 1, task, captions)

    def _record(self, condition: int, task: str, captions: list[str]) -> None:
        target = len(self.clips) - 1
        self.records.append(
            {"target": target, "condition": condition, "task": task, "captions": captions}
        )


def _pixels(frames: np.ndarray) -> Tensor:
    """[T, H, W, 3] in 0..1 to [3, T, H, W] in -1..1."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2) * 2 - 1


def _half(latents: Tensor) -> Tensor:
    return latents.to(torch.float16).contiguous()
