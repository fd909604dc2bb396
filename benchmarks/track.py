"""The flow engine on scenes with known masks: overlap, what follows an occlusion, memory, speed.

python benchmarks/track.py [--scenes 20] [--frames 49] [--height 120] [--width 176] [--memory]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED, Scene, Thing, draw_scene
from vivid_core.track.flow import FlowTracker
from vivid_core.track.frames import FrameSource
from vivid_core.track.prompts import FramePrompt, ObjectPrompts, PaintedMask, Prompts
from vivid_core.track.store import ObjectMask
from vivid_core.track.track import track_objects
from vivid_core.video import FrameRange

MOST_HIDDEN, LEAST_LEFT = 0.02, 0.5  # a scene counts as free of occlusion within these
SHORT, LONG = 100, 1000  # frames whose peak memory is compared
LIMIT = 1.15


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the flow tracker.")
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--height", type=int, default=120)
    parser.add_argument("--width", type=int, default=176)
    parser.add_argument("--memory", action="store_true", help="also 100 against 1,000 frames")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    size = (arguments.frames, arguments.height, arguments.width)
    measure_overlap(size, arguments.scenes)
    measure_occlusion(size)
    if arguments.memory:
        measure_memory(size)


def measure_overlap(size: tuple[int, int, int], count: int) -> None:
    """Scenes whose target is neither covered nor leaves the picture."""
    print(f"{'scene':28} {'mean IoU':>9} {'least':>6} {'lost':>5} {'ms/frame':>9}")
    means = []
    for scene, truth in open_scenes(size, count):
        started = time.process_time()
        records = follow(scene, truth)
        spent = (time.process_time() - started) / len(truth) * 1000
        ious = [overlap(r.pixels, mask) for r, mask in zip(records, truth, strict=True)]
        lost = sum(record.state == "lost" for record in records)
        means.append(float(np.mean(ious)))
        name = scene.target_thing.words
        print(f"{name:28} {means[-1]:9.3f} {min(ious):6.3f} {lost:5} {spent:9.0f}", flush=True)
    print(f"{'all':28} {np.mean(means):9.3f} {min(means):6.3f}")


def measure_occlusion(size: tuple[int, int, int]) -> None:
    """A target that a larger thing hides completely; with a twin of it in sight, and without."""
    head = ("hidden, not lost", "stray, of area", "IoU at the end", "state")
    print(f"\n{'after a full occlusion':28} {head[0]:>17} {head[1]:>15} {head[2]:>15} {head[3]:>8}")
    colors = [("red", "blue"), ("green", "cyan"), ("orange", "red"), ("purple", "blue")]
    for seed, (color, cover) in enumerate(colors):
        for twin in (False, True):
            scene = hide(draw_scene(seed, frames=33, height=size[1], width=size[2]), color, cover)
            scene = add_twin(scene) if twin else scene
            truth = scene.mask() > 0.5
            show_occlusion(f"{color} behind {cover}{', twin' if twin else ''}", scene, truth)


def show_occlusion(name: str, scene: Scene, truth: np.ndarray) -> None:
    records = follow(scene, truth)
    area = np.count_nonzero(truth[0])
    missed = sum(
        r.state != "lost" for r, mask in zip(records, truth, strict=True) if not mask.any()
    )
    stray = max(np.count_nonzero(r.pixels & ~mask) for r, mask in zip(records, truth, strict=True))
    end = overlap(records[-1].pixels, truth[-1])
    print(f"{name:28} {missed:17} {stray / area:15.2f} {end:15.2f} {records[-1].state:>8}")


def measure_memory(size: tuple[int, int, int]) -> None:
    """Peak memory of whole runs, each in a process of its own."""
    print(f"\n{'peak memory':28} {SHORT:>9} frames {LONG:>9} frames  ratio")
    for backward in (False, True):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
            tasks = [(size[1], size[2], count, backward) for count in (SHORT, LONG)]
            short, long = pool.map(peak_memory, tasks)
        name = "backward" if backward else "forward"
        ratio = long / short
        verdict = "" if ratio <= LIMIT else f"  over {LIMIT}"
        figures = f"{short / 2**20:12.0f} MiB {long / 2**20:12.0f} MiB"
        print(f"{name:28} {figures} {ratio:6.2f}{verdict}", flush=True)


def peak_memory(task: tuple[int, int, int, bool]) -> int:
    """Bytes this process held at most while it tracked a clip of this many frames."""
    height, width, count, backward = task
    cv2.setNumThreads(1)
    source: FrameSource = Loop(height=height, width=width, count=count)
    frame = count - 1 if backward else 0
    mask = source.scene_mask(frame)  # pyright: ignore
    prompt = FramePrompt(frame=frame, mask=PaintedMask.of(mask))
    with tempfile.TemporaryDirectory() as folder:
        prompts = Prompts(objects=(ObjectPrompts(id=1, frames=(prompt,)),))
        track_objects(source, prompts, FlowTracker(), Path(folder) / "track")
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A disc that swings over a ramp, drawn when asked for."""

    height: int
    width: int
    count: int
    fps = Fraction(24)

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    def __len__(self) -> int:
        return self.count

    def scene_mask(self, frame: int) -> np.ndarray:
        y, x = np.mgrid[0 : self.height, 0 : self.width]
        center = self.width / 2 + self.width / 4 * np.sin(frame / 12)
        return np.hypot(x - center, y - self.height / 2) < self.height / 6

    def read(self, frames: FrameRange) -> Iterator[np.ndarray]:
        y, x = np.mgrid[0 : self.height, 0 : self.width]
        ramp = np.stack([x * 255 // self.width, y * 255 // self.height, (x * y) % 90], -1)
        for frame in range(frames.start, frames.stop):
            picture = ramp.astype(np.uint8)
            picture[self.scene_mask(frame)] = (220, 40, 40)
            yield picture


def open_scenes(size: tuple[int, int, int], count: int) -> Iterator[tuple[Scene, np.ndarray]]:
    frames, height, width = size
    seed, found = HELD_OUT_SEED, 0
    while found < count:
        scene = draw_scene(seed, frames=frames, height=height, width=width)
        truth, whole = scene.mask() > 0.5, scene.mask(visible=False) > 0.5
        areas, seen = whole.sum((1, 2)), truth.sum((1, 2))
        hidden = 1 - (seen / np.maximum(areas, 1)).min()
        seed += 1
        if hidden <= MOST_HIDDEN and areas.min() >= LEAST_LEFT * areas.max():
            found += 1
            yield scene, truth


def hide(scene: Scene, color: str, cover: str) -> Scene:
    thing = Thing(
        shape="circle",
        color=color,
        radius=8.5,
        center=(2.0, 0.0),
        swing=(0.0, 0.0),
        rate=0.1,
        path_phase=0.0,
        tilt=0.0,
        spin=0.0,
        anchored=False,
    )
    square = replace(
        thing, shape="square", color=cover, radius=20.0, center=(-5.0, 0.0), rate=0.05,
        swing=(70.0, 0.0),
    )  # fmt: skip
    return replace(scene, things=(thing, square), target=0)


def add_twin(scene: Scene) -> Scene:
    twin = replace(scene.things[0], radius=8.0, center=(-30.0, -20.0))
    return replace(scene, things=(twin, *scene.things), target=1)


def follow(scene: Scene, truth: np.ndarray) -> list[ObjectMask]:
    """Records of all frames, from the true mask of the first."""
    frames = (scene.render() * 255).round().astype(np.uint8)
    engine = FlowTracker()
    follower = engine.follower()
    prompt = FramePrompt(frame=0, mask=PaintedMask.of(truth[0]))
    first = follower.prompt(engine.view(frames[0]), prompt)
    return [first, *(follower.follow(engine.view(frame)) for frame in frames[1:])]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


if __name__ == "__main__":
    main()
