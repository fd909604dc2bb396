"""Speed and memory of reading and writing video, against the media library's own shortest way.

    python benchmarks/media.py [CLIP] [--frames 200]

CLIP is any video; its frames are repeated, at 720x480 a generated picture if none is given.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vivid_core.media import VideoReader, VideoWriter

RATE = Fraction(30)
SHORT, LONG = 100, 1000  # frames whose peak memory is compared
REPEATS = 3


@dataclass(frozen=True, kw_only=True)
class Speed:
    rate: float  # frames a second
    cpu_ms: float  # of all threads, for each frame


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure reading and writing video.")
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        frames = load_frames(arguments.clip, 50)
        height, width = frames[0].shape[:2]
        print(f"PyAV {av.__version__}, {width}x{height}, {os.cpu_count()} cores")
        print(f"{'what':34} {'frames/s':>9} {'CPU ms/frame':>13} {'of plain':>9}")
        measure_speed(Path(folder), frames, arguments.frames)
        measure_memory(Path(folder), frames)


def measure_speed(folder: Path, frames: list[np.ndarray], count: int) -> None:
    plain = folder / "plain.mp4"
    baseline = best_of(lambda: write_plain(plain, repeat(frames, count)), count)
    show("write H.264, plain PyAV, crf 12", baseline, baseline)
    for name, what in {"a.mp4": "H.264", "a.mkv": "FFV1", "a.mov": "ProRes 4444"}.items():
        path = folder / name
        speed = best_of(lambda path=path: write(path, repeat(frames, count)), count)
        show(f"write {what}, VideoWriter", speed, baseline)
    baseline = best_of(lambda: read_plain(plain), count)
    show("read H.264, plain to_ndarray", baseline, baseline)
    show("read H.264, VideoReader", best_of(lambda: read(plain), count), baseline)
    show("read FFV1, VideoReader", best_of(lambda: read(folder / "a.mkv"), count), baseline)


def measure_memory(folder: Path, frames: list[np.ndarray]) -> None:
    print(f"\n{'peak memory':34} {SHORT:>6} frames {LONG:>6} frames {'ratio':>6}")
    paths = {count: folder / f"{count}.mp4" for count in (SHORT, LONG)}
    for count, path in paths.items():
        write_plain(path, repeat(frames, count), preset="ultrafast")
    for task in (read, copy):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
            short, long = pool.map(peak_memory, [task] * 2, [paths[SHORT], paths[LONG]])
        mebibytes = f"{short / 2**20:9.0f} MiB {long / 2**20:9.0f} MiB"
        print(f"{task.__name__:34} {mebibytes} {long / short:6.2f}")


def load_frames(clip: Path | None, count: int) -> list[np.ndarray]:
    if clip is not None:
        with VideoReader(clip) as reader:
            return [frame.pixels[..., :3] for frame in islice(reader, count)]
    y, x = np.mgrid[0:480, 0:720].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 6, (480, 720, 3))
    waves = [np.stack([x / 3, y / 2, (x + y) / 5], -1) + 4 * i for i in range(count)]
    return [(np.abs(wave % 510 - 255) + noise).clip(0, 255).astype(np.uint8) for wave in waves]


def repeat(frames: list[np.ndarray], count: int) -> Iterator[np.ndarray]:
    return islice(cycle(frames), count)


def write(path: Path, frames: Iterator[np.ndarray]) -> None:
    first = next(frames)
    with VideoWriter(path, fps=RATE, size=first.shape[:2]) as writer:
        writer.write(first)
        for frame in frames:
            writer.write(frame)


def write_plain(path: Path, frames: Iterator[np.ndarray], *, preset: str = "medium") -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": preset})
        stream.pix_fmt = "yuv420p"
        for index, pixels in enumerate(frames):
            if index == 0:
                stream.height, stream.width = pixels.shape[:2]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        file.mux(stream.encode(None))


def read(path: Path) -> None:
    with VideoReader(path) as reader:
        for frame in reader:
            frame.pixels.sum()


def read_plain(path: Path) -> None:
    with av.open(str(path)) as file:
        file.streams.video[0].thread_type = "AUTO"
        for frame in file.decode(video=0):
            frame.to_ndarray(format="rgb24").sum()


def copy(path: Path) -> None:
    with VideoReader(path) as reader:
        write(path.with_suffix(".copy.mp4"), (frame.pixels for frame in reader))


def peak_memory(task: Callable[[Path], None], path: Path) -> int:
    """Bytes this process has held at most."""
    task(path)
    status = Path("/proc/self/status")
    if status.exists():  # Linux hands ru_maxrss down from the parent process
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def best_of(run: Callable[[], None], frames: int) -> Speed:
    """The best of a few runs."""
    speeds = []
    for _ in range(REPEATS):
        started, busy = time.perf_counter(), time.process_time()
        run()
        wall, cpu = time.perf_counter() - started, time.process_time() - busy
        speeds.append(Speed(rate=frames / wall, cpu_ms=cpu / frames * 1000))
    return max(speeds, key=lambda speed: speed.rate)


def show(what: str, speed: Speed, baseline: Speed) -> None:
    ratio = speed.rate / baseline.rate
    print(f"{what:34} {speed.rate:9.0f} {speed.cpu_ms:13.2f} {ratio:8.2f}x")


if __name__ == "__main__":
    main()
