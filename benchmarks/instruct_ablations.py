"""InsViE's Tab. 8 and 9 in miniature: static to real pairs, and the perceptual loss, of stage 3.

    python benchmarks/instruct_ablations.py [--steps 80] [--pairs 96] [--scenes 24] [--out DIR]

Every arm goes on from vivid-tiny's instruction adapter, which has seen pictures only, for the same
number of steps on as many pairs: real ones move as scenes do, static ones are a still and its edit
under one camera motion (InsViE, sec. 3.3). All then edit the same held-out clips in held-out
wordings. LPIPS needs AlexNet's weights; without them its formula is taken on the features of
vivid-tiny's own VAE encoder, and the table says so. DIR keeps pairs and adapters: a run that was
stopped goes on.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

import torch
from instruct import edit_raw
from torch import Tensor, nn

from vivid_core.build.motion import CameraMotion, crop_path, follow_path
from vivid_core.cogvideox.adapter import apply_adapter, load_adapter
from vivid_core.measure.bootstrap import bootstrap_mean
from vivid_core.measure.perceptual import Perceptual, load_perceptual
from vivid_core.media import read_clip, save_image, write_clip
from vivid_core.metrics.flicker import flicker_ratio
from vivid_core.metrics.psnr import psnr
from vivid_core.metrics.sheet import SheetRow, draw_sheet
from vivid_core.runtime import Runtime
from vivid_core.tiny.folder import FPS
from vivid_core.tiny.instruct_cases import InstructionCase, instruction_case
from vivid_core.tiny.load import INSTRUCT_FILE, TINY_WEIGHTS, load_tiny
from vivid_core.tiny.pairs import write_instruction_folder
from vivid_core.train.adapter.config import (
    AdapterConfig,
    EditsShown,
    LoraOptions,
    Optimization,
    Recipe,
    Saving,
)
from vivid_core.train.adapter.run import ADAPTER, train_adapter

FRAMES, SIDE, SHOWN = 9, 64, 8
FIRST_SEED = 500_000  # of pairs that the adapter did not begin with
TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "patch_embed.text_proj")
LEAST = 1e-10  # added before a norm is divided by
HEAD = "agrees [%] | edited region [dB] | untouched [dB] | flicker, truth 1.0"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Static pairs to each real one, and the share of the perceptual loss."""

    name: str
    ratio: float
    perceptual: float = 0.0


ARMS = (
    Arm(name="static:real 0:1", ratio=0.0),
    Arm(name="static:real 0.5:1", ratio=0.5),
    Arm(name="static:real 1:1", ratio=1.0),
    Arm(name="static:real 5:1", ratio=5.0),
    Arm(name="static:real 5:1, 0.5 L2 + 0.5 {perceptual}", ratio=5.0, perceptual=0.5),
)


class EncoderFeatures(nn.Module):
    """LPIPS's formula, unweighted, on what the first blocks of a VAE's encoder see of a picture."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self._encoder = vae.encoder

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        pairs = zip(self._features(result), self._features(truth), strict=True)
        return torch.stack([(_unit(a) - _unit(b)).square().sum(1).mean() for a, b in pairs])

    def _features(self, pictures: Tensor) -> Iterator[Tensor]:
        hidden, _ = self._encoder.conv_in(pictures[:, :, None])
        for block in self._encoder.down_blocks[:2]:
            hidden, _ = block(hidden, None, None, conv_cache={})
            yield hidden[:, :, 0]


def _unit(features: Tensor) -> Tensor:
    return features / (features.norm(dim=1, keepdim=True) + LEAST)


def write_static(pictures: Path, folder: Path, count: int) -> None:
    """So many stills and their edits as clips under one camera motion each, by turns."""
    lines = (pictures / "instructions.txt").read_text().splitlines()
    motions = itertools.cycle(get_args(CameraMotion))
    names = sorted(path.stem for path in (pictures / "clips").iterdir())[:count]
    for name, motion in zip(names, motions, strict=False):
        path = crop_path(motion, FRAMES)
        for kind in ("clips", "edits"):
            still = read_clip(pictures / kind / f"{name}.png").frames[0]
            moving = follow_path(still, path).clamp(0, 1)
            out = folder / kind / f"static_{name}.mkv"
            write_clip(out, moving, fps=Fraction(FPS), format="ffv1")
    with (folder / "instructions.txt").open("a") as listed:
        chosen = [line for line in lines if line.partition(":")[0] in names]
        listed.writelines(f"static_{line}\n" for line in chosen)


def write_pairs(out: Path, arm: Arm, pairs: int) -> Path:
    """The pairs of an arm, of which so many are static as its ratio says."""
    folder, pictures = out / f"pairs_{arm.ratio:g}", out / "pictures"
    if folder.is_dir():
        return folder
    static = round(pairs * arm.ratio / (1 + arm.ratio))
    size = (SIDE, SIDE)
    write_instruction_folder(
        pictures, pairs=static, frames=1, size=size, first_seed=FIRST_SEED + pairs
    )
    draft = out / f"draft_{arm.ratio:g}"
    write_instruction_folder(
        draft, pairs=pairs - static, frames=FRAMES, size=size, first_seed=FIRST_SEED
    )
    write_static(pictures, draft, static)
    return draft.rename(folder)


def train(arm: Arm, data: Path, out: Path, perceptual: Perceptual, options: Any) -> None:
    """Go on from the adapter that comes along."""
    config = AdapterConfig(
        data=data,
        out=out,
        layout="insvie",
        start_from=str(options.adapter),
        latent_cache=True,
        lora=LoraOptions(rank=64, targets=TARGETS),
        recipe=Recipe(
            size=(FRAMES, SIDE, SIDE),
            images_per_video=0,
            caption_dropout=0.05,
            source_dropout=0.05,
            weight_inside=12,
            latent_weight=1 - arm.perceptual,
            lpips_weight=arm.perceptual,
            decoded_frames=1,
            noise_power=0.6,
        ),
        optimization=Optimization(
            steps=options.steps,
            batch=options.batch,
            learning_rate=3e-4,
            matrix_rate=1e-3,
            decay=True,
            warmup=5,
            weight_decay=1e-5,
            ema_decay=0.95,
            clip=1.0,
        ),
        saving=Saving(every=20, keep=1, log_every=10, validate_every=10_000),
        edits_shown=EditsShown(count=0),
    )
    with patch("vivid_core.train.adapter.decoded.load_perceptual", lambda: perceptual):
        train_adapter(
            load_tiny(adapter=False), config, Runtime(), start=load_adapter(options.adapter)
        )


def measure(adapter: Path, cases: Sequence[InstructionCase]) -> tuple[str, list[Tensor]]:
    """A row of the table, and the edits."""
    model = apply_adapter(load_tiny(adapter=False), load_adapter(adapter))
    edits = [edit_raw(model, case, seed=number) for number, case in enumerate(cases)]
    found = [
        (
            100.0 * case.agrees(frames),
            psnr(frames, case.truth, 1 - case.untouched),
            case.kept(frames),
            flicker_ratio(frames, case.truth, 1 - case.untouched),
        )
        for case, frames in zip(cases, edits, strict=True)
    ]
    cells = [interval(values) for values in zip(*found, strict=True)]
    return " | ".join(cells), edits


def interval(values: Sequence[float]) -> str:
    found = bootstrap_mean(values)
    return f"{found.mean:.2f} ({found.low:.2f} to {found.high:.2f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=80, help="of each training")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=96, help="of each arm")
    parser.add_argument("--scenes", type=int, default=24, help="held-out clips")
    parser.add_argument("--adapter", type=Path, default=TINY_WEIGHTS / INSTRUCT_FILE)
    parser.add_argument("--out", type=Path, default=Path("instruct_ablations"))
    return parser.parse_args()


def main() -> None:
    options = _arguments()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    loaded, kind = load_perceptual(), "LPIPS"
    if isinstance(loaded, str):
        kind = "features of the VAE"
        loaded = Perceptual(EncoderFeatures(load_tiny(adapter=False).vae).requires_grad_(False))
    cases = [instruction_case(number, frames=FRAMES) for number in range(options.scenes)]
    print(f"{options.steps} steps of {options.batch} of {options.pairs} pairs, {FRAMES} frames")
    print(f"{options.scenes} held-out clips, 95% bootstrap intervals\n")
    print(f"| trained with | {HEAD} |\n|---|---|---|---|---|")
    row, edits = measure(options.adapter, cases)
    print(f"| nothing more (pictures only) | {row} |", flush=True)
    rows = [_shown("before", edits)]
    for arm in ARMS:
        data = write_pairs(options.out, arm, options.pairs)
        folder = options.out / f"arm_{arm.ratio:g}_{arm.perceptual:g}"
        if not (folder / ADAPTER).is_file():
            train(arm, data, folder, loaded, options)
        name = arm.name.format(perceptual=kind)
        row, edits = measure(folder / ADAPTER, cases)
        print(f"| {name} | {row} |", flush=True)
        rows.append(_shown(name, edits))
    rows.append(_shown("truth", [case.truth for case in cases]))
    sheet = draw_sheet([case.kind for case in cases[:SHOWN]], rows, enlarge=2)
    save_image(options.out / "instruct_ablations.png", sheet)


def _shown(label: str, edits: Sequence[Tensor]) -> SheetRow:
    return SheetRow(label=label, panels=tuple(frames[FRAMES // 2] for frames in edits[:SHOWN]))


if __name__ == "__main__":
    main()
