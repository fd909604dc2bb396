"""Dissolves and fades join scenes; one join each, in their middle, and nothing else makes one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.media import read_clip
from vivid_core.plan.cuts import CutFinder, survey_frames
from vivid_core.plan.gradual import SPANS
from vivid_core.video import FrameRange

SIZE = (48, 72)  # height, width
SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=10, derandomize=True)


def texture(seed: int, width: int = SIZE[1]) -> np.ndarray:
    """Patches of colour, coarse and fine, in floats of 0..255."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((SIZE[0], width, 3), np.float32)
    for cells, weight in ((3, 0.4), (12, 0.6)):
        drawn = rng.random((cells, max(2, cells * width // SIZE[0]), 3)).astype(np.float32)
        picture += weight * cv2.resize(drawn, (width, SIZE[0]), interpolation=cv2.INTER_LINEAR)
    return picture * (0.3 + 0.7 * rng.random(3)) * 255


def pan(seed: int, count: int, speed: float) -> np.ndarray:
    """A camera that moves so many pixels a frame over a wide picture."""
    lefts = [int(t * speed) for t in range(count)]
    wide = texture(seed, SIZE[1] + lefts[-1])
    return np.stack([wide[:, left : left + SIZE[1]] for left in lefts])


def dissolve(a: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """Two clips that overlap by so many frames."""
    share = (np.arange(1, steps + 1) / (steps + 1))[:, None, None, None]
    mixed = a[len(a) - steps :] * (1 - share) + b[:steps] * share
    return np.concatenate([a[: len(a) - steps], mixed, b[steps:]])


def ramp(frames: np.ndarray, steps: int, level: float) -> np.ndarray:
    """The last frames go over to one grey, which they reach."""
    share = np.clip(np.arange(steps, steps - len(frames), -1)[::-1] / steps, 0, 1)
    share = share[:, None, None, None]
    return frames * (1 - share) + level * share


def starts(frames: np.ndarray) -> list[int]:
    return [
        shot.start
        for shot in survey_frames(np.rint(frames).astype(np.uint8), gradual=True).shots[1:]
    ]


@QUICK
@given(SEEDS, st.integers(3, 30), st.sampled_from([0.0, 0.1, 0.2]), st.integers(0, 12))
def test_a_dissolve_is_one_join_in_its_middle(seed: int, steps: int, speed: float, rest: int):
    length = steps + 8 + rest
    frames = dissolve(pan(seed, length, speed), pan(seed + 1, length, speed), steps)
    (found,) = starts(frames)
    assert length - steps <= found <= length


@QUICK
@given(SEEDS, st.integers(4, 20), st.integers(1, 9), st.sampled_from([0.0, 255.0, 90.0]))
def test_a_fade_through_one_colour_is_one_join(seed: int, steps: int, dark: int, level: float):
    a, b = (pan(s, steps + 8, 0) for s in (seed, seed + 1))
    rising = ramp(b[::-1], steps, level)[::-1]
    flat = np.full((dark, *SIZE, 3), level)
    (found,) = starts(np.concatenate([ramp(a, steps, level), flat, rising]))
    assert 8 < found <= len(a) + dark + steps


@QUICK
@given(SEEDS, st.integers(4, 20), st.sampled_from([0.0, 255.0]))
def test_a_fade_to_nothing_is_none(seed: int, steps: int, level: float):
    """But for the step to the flat frame itself, which may be a cut."""
    out = ramp(pan(seed, steps + 10, 0), steps, level)
    gone = np.concatenate([out, out[-1:].repeat(5, axis=0)])
    assert starts(gone) in ([], [len(out) - 1])
    assert starts(gone[::-1]) in ([], [6])


def test_pans_are_hardly_ever_taken_for_one():
    taken = [seed for seed in range(36) if starts(pan(seed, 45, seed % 9))]
    assert len(taken) <= 2, taken


@QUICK
@given(SEEDS, st.floats(0.8, 3.0))
def test_zooms_and_changing_light_are_none(seed: int, power: float):
    picture = texture(seed, 2 * SIZE[1])[:, : SIZE[1]]
    shares = np.linspace(0, 1, 30) ** power
    dimmed = np.stack([picture * (1 - 0.8 * share) for share in shares])
    zoomed = []
    for share in shares:
        height, width = (round(side * (1 - 0.7 * share)) for side in SIZE)
        crop = np.ascontiguousarray(picture[:height, :width])
        zoomed.append(cv2.resize(crop, SIZE[::-1], interpolation=cv2.INTER_LINEAR))
    assert starts(dimmed) == starts(np.stack(zoomed)) == []


@QUICK
@given(SEEDS, st.integers(4, 20), st.integers(1, 8))
def test_a_thing_that_crosses_the_picture_is_none(seed: int, size: int, speed: int):
    ground, thing = texture(seed), texture(seed + 1)
    frames = []
    for t in range(40):
        frame = ground.copy()
        left = t * speed - size
        frame[6:42, max(left, 0) : max(left + size, 0)] = thing[6:42, : SIZE[1]][
            :, : min(size, max(left + size, 0), max(SIZE[1] - left, 0))
        ]
        frames.append(frame)
    assert starts(np.stack(frames)) == []


@QUICK
@given(SEEDS, st.sampled_from([0.0, 0.5]), st.integers(6, 20))
def test_hard_cuts_stay_where_they_are(seed: int, speed: float, length: int):
    shots = [pan(seed + i, length, speed) for i in range(3)]
    assert starts(np.concatenate(shots)) == [length, 2 * length]


def test_what_is_kept_does_not_grow():
    finder = CutFinder(gradual=True)
    for frame in pan(0, 3 * SPANS[-1], 0).astype(np.uint8):
        finder.add(frame)
    assert len(finder._gradual._seen) == SPANS[-1] + 1


@pytest.mark.clips
def test_real_scenes_dissolve_once(clips_dir):
    first = FrameRange(start=0, stop=24)
    a, b = (
        read_clip(clips_dir / f"{name}.mp4", range=first).frames[:, ::8, ::8].numpy() * 255
        for name in ("hiker", "train_running")
    )
    height, width = (min(pair) for pair in zip(a.shape[1:3], b.shape[1:3], strict=True))
    frames = dissolve(a[:, :height, :width], b[:, :height, :width], 12)
    (found,) = starts(frames)
    assert 12 <= found <= 24
