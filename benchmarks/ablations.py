"""The paper's ablations in miniature: the mixture of images and video, mask variants, KIVE.

    python benchmarks/ablations.py [--minutes 4] [--clips 400] [--scenes 24] [--out DIR]

Every adapter is trained from vivid-tiny's base for the same processor time on the same clips
(VIVID, arXiv 2411.15260, sec. 5.4: "identical training time"), then edits the same held-out scenes.
Prints tables with 95% bootstrap intervals; DIR keeps the adapters and a sheet of edits, so that a
run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from vivid_core.cogvideox.adapter import apply_adapter, load_adapter
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.inpainter import Draw, Region
from vivid_core.measure.bootstrap import bootstrap_mean
from vivid_core.media import save_image
from vivid_core.metrics.sheet import SheetRow, draw_sheet
from vivid_core.runtime import Runtime
from vivid_core.tiny.cases import Case, Sampling, add_case, delete_case, modify_case
from vivid_core.tiny.folder import write_scene_folder
from vivid_core.tiny.load import load_tiny
from vivid_core.tiny.quality import Score, score_edit
from vivid_core.train.adapter.config import AdapterConfig, LoraOptions, Optimization, Recipe
from vivid_core.train.adapter.run import ADAPTER, train_adapter

FRAMES, SIDE = 17, 64
CASES: tuple[Callable[[int, Sampling], Case], ...] = (add_case, modify_case, delete_case)
ARMS = {
    "images:video 0:1": Recipe(images_per_video=0),
    "images:video 1:1": Recipe(images_per_video=1),
    "images:video 10:1": Recipe(),
    "10:1, exact masks only": Recipe(mask_variants=("none",)),
}
SHOWN = 4


class TimeIsUp(Exception):  # noqa: N818
    """The processor time of a training is spent."""


@dataclass(frozen=True, kw_only=True)
class Edited:
    """One edit: what the model made, and the same inside the hole only."""

    score: Score
    raw_bp: float  # mean absolute difference outside the hole before pasting, 0..255
    pasted: Tensor
    pflops: float


def train(recipe: Recipe, data: Path, out: Path, minutes: float) -> None:
    """Train for so much processor time."""
    started = time.process_time()

    def check() -> None:
        if time.process_time() - started > 60 * minutes:
            raise TimeIsUp

    config = AdapterConfig(
        data=data,
        out=out,
        recipe=replace(recipe, size=(FRAMES, SIDE, SIDE)),
        lora=LoraOptions(rank=32),
        optimization=Optimization(batch=8, learning_rate=3e-3, ema_decay=0.98, warmup=20, clip=1.0),
    )
    try:
        train_adapter(load_tiny(adapter=False), config, Runtime(check_cancelled=check))
    except TimeIsUp:
        return


def edit(model: CogVideoX, case: Case, *, keyframe: bool = False) -> Edited:
    """Edit a case, directly or by KIVE: the first frame as an image, then the rest from it."""
    source, hole = case.material.clip.frames, case.hole.clone()
    pixels, spent = source.clone(), 0.0
    if keyframe:
        first, cost = _paint(model, case, pixels[:1], hole[:1])
        pixels[0] = torch.where(hole[0, ..., None] > 0, first[0], pixels[0])
        hole[0], spent = 0, cost
    raw, cost = _paint(model, case, pixels, hole)
    if keyframe:
        raw[0] = pixels[0]
    outside = case.hole[..., None] == 0
    pasted = torch.where(outside, source, raw)
    difference = (raw - source).abs() * outside
    bp = 255 * float(difference.sum() / (outside.sum() * 3).clamp_min(1))
    score = score_edit(case, pasted, 0)
    return Edited(score=score, raw_bp=bp, pasted=pasted, pflops=spent + cost)


def _paint(model: CogVideoX, case: Case, pixels: Tensor, hole: Tensor) -> tuple[Tensor, float]:
    settings = case.settings
    draw = Draw(
        prompt=model.read(settings.caption, settings),
        negative=model.read_negative(settings),
        seed=settings.seed,
    )
    region = Region(pixels=pixels, hole=hole)
    painted = model.inpaint(
        region, [draw], settings, device=torch.device("cpu"), on_stage=lambda *_, **__: None
    )
    return painted.pixels[0].clamp(0, 1), painted.pflops or 0.0


def measure(
    model: CogVideoX, scenes: Sequence[int], sampling: Sampling, *, keyframe: bool = False
) -> dict[str, list[Edited]]:
    """Edits by the name of their case. Deletions have no keyframe to choose."""
    found: dict[str, list[Edited]] = {}
    for draw in CASES[:2] if keyframe else CASES:
        for scene in scenes:
            case = draw(scene, sampling)
            found.setdefault(case.name, []).append(edit(model, case, keyframe=keyframe))
    return found


def interval(values: Sequence[float]) -> str:
    found = bootstrap_mean(values)
    return f"{found.mean:.1f} ({found.low:.1f} to {found.high:.1f})"


def line(name: str, found: dict[str, list[Edited]]) -> str:
    """A row of the table."""
    drawn = [*found["add"], *found["modify"]]
    right = [100.0 * (e.score.color_right and e.score.shape_right) for e in drawn]
    shapes = [100.0 * e.score.shape_right for e in drawn]
    flicker = sum(e.score.flicker for e in drawn) / sum(e.score.truth_flicker for e in drawn)
    deleted = [e.score.psnr for e in found.get("delete", [])]
    cells = [
        interval(right),
        interval(shapes),
        interval([e.raw_bp for e in drawn]),
        f"{flicker:.2f}",
        interval(deleted) if deleted else "",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0, help="processor time of a training")
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--out", type=Path, default=Path("ablations"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = options.out / "data"
    if not (data / "captions.txt").is_file():
        write_scene_folder(data, clips=options.clips, frames=FRAMES, size=(SIDE, SIDE))
    sampling, scenes = (
        Sampling(steps=options.steps, guidance=options.guidance),
        range(options.scenes),
    )
    head = "colour and shape [%] | shape [%] | BP before pasting | flicker, truth 1.0 | delete [dB]"
    print(f"| trained with | {head} |\n|---|---|---|---|---|---|")
    rows: list[SheetRow] = []
    for name, recipe in ARMS.items():
        folder = options.out / "".join(c if c.isalnum() else "_" for c in name)
        if not (folder / ADAPTER).is_file():
            train(recipe, data, folder, options.minutes)
        adapter = load_adapter(folder / ADAPTER)
        model = apply_adapter(load_tiny(adapter=False), adapter)
        found = measure(model, scenes, sampling)
        steps = adapter.facts.training_step if adapter.facts else 0
        print(line(f"{name} ({steps} steps)", found), flush=True)
        shown = [e.pasted[FRAMES // 2] for e in found["modify"][:SHOWN]]
        shown += [e.pasted[FRAMES // 2] for e in found["delete"][:SHOWN]]
        rows.append(SheetRow(label=name, panels=tuple(shown)))
    count = min(SHOWN, len(scenes))
    columns = ["modify"] * count + ["delete"] * count
    save_image(options.out / "ablations.png", draw_sheet(columns, rows, enlarge=2))

    print(f"\n| vivid-tiny as shipped | {head} | TFLOPs |\n|---|---|---|---|---|---|---|")
    for name, keyframe in (("direct", False), ("KIVE", True)):
        found = measure(load_tiny(), scenes, sampling, keyframe=keyframe)
        drawn = [*found["add"], *found["modify"]]
        found.pop("delete", None)
        cost = 1000 * fmean(e.pflops for e in drawn)
        print(f"{line(name, found)} {cost:.3f} |", flush=True)


if __name__ == "__main__":
    main()
