"""How far the colour of an added object drifts over many chained windows.

    python benchmarks/drift.py [--scenes 6] [--windows 10] [--steps 8] [--guidance 2] [--out DIR]

Procedural scenes with a keyframe at frame 0; the caption names the colour. Chains: naive (each
window's keyframe is the model's own last frame, background and all), rebuilt (source outside the
mask), matched (and colours matched to the surroundings, the default), anchored (and held to the
first frame). Prints one table and writes drift.png: the last frame of every window.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from vivid_core.chain.request import VideoFiles
from vivid_core.chain.run import edit_video
from vivid_core.chain.sources import MasksInMemory
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.inpainter import Draw, Region
from vivid_core.mask.grow import grow_mask
from vivid_core.media import read_clip, save_image, write_clip
from vivid_core.metrics.color import color_error
from vivid_core.metrics.report import Figure, Report
from vivid_core.metrics.sheet import SheetRow, draw_sheet
from vivid_core.settings import Settings
from vivid_core.tiny import load_tiny
from vivid_core.tiny.cases import FULLY_COVERED
from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED, Scene, draw_scene
from vivid_core.video import Keyframe

STEP, SIZE = 16, 64  # frames a window adds
MASK_MARGIN = 3  # pixels
LIMIT = 1.5
CHAINS = ("naive", "rebuilt", "matched", "anchored")
SHOWN_SCENES = 3


class Task:
    """A scene without its object, and what a perfect edit shows."""

    def __init__(self, scene: Scene, arguments: argparse.Namespace) -> None:
        self.scene = scene
        self.source = torch.from_numpy(scene.background())
        self.truth = torch.from_numpy(scene.render())
        self.thing = torch.from_numpy(scene.mask())
        self.mask = grow_mask((self.thing > 0.5).float(), MASK_MARGIN)
        self.caption = f"a {scene.target_thing.words}"
        self.keyframe = Keyframe(frame=0, pixels=self.truth[0])
        self.settings = Settings(
            task="add",
            caption=self.caption,
            steps=arguments.steps,
            guidance=arguments.guidance,
            feather=0,
        )

    def error(self, frames: Tensor, window: int) -> float:
        """Of the object's mean colour (0..255) over the second half of a window, 0 the first."""
        at = slice(STEP * window + STEP // 2, STEP * (window + 1) + 1)
        inside = (self.thing[at] > FULLY_COVERED).float()
        return color_error(frames[at], self.truth[at], inside).rgb


def run_chain(bundle: CogVideoX, task: Task, chain: str) -> Tensor:
    if chain == "naive":
        return run_naive(bundle, task)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clip(folder / "source.mkv", task.source, fps=Fraction(8))
        files = VideoFiles(
            source=folder / "source.mkv",
            masks=MasksInMemory(task.mask),
            out=folder / "edit.mkv",
            work=None,
            keyframes=(task.keyframe,),
        )
        settings = replace(
            task.settings, match_colors=chain != "rebuilt", anchor=chain == "anchored"
        )
        edit_video(bundle, files, settings)
        return read_clip(folder / "edit.mkv").frames


def run_naive(bundle: CogVideoX, task: Task) -> Tensor:
    """Every window starts from the last frame as the model made it, nothing pasted back."""
    settings, made = task.settings, [task.truth[:1]]
    prompt, negative = bundle.read(task.caption, settings), bundle.read_negative(settings)
    for start in range(0, len(task.source) - 1, STEP):
        pixels = task.source[start : start + STEP + 1].clone()
        hole = task.mask[start : start + STEP + 1].clone()
        pixels[0], hole[0] = made[-1][-1], 0
        draw = Draw(prompt=prompt, negative=negative, seed=start)
        painted = bundle.inpaint(
            Region(pixels=pixels, hole=hole),
            [draw],
            settings,
            device=torch.device("cpu"),
            on_stage=lambda *_: None,
        )
        made.append(painted.pixels[0, 1:].clamp(0, 1))
    return torch.cat(made)


def main() -> int:
    arguments = _parser().parse_args()
    bundle, rows = _load(arguments.model), []
    errors: dict[str, list[tuple[float, float]]] = {chain: [] for chain in CHAINS}
    frames = STEP * arguments.windows + 1
    for number in range(arguments.scenes):
        scene = _visible_scene(number, frames)
        task = Task(scene, arguments)
        pictures = {"truth": task.truth}
        for chain in CHAINS:
            pictures[chain] = run_chain(bundle, task, chain)
            last = arguments.windows - 1
            errors[chain].append(
                (task.error(pictures[chain], 0), task.error(pictures[chain], last))
            )
            print(f"\rscene {number}: {chain}   ", end="", file=sys.stderr, flush=True)
        if number < SHOWN_SCENES:
            at = list(range(0, frames, STEP))
            rows += [
                SheetRow(label=f"scene {number}: {name}", panels=tuple(f[at]))
                for name, f in pictures.items()
            ]
    report = _report(arguments, errors)
    print("\n" + report.as_text())
    arguments.out.mkdir(parents=True, exist_ok=True)
    columns = [f"frame {frame}" for frame in range(0, frames, STEP)]
    save_image(arguments.out / "drift.png", draw_sheet(columns, rows, enlarge=2))
    return 0 if report.met else 1


def _visible_scene(number: int, frames: int) -> Scene:
    """A held-out scene whose object is in view in every frame."""
    seed = HELD_OUT_SEED + 1000 * number
    while True:
        scene = draw_scene(seed, frames=frames, height=SIZE, width=SIZE)
        areas = (scene.mask() > FULLY_COVERED).sum((1, 2))
        if np.min(areas) > 20:
            return scene
        seed += 1


def _report(arguments: argparse.Namespace, errors: dict[str, list[tuple[float, float]]]) -> Report:
    figures = []
    for chain, pairs in errors.items():
        first, last = fmean(a for a, _ in pairs), fmean(b for _, b in pairs)
        figures += [
            Figure(name=f"{chain}: colour error in window 1", value=first, unit="0..255"),
            Figure(name=f"{chain}: colour error in the last", value=last, unit="0..255"),
            Figure(
                name=f"{chain}: last over first",
                value=last / first,
                unit="x",
                target=LIMIT if chain == "matched" else None,
                lower_is_better=True,
            ),
        ]
    return Report(
        title=f"drift: {arguments.scenes} scenes, {arguments.windows} windows, "
        f"{arguments.steps} steps, guidance {arguments.guidance:g}",
        figures=tuple(figures),
        notes=("Mean colour of the object over the second half of each window.",),
    )


def _load(model: str) -> CogVideoX:
    return load_tiny() if model == "tiny" else load_tiny(weights=Path(model))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=6)
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--model", default="tiny", help="tiny, or a folder of its weights")
    parser.add_argument("--out", type=Path, default=Path("quality"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
