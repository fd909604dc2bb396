"""The meadow: what is known about it is exact, at any size and length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.scenery.meadow import draw_meadow
from vivid_core.scenery.sound import SAMPLE_RATE

some = settings(max_examples=6)
seeds = st.integers(0, 2**32 - 1)
SMALL = {"frames": 5, "height": 80, "width": 120}


@some
@given(seeds)
def test_the_same_seed_gives_the_same_clip(seed: int) -> None:
    one, other = draw_meadow(seed, **SMALL), draw_meadow(seed, **SMALL)
    assert np.array_equal(one.render(), other.render())
    assert np.array_equal(one.sound(24), other.sound(24))


def test_seeds_differ_in_light_coat_and_way() -> None:
    meadows = [draw_meadow(seed, **SMALL) for seed in range(12)]
    assert len({(m.caption, m.palette.light) for m in meadows}) == 12
    assert {m.walk[-1] > m.walk[0] for m in meadows} == {True, False}
    cameras = [m.camera.tobytes() for m in meadows]
    assert len(set(cameras)) == 12


@some
@given(seeds)
def test_outside_the_footprint_frames_are_the_background(seed: int) -> None:
    meadow = draw_meadow(seed, **SMALL)
    changed = np.abs(meadow.render() - meadow.background()).max(axis=-1) > 0
    foot, mask = meadow.footprint() > 0, meadow.mask()
    assert not (changed & ~foot).any()
    assert changed[foot].mean() > 0.9
    assert not ((mask > 0) & ~foot).any()
    assert 0 <= mask.min() and mask.max() <= 1


@some
@given(seeds)
def test_under_the_shadow_the_ground_is_darker(seed: int) -> None:
    meadow = draw_meadow(seed, **SMALL)
    shadow = (meadow.footprint() > 0) & (meadow.mask() == 0)
    darker = (meadow.background() - meadow.render()).min(axis=-1)
    assert shadow.any() and (darker[shadow] >= 0).all()


@pytest.mark.parametrize("size", [(320, 480), (64, 64), (16, 200), (240, 32)])
@pytest.mark.parametrize("frames", [1, 3])
def test_any_size_and_length(size: tuple[int, int], frames: int) -> None:
    meadow = draw_meadow(3, frames=frames, height=size[0], width=size[1])
    pixels = meadow.render()
    assert pixels.shape == (frames, *size, 3) and pixels.dtype == np.float32
    assert 0 <= pixels.min() and pixels.max() <= 1
    assert meadow.background().shape == pixels.shape
    assert meadow.mask().shape == meadow.footprint().shape == (frames, *size)
    assert (meadow.mask().reshape(frames, -1).max(axis=1) > 0.9).all()


@pytest.mark.parametrize("frames", [49, 200])
def test_the_fox_stays_in_view_and_passes_more_than_its_length(frames: int) -> None:
    meadow = draw_meadow(0, frames=frames, height=80, width=120)
    across = meadow.mask().max(axis=1) > 0.5
    assert not across[:, [0, -1]].any()
    length = across.sum(axis=1).max() / meadow.unit
    assert abs(meadow.walk[-1] - meadow.walk[0]) > length


def test_the_camera_says_where_the_ground_is_seen() -> None:
    """The middle of the last frame lies in the first one where both matrices put it."""
    meadow = draw_meadow(1, frames=25, height=160, width=240)
    first, last = meadow.background()[[0, -1]]
    matrices = [np.vstack([matrix, [0, 0, 1]]) for matrix in meadow.camera[[0, -1]]]
    y, x = np.mgrid[60:150, 90:150]
    places = np.stack([x.ravel() + 0.5, y.ravel() + 0.5, np.ones(x.size)])
    px, py = np.round((np.linalg.inv(matrices[0]) @ matrices[1] @ places)[:2] - 0.5).astype(int)
    moved = np.abs(first[py, px] - last[y.ravel(), x.ravel()]).mean()
    still = np.abs(first[y.ravel(), x.ravel()] - last[y.ravel(), x.ravel()]).mean()
    assert moved < 0.5 * still


def test_the_sound_lasts_as_long_as_the_clip() -> None:
    track = draw_meadow(0, **SMALL).sound(10)
    assert track.shape == (2, SAMPLE_RATE // 2)
    assert 0.005 < np.abs(track).max() <= 1


@pytest.mark.parametrize("asked", [{"frames": 0}, {"height": 15}, {"width": 8}])
def test_what_cannot_be_drawn_is_refused(asked: dict[str, int]) -> None:
    with pytest.raises(InputError, match="at least one frame of 16x16"):
        draw_meadow(0, **SMALL | asked)
