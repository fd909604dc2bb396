"""What clicks at random take on real clips, and how often the flow tracker doubts them.

python benchmarks/strays.py CLIPS [--clicks 12] [--scenes 12]

Nobody means such a click: what it takes is ground, sky, a part of a part. Beside it clicks on the
things of procedural scenes, which mean something, and should raise no doubt.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vivid_core.media import VideoReader
from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED, draw_scene
from vivid_core.track.flow_memory import FlowView
from vivid_core.track.growth import MOST_SHARE
from vivid_core.track.prompts import FramePrompt, Point
from vivid_core.track.segment import segment_object
from vivid_core.track.steady import LEAST_AGREEMENT, agreement, is_ground

RIGHT = 0.5  # IoU of a mask with the thing that was clicked on
FRAMES = (0, 24)


@dataclass(frozen=True, kw_only=True)
class Click:
    """What one click took; `overlap` with the truth, where that is known."""

    fickle: bool
    large: bool
    ground: bool
    overlap: float = 0.0

    @property
    def doubted_before(self) -> bool:
        return self.fickle or self.large

    @property
    def doubted(self) -> bool:
        return self.doubted_before or self.ground


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what random clicks raise.")
    parser.add_argument("clips", type=Path)
    parser.add_argument("--clicks", type=int, default=12, help="of each clip")
    parser.add_argument("--scenes", type=int, default=12)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for path in sorted(arguments.clips.glob("*.mp4")):
        _print(path.stem, list(stray(path, arguments.clicks)))
    meant = list(meant_clicks(arguments.scenes))
    _print("procedural, meant", meant)
    right = [click for click in meant if click.overlap > RIGHT]
    _print(f"  of these right (IoU over {RIGHT:g})", right)


def stray(path: Path, count: int) -> Iterator[Click]:
    dice = np.random.default_rng([7, *path.stem.encode()])
    with VideoReader(path) as reader:
        frames = [frame.pixels for n, frame in enumerate(reader) if n in FRAMES]
    for number in range(count):
        view = FlowView.of(frames[number % len(frames)][..., :3])
        height, width = view.full_size
        point = Point(x=float(dice.uniform(0, width - 1)), y=float(dice.uniform(0, height - 1)))
        yield look(view, point)


def meant_clicks(scenes: int) -> Iterator[Click]:
    """One on each thing of each scene, anywhere inside it."""
    for seed in range(HELD_OUT_SEED + 500, HELD_OUT_SEED + 500 + scenes):
        scene = draw_scene(seed, frames=2, height=120, width=176)
        truth = scene.mask()[0] > 0.5
        inner = cv2.erode(truth.astype(np.uint8), np.ones((5, 5), np.uint8))
        rows, columns = np.nonzero(inner)
        if not len(rows):
            continue
        at = int(np.random.default_rng(seed).integers(len(rows)))
        view = FlowView.of((scene.render()[0] * 255).round().astype(np.uint8))
        yield look(view, Point(x=float(columns[at]), y=float(rows[at])), truth)


def look(view: FlowView, point: Point, truth: np.ndarray | None = None) -> Click:
    prompt = FramePrompt(frame=0, points=(point,))
    mask = segment_object(view.rgb, prompt, scale=view.scale)
    found = 0.0
    if truth is not None:
        found = np.count_nonzero(mask & truth) / max(1, np.count_nonzero(mask | truth))
    return Click(
        fickle=agreement(segment_object, view, prompt, mask) < LEAST_AGREEMENT,
        large=bool(mask.mean() > MOST_SHARE),
        ground=is_ground(mask),
        overlap=found,
    )


def _print(name: str, clicks: list[Click]) -> None:
    count = max(1, len(clicks))
    shares = {
        kind: sum(getattr(click, kind) for click in clicks) / count
        for kind in ("fickle", "large", "ground", "doubted_before", "doubted")
    }
    words = ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items())
    print(f"{name:36} {len(clicks):3} clicks: {words}", flush=True)


if __name__ == "__main__":
    main()
