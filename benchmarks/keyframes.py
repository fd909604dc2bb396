"""Measure what keyframes do on held-out scenes.

    python benchmarks/keyframes.py [--scenes 32] [--steps 8] [--guidance 2] [--out DIR]

An object is added whose colour only the keyframes tell; colour matching is off. Prints one table
and writes keyframes.png (frames of the first scenes, each way beside the truth) into DIR.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

import torch
from torch import Tensor

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.edit.clip import edit_clip
from vivid_core.keyframe.propagate import propagate_keyframes
from vivid_core.media import save_image
from vivid_core.metrics.color import color_error
from vivid_core.metrics.report import Figure, Report
from vivid_core.metrics.sheet import SheetRow, draw_sheet
from vivid_core.tiny import load_tiny
from vivid_core.tiny.cases import FRAMES, FULLY_COVERED, Case, Sampling, keyframe_case
from vivid_core.video import Keyframe

LAST, MIDDLE = FRAMES - 1, FRAMES // 2
WAYS: dict[str, tuple[int, ...]] = {
    "no keyframe": (),
    "first": (0,),
    "middle": (MIDDLE,),
    "both ends": (0, LAST),
    "two halves": (0, LAST),
}
COLOR_SHARE, STEP = 0.5, 1.5
EDGE = 2  # differences at either end that a keyframe is part of
SHOWN, SHOWN_SCENES = (0, 4, 8, 12, 16), 3


@dataclass(frozen=True, kw_only=True)
class Score:
    """Colour errors (0..255) at the first and last frame; the largest steps.

    A step is the frame difference inside the hole over the mean of the two beside it: `join` is
    the largest where what comes from the two keyframes meets, `start` that from a keyframe on.
    """

    way: str
    first: float
    last: float
    join: float
    start: float


def run_way(bundle: CogVideoX, case: Case, way: str) -> Tensor:
    """The edited frames, with the truth's frames as keyframes."""
    keyframes = tuple(Keyframe(frame=f, pixels=case.truth[f]) for f in WAYS[way])
    material = replace(case.material, keyframes=keyframes)
    if not keyframes:
        return edit_clip(bundle, material, case.settings).frames
    known = bundle.with_(knows_last_frame=way != "two halves")
    return propagate_keyframes(known, material, case.settings).frames


def score(case: Case, way: str, frames: Tensor) -> Score:
    return Score(
        way=way,
        first=_color(case, frames, 0),
        last=_color(case, frames, LAST),
        join=max(steps(frames, case.hole)[EDGE:-EDGE]),
        start=max(steps(frames, case.hole)),
    )


def _color(case: Case, frames: Tensor, at: int) -> float:
    thing = (case.thing[at : at + 1] > FULLY_COVERED).float()
    if not thing.any():
        return float("nan")
    return color_error(frames[at : at + 1], case.truth[at : at + 1], thing).rgb


def steps(frames: Tensor, hole: Tensor) -> list[float]:
    """Each difference of neighbouring frames over the mean of the two beside it."""
    inside = torch.maximum(hole[1:], hole[:-1])[..., None]
    sizes = ((frames[1:] - frames[:-1]).abs() * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3))
    beside = torch.cat([sizes[1:2], (sizes[:-2] + sizes[2:]) / 2, sizes[-2:-1]])
    return (sizes / beside.clamp_min(1e-6)).tolist()


def figures(scores: list[Score], truth_step: float) -> Iterator[Figure]:
    def mean(way: str, what: str) -> float:
        values = [getattr(s, what) for s in scores if s.way == way]
        return fmean(value for value in values if value == value)

    alone = {end: mean("no keyframe", end) for end in ("first", "last")}
    for end in ("first", "last"):
        yield Figure(
            name=f"no keyframe: colour error, {end} frame", value=alone[end], unit="0..255"
        )
    for way, end in (("first", "last"), ("middle", "first"), ("middle", "last")):
        yield Figure(
            name=f"keyframe {way}: share of the error, {end} frame",
            value=mean(way, end) / alone[end],
            unit="x",
            target=COLOR_SHARE,
            lower_is_better=True,
        )
    plain = median(s.join for s in scores if s.way == "no keyframe")
    for way in ("both ends", "two halves"):
        joins = [s.join for s in scores if s.way == way]
        yield Figure(
            name=f"{way}: largest step at the join (median of scenes)",
            value=median(joins),
            unit="x",
            target=STEP,
            references={"no keyframe": plain, "truth": truth_step},
            lower_is_better=True,
        )
        share = 100 * fmean(step <= STEP for step in joins)
        yield Figure(name=f"{way}: scenes with no step at the join over {STEP:g}x", value=share)
        starts = [s.start for s in scores if s.way == way]
        name = f"{way}: largest step from a keyframe on (median)"
        yield Figure(name=name, value=median(starts), unit="x")


def main() -> int:
    arguments = _parser().parse_args()
    sampling = Sampling(steps=arguments.steps, guidance=arguments.guidance)
    bundle, scores, rows, truth = _load(arguments.model), [], [], []
    for scene in range(arguments.scenes):
        case = keyframe_case(scene, sampling)
        truth.append(max(steps(case.truth, case.hole)[EDGE:-EDGE]))
        pictures = {"truth": case.truth}
        for way in WAYS:
            pictures[way] = run_way(bundle, case, way)
            scores.append(score(case, way, pictures[way]))
        if scene < SHOWN_SCENES:
            rows += [
                SheetRow(label=f"scene {scene}: {way}", panels=tuple(frames[list(SHOWN)]))
                for way, frames in pictures.items()
            ]
        print(f"\rscene {scene + 1} of {arguments.scenes}", end="", file=sys.stderr, flush=True)
    report = Report(
        title=f"keyframes: {arguments.scenes} held-out scenes, {sampling.steps} steps, "
        f"guidance {sampling.guidance:g}",
        figures=tuple(figures(scores, median(truth))),
        notes=("Colour errors are of the object's mean colour; the caption names no colour.",),
    )
    print("\n" + report.as_text())
    arguments.out.mkdir(parents=True, exist_ok=True)
    sheet = draw_sheet([f"frame {frame}" for frame in SHOWN], rows, enlarge=2)
    save_image(arguments.out / "keyframes.png", sheet)
    return 0 if report.met else 1


def _load(model: str) -> CogVideoX:
    return load_tiny() if model == "tiny" else load_tiny(weights=Path(model))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--model", default="tiny", help="tiny, or a folder of its weights")
    parser.add_argument("--out", type=Path, default=Path("quality"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
