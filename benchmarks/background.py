"""Measure masks that stay on the background, and filling from it, against simpler ways.

    python benchmarks/background.py [--part propagate|fill] [--seeds 3] [--scale 1.0] [--sheets DIR]

Procedural scenes have known camera paths, so overlap and never-seen areas are exact. Real clips
(VIVID_CLIPS, default ../shared/clips) get a patch of rock to follow, and a disc moved over their
background to take away again. "dense" chains the flow of each pair of frames; Telea inpaints each
frame by itself. Two patterns run in one direction only and leave the camera's path open: their
rows show what the confidence says of that.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vivid_core.flow.background import Method, propagate_background_mask
from vivid_core.flow.dis import DisFlow
from vivid_core.flow.engine import FlowEngine
from vivid_core.flow.fill import fill_background
from vivid_core.flow.warp import compose_places, pixel_grid, pull, stays_inside, target_places
from vivid_core.mask.grow import grow_mask
from vivid_core.mask.overlay import overlay_mask
from vivid_core.media import read_clip, save_image
from vivid_core.metrics.baselines import fill_telea
from vivid_core.metrics.flicker import flicker_ratio
from vivid_core.metrics.psnr import psnr
from vivid_core.metrics.sheet import SheetRow, draw_sheet
from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED, Scene, Thing, draw_scene
from vivid_core.tiny.scenes.textures import PATTERNS, draw_texture

ONE_WAY = ("stripes", "planks")  # patterns that leave motion along themselves open
DISC_COLOR = (0.85, 0.15, 0.60)
DISC_RADIUS = 0.09  # of the frame's height
MARGIN = 3  # pixels that a deletion mask is wider than the object
DARK = 0.42  # luma below which the horse clip shows horse
SHEET_FRAMES = 5


@dataclass(frozen=True, kw_only=True)
class Hole:
    """A clip with something in front, what is behind it, and what else moves by itself."""

    name: str
    frames: Tensor
    truth: Tensor
    mask: Tensor
    entities: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Path2D:
    """Where a disc goes over a clip: from, to, as shares of width and height."""

    clip: str
    start: tuple[float, float]
    end: tuple[float, float]
    entity_is_dark: bool = False


DISCS = (
    Path2D(clip="kitten", start=(0.08, 0.86), end=(0.92, 0.86)),
    Path2D(clip="horse", start=(0.06, 0.14), end=(0.94, 0.14), entity_is_dark=True),
    Path2D(clip="hiker", start=(0.06, 0.30), end=(0.34, 0.58)),
    Path2D(clip="train_running", start=(0.10, 0.30), end=(0.90, 0.60)),
)


def main() -> None:
    arguments = _parser().parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    engine = DisFlow()
    if arguments.part != "fill":
        print_propagation(engine, arguments)
    if arguments.part != "propagate":
        print_fills(engine, arguments)


def print_propagation(engine: FlowEngine, arguments: argparse.Namespace) -> None:
    print(f"\n{'mask on the background':34} {'ours':>21} {'dense':>15}")
    print(f"{'':34} {'mean':>7} {'last':>6} {'sure':>6} {'mean':>8} {'last':>6}")
    for pattern in PATTERNS:
        for crossing, known in ((False, False), (True, False), (True, True)):
            rows = [
                _measure_world(engine, _draw_world(seed, pattern, crossing, arguments), known)
                for seed in range(arguments.seeds)
            ]
            mean, last, sure, dense_mean, dense_last = np.mean(rows, axis=0)
            what = ("something crosses" + (", masked" if known else "")) if crossing else ""
            note = "*" if pattern in ONE_WAY else ""
            print(
                f"{pattern + note + ' ' + what:34} {mean:7.3f} {last:6.3f} {sure:6.2f} "
                f"{dense_mean:8.3f} {dense_last:6.3f}",
                flush=True,
            )
    print("* runs in one direction: motion along it cannot be seen; sure is the mean confidence")
    if arguments.clips.is_dir():
        _follow_rock(engine, arguments)


def _measure_world(engine: FlowEngine, scene: Scene, known: bool) -> list[float]:
    """Mean and last overlap and mean confidence of ours, mean and last overlap of dense flow."""
    frames = torch.from_numpy(scene.render(without=(0,))).float().clamp(0, 1)
    truth = torch.from_numpy(scene.mask(0, visible=False)).float()
    entities = grow_mask(torch.from_numpy(scene.mask(1)), 2) if known else None
    numbers: list[float] = []
    methods: tuple[Method, ...] = ("background", "dense")
    for method in methods:
        found = propagate_background_mask(
            frames, truth[0], engine, entities=entities, method=method
        )
        shares = overlaps(found.values[1:], truth[1:])
        numbers += [float(np.mean(shares)), shares[-1]]
        if method == "background":
            numbers.append(float(found.confidence.mean()))
    return numbers


def overlaps(found: Tensor, truth: Tensor) -> list[float]:
    """Intersection over union of each frame."""
    a, b = found > 0.5, truth > 0.5
    return ((a & b).sum((1, 2)) / (a | b).sum((1, 2)).clamp(min=1)).tolist()


def _draw_world(seed: int, pattern: str, crossing: bool, arguments: argparse.Namespace) -> Scene:
    """A held-out camera over the pattern; thing 0 marks a place, thing 1 crosses it."""
    rng = np.random.default_rng([seed, 977])
    texture = draw_texture(rng)
    while texture.pattern != pattern:
        texture = draw_texture(rng)
    drawn = draw_scene(
        HELD_OUT_SEED + seed, frames=arguments.frames, height=arguments.size,
        width=arguments.size * 3 // 2,
    )  # fmt: skip
    x, y, *_ = drawn.camera.pose(0)
    patch = replace(drawn.target_thing, anchored=True, center=(x + 3, y - 2), radius=12.0)
    return replace(
        drawn,
        texture=texture,
        things=(patch, _crossing(patch, arguments.frames)) if crossing else (patch,),
        target=0,
    )


def _crossing(patch: Thing, frames: int) -> Thing:
    """A disc that goes from left to right through the middle of the frame, evenly."""
    step = 110.0 / (frames - 1)
    return replace(
        patch,
        shape="circle",
        radius=14.0,
        anchored=False,
        center=(-55.0 + 8 * step, 0.0),
        swing=(1000.0 * step, 0.0),
        rate=0.001,
        path_phase=0.0,
    )


def _follow_rock(engine: FlowEngine, arguments: argparse.Namespace) -> None:
    """There and back again, and where the patch's own picture is found in the last frame."""
    frames = _read(arguments, "hiker")
    mask = _rock(frames.shape[1], frames.shape[2])
    methods: tuple[Method, ...] = ("background", "dense")
    print(f"\n{'hiker, patch of rock':34} {'there and back':>15} {'off its picture':>16}")
    for method in methods:
        started = time.perf_counter()
        there = propagate_background_mask(frames, mask, engine, method=method)
        seconds = time.perf_counter() - started
        back = propagate_background_mask(
            frames, there.values[-1], engine, keyframe=len(frames) - 1, method=method
        )
        share = overlaps(back.values[:1], mask[None])[0]
        off = _distance_from_picture(frames, mask, there.values[-1])
        print(
            f"{method:34} {share:15.3f} {off:13.1f} px   confidence at least "
            f"{there.confidence.min():.2f}, {seconds:.0f} s",
            flush=True,
        )
        if arguments.sheets:
            _save_overlay(arguments.sheets / f"rock_{method}.png", frames, there.values)


def _rock(height: int, width: int) -> Tensor:
    mask = np.zeros((height, width), np.uint8)
    middle, axes = (round(0.667 * width), round(0.888 * height)), (width // 14, height // 20)
    cv2.ellipse(mask, middle, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    return torch.from_numpy(mask).float() / 255


def _distance_from_picture(frames: Tensor, mask: Tensor, last: Tensor) -> float:
    """Pixels from the last mask's centre to where the keyframe's patch correlates best."""
    first, final = ((frames[i] * 255).round().byte().numpy() for i in (0, -1))
    x, y, width, height = cv2.boundingRect((mask > 0.5).byte().numpy())
    match = cv2.matchTemplate(
        final, np.ascontiguousarray(first[y : y + height, x : x + width]), cv2.TM_CCOEFF_NORMED
    )
    *_, (best_x, best_y) = cv2.minMaxLoc(match)
    weights = last.numpy()
    if not weights.any():
        return float("inf")
    rows, columns = np.mgrid[: weights.shape[0], : weights.shape[1]]
    found = np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()
    return float(np.linalg.norm(found - [best_x + (width - 1) / 2, best_y + (height - 1) / 2]))


def print_fills(engine: FlowEngine, arguments: argparse.Namespace) -> None:
    print(f"\n{'background behind a mover':24} {'revealed':>8}", end="")
    print(f" {'ours':>6} {'dense':>6} {'Telea':>6} {'gain dB':>8}", end="")
    print(f" {'flicker':>8} {'motion':>8} {'s':>5}")
    for name, make in _holes(arguments):
        if arguments.only in (None, name):
            _print_fill(engine, make(), arguments.sheets)


def _holes(arguments: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Hole]]]:
    """Each clip's name, and how to make it."""
    for pattern in PATTERNS:
        yield pattern, lambda pattern=pattern: _cross(pattern, arguments)
    for path in DISCS if arguments.clips.is_dir() else ():
        yield path.clip, lambda path=path: _cover(path, _read(arguments, path.clip))


def _cross(pattern: str, arguments: argparse.Namespace) -> Hole:
    """A procedural scene with something that moves through it."""
    scene = _draw_world(0, pattern, True, arguments)
    frames, truth = (
        torch.from_numpy(scene.render(without=out)).float().clamp(0, 1) for out in ((0,), (0, 1))
    )
    mask = grow_mask(torch.from_numpy(scene.mask(1)), MARGIN)
    return Hole(name=pattern, frames=frames, truth=truth, mask=mask)


def _cover(path: Path2D, truth: Tensor) -> Hole:
    """The clip with a disc that moves over it."""
    count, height, width = truth.shape[:3]
    discs = np.zeros((count, height, width), np.float32)
    for t, disc in enumerate(discs):
        way = t / (count - 1)
        x, y = ((1 - way) * a + way * b for a, b in zip(path.start, path.end, strict=True))
        center = (round(x * width), round(y * height))
        cv2.circle(disc, center, round(DISC_RADIUS * height), 1.0, -1)
    alpha = torch.from_numpy(discs)
    frames = truth + alpha[..., None] * (torch.tensor(DISC_COLOR) - truth)
    dark = (truth.mean(dim=-1) < DARK).float()
    entities = grow_mask(dark, MARGIN) if path.entity_is_dark else None
    return Hole(
        name=path.clip,
        frames=frames,
        truth=truth,
        mask=grow_mask(alpha, MARGIN),
        entities=entities,
    )


def _print_fill(engine: FlowEngine, hole: Hole, sheets: Path | None) -> None:
    started = time.perf_counter()
    ours = fill_background(hole.frames, hole.mask, engine, entities=hole.entities)
    seconds = time.perf_counter() - started
    inside = hole.mask > 0.5
    seen = inside & (ours.never_seen < 0.5)
    if hole.entities is not None:
        seen &= hole.entities < 0.5  # behind the disc there is no background
    if not seen.any():
        print(f"{hole.name:24} {0:8.1%}   no frame shows what the hole hides", flush=True)
        return
    dense, telea = fill_dense(engine, hole.frames, hole.mask), fill_telea(hole.frames, hole.mask)
    area = seen.float()
    best, literal, painted = (
        psnr(result, hole.truth, area) for result in (ours.frames, dense, telea)
    )
    flow = torch.stack(
        [engine.estimate(a, b) for a, b in zip(hole.truth, hole.truth[1:], strict=False)]
    )
    plain = flicker_ratio(ours.frames, hole.truth, area)
    along = flicker_ratio(ours.frames, hole.truth, area, flow)
    print(
        f"{hole.name:24} {float(seen.sum() / inside.sum()):8.1%} {best:6.1f} {literal:6.1f} "
        f"{painted:6.1f} {best - painted:8.1f} {plain:8.2f} {along:8.2f} {seconds:5.0f}",
        flush=True,
    )
    if sheets:
        columns = ("covered", "ours", "dense", "Telea", "truth", "never seen")
        shown = ours.never_seen[..., None].expand_as(hole.frames)
        panels = (hole.frames, ours.frames, dense, telea, hole.truth, shown)
        _save_sheet(sheets / f"fill_{hole.name}.png", columns, panels)


def fill_dense(engine: FlowEngine, frames: Tensor, mask: Tensor) -> Tensor:
    """The literal way: chained flow as it is, hole and all; what it never finds goes to Telea."""
    filled = fill_telea(frames, mask)
    holes = (mask > 0.5).numpy()
    steps: dict[tuple[int, int], np.ndarray] = {}

    def step(t: int, s: int) -> np.ndarray:
        if (t, s) not in steps:
            steps[t, s] = target_places(engine.estimate(frames[t], frames[s]).numpy())
        return steps[t, s]

    for t in range(len(frames)):
        _fill_along(step, t, (frames, holes, filled))
    return filled


def _fill_along(
    step: Callable[[int, int], np.ndarray], t: int, clip: tuple[Tensor, np.ndarray, Tensor]
) -> None:
    frames, holes, filled = clip
    left = holes[t].copy()
    size = left.shape
    ends = {1: pixel_grid(*size), -1: pixel_grid(*size)}
    for distance in range(1, len(frames)):
        for way in (1, -1):
            s = t + way * distance
            if not 0 <= s < len(frames) or not left.any():
                continue
            ends[way] = compose_places(ends[way], step(s - way, s))
            shown = pull((~holes[s]).astype(np.float32), ends[way]) > 1 - 1e-4
            new = left & shown & stays_inside(ends[way], size)
            pixels = pull(frames[s].numpy(), ends[way])
            filled[t].numpy()[new] = pixels[new]
            left &= ~new


def _read(arguments: argparse.Namespace, name: str) -> Tensor:
    frames = read_clip(arguments.clips / f"{name}.mp4").frames[:: arguments.step]
    if arguments.scale == 1:
        return frames
    size = (round(frames.shape[2] * arguments.scale), round(frames.shape[1] * arguments.scale))
    small = [cv2.resize(f.numpy(), size, interpolation=cv2.INTER_AREA) for f in frames]
    return torch.from_numpy(np.stack(small))


def _save_overlay(path: Path, frames: Tensor, mask: Tensor) -> None:
    shown = overlay_mask(frames, mask)
    _save_sheet(path, ("frame", "mask"), (frames, shown))


def _save_sheet(path: Path, columns: tuple[str, ...], panels: tuple[Tensor, ...]) -> None:
    count = len(panels[0])
    times = range(0, count, max(1, (count - 1) // (SHEET_FRAMES - 1)))
    rows = [SheetRow(label=f"frame {t}", panels=tuple(p[t] for p in panels)) for t in times]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(path, draw_sheet(columns, rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    clips = os.environ.get("VIVID_CLIPS") or Path(__file__).parents[2] / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=Path(clips))
    parser.add_argument("--part", choices=("propagate", "fill"))
    parser.add_argument("--seeds", type=int, default=3, help="scenes for each pattern")
    parser.add_argument("--frames", type=int, default=49, help="of procedural scenes")
    parser.add_argument("--size", type=int, default=192, help="height of procedural scenes")
    parser.add_argument("--scale", type=float, default=1.0, help="of the real clips' sides")
    parser.add_argument("--step", type=int, default=1, help="of the real clips' frames")
    parser.add_argument("--only", help="the fill of this pattern or clip alone")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    return parser


if __name__ == "__main__":
    main()
