"""Memory and overlap of long edits: peak memory by length, and writing beside the model's work.

    python benchmarks/long_video.py [--frames 120 1200] [--fill auto]

Each measure is a process of its own: vivid-tiny, frames of 128x96, one step, a moving mask.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vivid_core.chain.request import VideoFiles
from vivid_core.chain.run import edit_video
from vivid_core.chain.sources import open_masks
from vivid_core.media import VideoWriter
from vivid_core.runtime import Progress, Runtime
from vivid_core.settings import Fill, Settings
from vivid_core.tiny import load_tiny

HEIGHT, WIDTH, SIDE = 96, 128, 24
RATE = Fraction(24)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Times in seconds."""

    frames: int
    windows: int
    editing: float  # from the first window to the last
    tail: float  # from then until the file was there
    again: float  # reading, writing and nothing else: all windows were there
    peak_mib: float


class Clock:
    """When each stage was last and first reported."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        self.first.setdefault(progress.stage, now)
        self.last[progress.stage] = now


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure long edits.")
    parser.add_argument("--frames", type=int, nargs="+", default=[120, 1200])
    parser.add_argument("--fill", choices=get_args(Fill), default="off")
    arguments = parser.parse_args()
    print(f"{WIDTH}x{HEIGHT}, vivid-tiny, one step, lossless output, fill {arguments.fill}")
    print(
        f"{'frames':>7} {'windows':>8} {'editing s':>10} {'tail s':>7} {'file alone s':>13}"
        f" {'overlapped':>11} {'peak MiB':>9} {'of first':>9}"
    )
    context, first = multiprocessing.get_context("spawn"), None
    for count in arguments.frames:
        with context.Pool(1) as pool:
            found = pool.apply(measure, (count, arguments.fill))
        first = first or found.peak_mib
        print(
            f"{found.frames:7} {found.windows:8} {found.editing:10.1f} {found.tail:7.2f}"
            f" {found.again:13.2f} {1 - found.tail / found.again:11.0%} {found.peak_mib:9.0f}"
            f" {found.peak_mib / first:9.1%}",
            flush=True,
        )


def measure(count: int, fill: Fill) -> Measure:
    """One edit of this many frames, then the same with every window there, in this process."""
    bundle, clock = load_tiny(), Clock()
    with tempfile.TemporaryDirectory() as name:
        request = make_request(Path(name), count, fill)
        report = edit_video(bundle, *request, Runtime(report=clock))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started, again = time.monotonic(), Clock()
        edit_video(bundle, *request, Runtime(report=again))
    return Measure(
        frames=count,
        windows=report.edit.windows,
        editing=clock.last["decode"] - clock.first["encode"],
        tail=clock.first["write"] - clock.last["decode"],
        again=again.first["write"] - started,
        peak_mib=peak,
    )


def make_request(folder: Path, count: int, fill: Fill) -> tuple[VideoFiles, Settings]:
    write(folder / "clip.mkv", (frame for frame, _ in scene(count)))
    write(folder / "mask.mkv", (mask for _, mask in scene(count)))
    files = VideoFiles(
        source=folder / "clip.mkv",
        masks=open_masks(folder / "mask.mkv"),
        out=folder / "out.mkv",
        work=folder / "work",
    )
    return files, Settings(task="delete", steps=1, guidance=1.0, fill=fill)


def scene(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames of a square that goes round over a texture, and their masks, one at a time."""
    texture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    for number in range(count):
        y = round((HEIGHT - SIDE) * (0.5 + 0.5 * np.sin(number / 19)))
        x = round((WIDTH - SIDE) * (0.5 + 0.5 * np.cos(number / 23)))
        frame, mask = texture.copy(), np.zeros_like(texture)
        frame[y : y + SIDE, x : x + SIDE] = (220, 40, 40)
        mask[y : y + SIDE, x : x + SIDE] = 255
        yield frame, mask


def write(path: Path, frames: Iterator[np.ndarray]) -> None:
    with VideoWriter(path, fps=RATE, size=(HEIGHT, WIDTH)) as writer:
        for frame in frames:
            writer.write(frame)


if __name__ == "__main__":
    main()
