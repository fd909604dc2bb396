"""Measure deletes that need no model on real footage: quality, flicker, speed, memory.

    python benchmarks/rest.py quality CLIP... [--masks DIR] [--sheets DIR] [--frames 24]
    python benchmarks/rest.py speed CLIP [--old DIR] [--lengths 25 49 120 300 1200]
    python benchmarks/rest.py memory CLIP [--lengths 120 1200]

quality: a logo painted over each clip (VIVID_CLIPS without any), the truth is the clip before
that; with --masks the first clip's own masks, the truth is its median where it is seen; with
--moving also what moves before a camera that stands still, the truth is the clip's median. Beside
ours (fill auto, rest classical) each frame by itself with Telea and, where installed, PatchMatch.
Flicker is a multiple of the surroundings' own. speed: a disc over the clip, played there and back
until it is long enough; --old is a checkout of older code to time beside. memory: `vivid fill`.
Times are processor time of one thread.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 426  # pixels that clips are scaled to
RING = 8  # pixels around a hole that are its surroundings
APART, MARGIN = 0.1, 13  # difference (0..1) of what moves; pixels across of what is put round it
SEEN_OFTEN = 5  # frames that show a pixel, for its median to be a truth
LOGO_COLOR, DISC_COLOR = (0.95, 0.9, 0.2), (0.8, 0.15, 0.55)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A clip with something in front, what is behind it, and where that is known."""

    name: str
    frames: Tensor
    truth: Tensor
    mask: Tensor
    known: Tensor


def main() -> None:
    arguments = _parser().parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    {"quality": print_quality, "speed": print_speed, "memory": print_memory}[arguments.part](
        arguments
    )


def print_quality(arguments: argparse.Namespace) -> None:
    sys.path.insert(0, str(ROOT))
    print(
        f"{'clip':24} {'never':>6} {'ours':>6} {'Telea':>6} {'PatchM':>6}   flicker: {'ours':>5}",
        end="",
    )
    print(f" {'Telea':>6} {'PatchM':>6} {'truth':>6}")
    for case in _cases(arguments):
        _print_case(case, arguments.sheets)


def _cases(arguments: argparse.Namespace) -> Iterator[Case]:
    clips = arguments.clips or sorted(Path(os.environ["VIVID_CLIPS"]).glob("*.mp4"))
    if arguments.masks:
        yield _masked(clips[0], arguments.masks, arguments.frames)
    for path in clips:
        if arguments.moving:
            yield _moving(path, arguments.frames)
        yield _with_logo(path.stem, read_small(path, arguments.frames))


def _print_case(case: Case, sheets: Path | None) -> None:
    from vivid_core.flow.dis import DisFlow
    from vivid_core.flow.fill import fill_background
    from vivid_core.metrics.baselines import fill_telea
    from vivid_core.metrics.psnr import psnr
    from vivid_core.video import FrameRange

    shot = FrameRange(start=0, stop=len(case.frames))
    ours = fill_background(case.frames, case.mask, DisFlow(), classical=True, shots=[shot])
    made = {
        "ours": ours.frames,
        "Telea": fill_telea(case.frames, case.mask),
        "PatchMatch": fill_patchmatch(case.frames, case.mask),
    }
    shown = {name: result for name, result in made.items() if result is not None}
    decibels = [
        float("nan") if r is None else psnr(r, case.truth, case.known) for r in made.values()
    ]
    flicker = [float("nan") if r is None else relative_flicker(r, case) for r in made.values()]
    never = float((ours.never_seen > 0.5).sum() / (case.mask > 0.5).sum())
    numbers = " ".join(f"{value:6.1f}" for value in decibels)
    flickers = " ".join(f"{value:6.2f}" for value in [*flicker, relative_flicker(case.truth, case)])
    print(f"{case.name:24} {never:6.0%} {numbers}            {flickers}", flush=True)
    if sheets:
        _save_sheet(sheets / f"rest_{case.name}.png", case, shown)


def relative_flicker(result: Tensor, case: Case) -> float:
    """Flicker inside the hole, as a multiple of the source's around it."""
    from vivid_core.metrics.flicker import temporal_flicker

    side = 2 * RING + 1
    wide = functional.max_pool2d(case.mask[:, None], side, stride=1, padding=RING)[:, 0]
    around = temporal_flicker(case.frames, (wide - case.mask).clamp(0, 1))
    return temporal_flicker(result, case.known) / max(around, 1e-9)


def fill_patchmatch(frames: Tensor, mask: Tensor) -> Tensor | None:
    """Each frame by itself; None where the package is not installed."""
    try:
        import patchmatch
    except ImportError:
        return None
    filled = frames.clone()
    for out, hole in zip(filled, mask > 0.5, strict=True):
        patchmatch.set_random_seed(0)
        levels = (out.numpy() * 255).round().astype(np.uint8)
        made = patchmatch.inpaint(levels, hole.numpy(), patch_size=3)
        out[hole] = (torch.from_numpy(made).float() / 255)[hole]
    return filled


def read_small(path: Path, frames: int | None = None) -> Tensor:
    """The first frames of a clip, scaled to the benchmark's width, in 8 bits."""
    from vivid_core.media import read_clip
    from vivid_core.video import FrameRange

    part = None if frames is None else FrameRange(start=0, stop=frames)
    clip = read_clip(path, range=part).frames
    size = (WIDTH, round(clip.shape[1] * WIDTH / clip.shape[2] / 2) * 2)
    small = [cv2.resize(frame.numpy(), size, interpolation=cv2.INTER_AREA) for frame in clip]
    return (torch.from_numpy(np.stack(small)) * 255).round() / 255


def _with_logo(name: str, truth: Tensor) -> Case:
    height, width = truth.shape[1:3]
    drawn = np.zeros((height, width), np.uint8)
    place = (round(0.06 * width), round(0.2 * height))
    cv2.putText(
        drawn, "VIVID", place, cv2.FONT_HERSHEY_DUPLEX, height / 160, 255, max(2, height // 45)
    )
    ink = drawn.astype(np.float32) / 255
    hole = cv2.dilate(ink, np.ones((5, 5), np.uint8)) > 0
    alpha = torch.from_numpy(ink)[None, ..., None]
    mask = torch.from_numpy(hole).float().expand(len(truth), -1, -1).contiguous()
    frames = ((truth + alpha * (torch.tensor(LOGO_COLOR) - truth)) * 255).round() / 255
    return Case(name=f"{name}, logo", frames=frames, truth=truth, mask=mask, known=mask)


def _masked(path: Path, folder: Path, count: int) -> Case:
    """The thing that a clip's own masks mark; known is what other frames show of what it hides."""
    from vivid_core.mask.grow import grow_mask

    frames = read_small(path, count)
    height, width = frames.shape[1:3]
    files = sorted(folder.glob("*.png"))[: len(frames)]
    marks = [np.asarray(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)) for file in files]
    size = (width, height)
    small = [
        cv2.resize((mark.reshape(*mark.shape[:2], -1).max(-1) > 0).astype(np.float32), size) > 0
        for mark in marks
    ]
    mask = grow_mask(torch.from_numpy(np.stack(small)).float(), 4)
    open_ = mask <= 0.5
    plate = torch.where(open_[..., None], frames, torch.nan).nanmedian(dim=0).values
    known = ((open_.sum(0) >= SEEN_OFTEN) & (mask > 0.5)).float()
    truth = torch.where(known[..., None] > 0.5, plate.nan_to_num(0), frames)
    return Case(name=f"{path.stem}, masks", frames=frames, truth=truth, mask=mask, known=known)


def _moving(path: Path, count: int) -> Case:
    """What differs from the median of a clip whose camera stands still."""
    frames = read_small(path, count)
    plate = frames.median(dim=0).values
    apart = (frames - plate).abs().amax(dim=-1).numpy() > APART
    size = (MARGIN, MARGIN)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size)
    solid = [cv2.morphologyEx(a.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3))) for a in apart]
    mask = torch.from_numpy(np.stack([cv2.dilate(s, disc) for s in solid])).float()
    truth = torch.where(mask[..., None] > 0, plate, frames)
    return Case(name=f"{path.stem}, moving", frames=frames, truth=truth, mask=mask, known=mask)


def print_speed(arguments: argparse.Namespace) -> None:
    print(f"{'frames':>7} {'ms a frame':>11} {'dB':>6}   older code: ms a frame, dB")
    context = multiprocessing.get_context("spawn")
    for count in arguments.lengths:
        roots = [ROOT, *([arguments.old] if arguments.old else [])]
        rows = []
        for root in roots:
            with context.Pool(1) as pool:
                rows.append(pool.apply(_timed, (root, arguments.clips[0], count)))
        print(f"{count:7} " + "   ".join(f"{ms:11.0f} {db:6.2f}" for ms, db in rows), flush=True)


def _timed(root: Path, path: Path, count: int) -> tuple[float, float]:
    """Milliseconds a frame of a fill by the code below `root`, and dB of what it filled."""
    sys.path.insert(0, str(root))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    from vivid_core.flow.dis import DisFlow
    from vivid_core.flow.fill import fill_background
    from vivid_core.metrics.psnr import psnr
    from vivid_core.video import FrameRange

    truth = there_and_back(read_small(path), count)
    frames, mask = with_disc(truth)
    started = time.process_time()
    shot = FrameRange(start=0, stop=count)
    found = fill_background(frames, mask, DisFlow(), shots=[shot])
    spent = time.process_time() - started
    seen = ((mask > 0.5) & (found.never_seen < 0.5)).float()
    return 1000 * spent / count, psnr(found.frames, truth, seen)


def there_and_back(frames: Tensor, count: int) -> Tensor:
    turn = 2 * len(frames) - 2
    order = [t if t < len(frames) else turn - t for t in (i % turn for i in range(count))]
    return frames[order]


def with_disc(truth: Tensor) -> tuple[Tensor, Tensor]:
    """A disc that crosses the lower part of the clip in 49 frames, there and back; and its mask."""
    count, height, width = truth.shape[:3]
    discs = np.zeros((count, height, width), np.float32)
    for t, disc in enumerate(discs):
        way = t % 96 / 48
        x = 0.08 + 0.84 * (way if way <= 1 else 2 - way)
        center = (round(x * width), round(0.86 * height))
        cv2.circle(disc, center, round(0.11 * height), 1.0, -1)
    holes = np.stack([cv2.dilate(disc, np.ones((7, 7), np.uint8)) for disc in discs])
    alpha = torch.from_numpy(discs)[..., None]
    return truth + alpha * (torch.tensor(DISC_COLOR) - truth), torch.from_numpy(holes)


def print_memory(arguments: argparse.Namespace) -> None:
    print(f"{'frames':>7} {'peak MiB':>9} {'ms a frame, all':>16}")
    context = multiprocessing.get_context("spawn")
    for count in arguments.lengths:
        with tempfile.TemporaryDirectory() as folder:
            with context.Pool(1) as pool:
                pool.apply(_write_disc, (arguments.clips[0], count, Path(folder)))
            with context.Pool(1) as pool:
                peak, each = pool.apply(_filled_file, (Path(folder), count))
        print(f"{count:7} {peak:9.0f} {each:16.0f}", flush=True)


def _filled_file(folder: Path, count: int) -> tuple[float, float]:
    """Peak memory in MiB of `vivid fill` of a file, and milliseconds a frame with all it does."""
    sys.path.insert(0, str(ROOT))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    from vivid_core.cli import main as vivid

    names = [f"{folder}/{name}" for name in ("clip.mkv", "mask.mkv", "out.mkv")]
    started = time.process_time()
    vivid(["fill", "--video", names[0], "--mask", names[1], "--out", names[2]])
    spent = time.process_time() - started
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1000 * spent / count


def _write_disc(path: Path, count: int, folder: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from fractions import Fraction

    from vivid_core.media import write_clip

    frames, mask = with_disc(there_and_back(read_small(path), count))
    write_clip(folder / "clip.mkv", frames, fps=Fraction(8))
    write_clip(folder / "mask.mkv", (m[..., None].expand(-1, -1, 3) for m in mask), fps=Fraction(8))


def _save_sheet(path: Path, case: Case, made: dict[str, Tensor]) -> None:
    from vivid_core.media import save_image
    from vivid_core.metrics.sheet import SheetRow, draw_sheet

    panels = {"source": case.frames, **made, "truth": case.truth}
    times = (0, len(case.frames) // 2, len(case.frames) - 1)
    rows = [
        SheetRow(label=f"frame {t}", panels=tuple(panel[t] for panel in panels.values()))
        for t in times
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(path, draw_sheet(tuple(panels), rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("quality", "speed", "memory"))
    parser.add_argument("clips", type=Path, nargs="*")
    parser.add_argument("--masks", type=Path, help="of the first clip: a folder of images")
    parser.add_argument("--moving", action="store_true", help="clips of a camera that stands still")
    parser.add_argument("--frames", type=int, default=24, help="of each clip, for quality")
    parser.add_argument("--lengths", type=int, nargs="+", default=[25, 49, 120, 300, 1200])
    parser.add_argument("--old", type=Path, help="a checkout of older code, to time beside")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    return parser


if __name__ == "__main__":
    main()
