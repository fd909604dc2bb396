"""The pond: the same for the same seed, and its truths fit each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.scenery.pond import Pond

SMALL: dict[str, Any] = {"frames": 4, "height": 80, "width": 120, "pebbles": 0.002}


@pytest.fixture(scope="module")
def pond() -> Pond:
    return Pond(seed=0, **SMALL)


def test_the_same_seed_is_the_same_pond(pond: Pond) -> None:
    assert (pond.render() == Pond(seed=0, **SMALL).render()).all()
    assert (pond.render() != Pond(seed=1, **SMALL).render()).any()


def test_only_the_koi_and_its_shadow_differ_from_the_bed(pond: Pond) -> None:
    clip, bed = pond.render(), pond.background()
    touched = (pond.mask() > 0) | (pond.shadow() > 1e-4)
    assert np.abs(clip - bed)[~touched].max() < 1e-4
    assert np.abs(clip - bed)[pond.mask() > 0.5].mean() > 0.1
    shaded = (pond.shadow() > 0.1) & (pond.mask() == 0)
    assert (clip < bed)[shaded].all()


def test_the_koi_moves_and_bends_and_the_camera_drifts() -> None:
    long = Pond(seed=0, **SMALL | {"frames": 25})
    masks, bed = long.mask() > 0.5, long.background()
    columns = [np.nonzero(mask)[1].mean() for mask in masks]
    assert abs(columns[-1] - columns[0]) > 0.25 * long.width
    assert np.abs(bed[0] - bed[-1]).mean() > 0.02
    areas = masks.sum(axis=(1, 2))
    assert areas.min() > 0.8 * areas.max()


@settings(max_examples=4, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 3),
    height=st.integers(48, 80),
    width=st.integers(48, 80),
)
def test_any_size_and_length(seed: int, frames: int, height: int, width: int) -> None:
    pond = Pond(seed=seed, frames=frames, height=height, width=width, pebbles=0.001)
    clip, mask = pond.render(), pond.mask()
    assert clip.shape == (frames, height, width, 3) and mask.shape == (frames, height, width)
    assert clip.dtype == mask.dtype == np.float32
    assert clip.min() >= 0 and clip.max() <= 1 and np.isfinite(clip).all()
    assert 0 <= mask.min() and mask.max() <= 1
    assert pond.words.startswith("white and ")
