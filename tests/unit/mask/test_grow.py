"""Growth is an exact disc; feathering stays inside."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from vivid_core.errors import InputError
from vivid_core.mask.grow import feather_inside, grow_mask

sizes = st.tuples(st.integers(1, 3), st.integers(1, 24), st.integers(1, 24))
masks = sizes.flatmap(lambda size: hnp.arrays(np.bool_, size, elements=st.booleans()))
sparse = sizes.flatmap(
    lambda size: hnp.arrays(np.bool_, size, elements=st.just(True), fill=st.just(False))
)
radii = st.one_of(st.integers(0, 12).map(float), st.floats(0, 12))


def grow_by_definition(frame: np.ndarray, radius: float) -> np.ndarray:
    """Within the radius of any selected pixel, in whole-number arithmetic."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    grown = np.zeros_like(frame)
    for py, px in np.argwhere(frame):
        grown |= (y - py) ** 2 + (x - px) ** 2 <= radius**2
    return grown


@given(mask=st.one_of(masks, sparse), radius=radii)
def test_growth_is_the_disc(mask, radius):
    grown = grow_mask(torch.from_numpy(mask), radius).numpy()
    for frame, got in zip(mask, grown, strict=True):
        assert np.array_equal(got, grow_by_definition(frame, radius))


def test_growth_equals_scipy_on_a_large_frame():
    rng = np.random.default_rng(0)
    mask = rng.random((2, 180, 320)) > 0.9995
    for radius in (1, 7.5, 40):
        grown = grow_mask(torch.from_numpy(mask), radius).numpy()
        for frame, got in zip(mask, grown, strict=True):
            distance = np.asarray(ndimage.distance_transform_edt(~frame))
            assert np.array_equal(got, distance <= radius)


@given(mask=masks, small=radii, more=radii)
def test_a_larger_radius_contains_the_smaller(mask, small, more):
    tensor = torch.from_numpy(mask)
    inner, outer = grow_mask(tensor, small), grow_mask(tensor, small + more)
    assert bool((inner <= outer).all())
    assert bool((tensor <= inner.bool()).all())


@given(dy=st.integers(0, 9), dx=st.integers(0, 9), radius=st.floats(0, 6))
def test_growth_moves_with_the_mask(dy, dx, radius):
    mask = torch.zeros(1, 40, 40)
    mask[0, 12:18, 12:15] = 1
    moved = torch.roll(mask, (dy, dx), (1, 2))
    assert torch.equal(
        grow_mask(moved, radius), torch.roll(grow_mask(mask, radius), (dy, dx), (1, 2))
    )


def test_soft_masks_are_cut_at_a_half_and_left_alone():
    mask = torch.tensor([[[0.5, 0.51, 0.2, 1.0]]])
    before = mask.clone()
    assert grow_mask(mask, 0).tolist() == [[[0, 1, 0, 1]]]
    assert torch.equal(mask, before)


def test_zero_radius_does_not_share_memory_with_a_bool_mask():
    mask = torch.ones(1, 4, 4, dtype=torch.bool)
    grow_mask(mask, 0).zero_()
    assert mask.all()


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf")])
def test_radius_out_of_range_is_named(radius):
    with pytest.raises(InputError, match="radius_pixels: must be 0 or more"):
        grow_mask(torch.ones(1, 4, 4), radius)


@given(mask=masks, pixels=st.integers(0, 6))
def test_feather_stays_inside_and_equals_the_distance(mask, pixels):
    alpha = feather_inside(torch.from_numpy(mask), pixels).numpy()
    assert (alpha[~mask] == 0).all()
    for frame, got in zip(mask, alpha, strict=True):
        if not frame.all():
            expected = np.minimum(ndimage.distance_transform_edt(frame) / (pixels + 1), 1)
            np.testing.assert_allclose(got, expected, atol=1e-6)


def test_feather_takes_as_many_pixels_as_asked_and_ignores_the_frame_border():
    mask = torch.zeros(1, 9, 9)
    mask[:, :, 2:] = 1
    row = feather_inside(mask, 2)[0, 4].tolist()
    assert row == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1, 1, 1, 1])
    assert torch.equal(feather_inside(torch.ones(1, 5, 5), 3), torch.ones(1, 5, 5))
