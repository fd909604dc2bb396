"""The six mask variants against shapely, and what holds for every mask."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vivid_core.errors import InputError, MaskError
from vivid_core.mask.augment import (
    MASK_MODES,
    MaskLimits,
    MaskMode,
    augment_mask,
    is_usable,
)

SIZE = 40
modes = st.sampled_from(MASK_MODES)
components = st.sampled_from(["together", "each"])


@st.composite
def draw_mask(draw) -> torch.Tensor:
    """Random pixels, rectangles or nothing in the middle of each frame; room to grow around."""
    frames = draw(st.integers(1, 3))
    mask = np.zeros((frames, SIZE, SIZE), bool)
    for frame in mask:
        kind = draw(st.sampled_from(["empty", "pixels", "boxes"]))
        if kind == "pixels":
            frame[14:26, 14:26] = draw(hnp.arrays(np.bool_, (12, 12)))
        if kind == "boxes":
            for _ in range(draw(st.integers(1, 3))):
                y, x = draw(st.integers(14, 22)), draw(st.integers(14, 22))
                frame[y : y + draw(st.integers(1, 4)), x : x + draw(st.integers(1, 4))] = True
    return torch.from_numpy(mask)


def augment(mask: torch.Tensor, mode: MaskMode, **options) -> torch.Tensor:
    options = {"radius": (1, 4), "unit": "pixels", "seed": 7} | options
    return augment_mask(mask, mode=mode, **options)


def contains(outer: torch.Tensor, inner: torch.Tensor) -> bool:
    return bool((inner <= outer).all())


@given(mask=draw_mask(), mode=modes, components=components, seed=st.integers(0, 2**40))
def test_every_variant_contains_the_mask_and_keeps_empty_frames(mask, mode, components, seed):
    result = augment(mask, mode, components=components, seed=seed, unit="share", radius=(0, 0.4))
    assert result.dtype == torch.float32
    assert set(result.unique().tolist()) <= {0.0, 1.0}
    assert contains(result, mask.float())
    empty = ~mask.flatten(1).any(1)
    assert not result[empty].any()


@given(mask=draw_mask(), components=components)
def test_variants_are_nested(mask, components):
    hull, box, expanded = (
        augment(mask, mode, components=components) for mode in ("hull", "box", "expand")
    )
    hull_expanded = augment(mask, "hull+expand", components=components)
    box_expanded = augment(mask, "box+expand", components=components)
    assert contains(box, hull)
    assert contains(hull_expanded, hull) and contains(hull_expanded, expanded)
    assert contains(box_expanded, box) and contains(box_expanded, hull_expanded)


@given(mask=draw_mask(), mode=st.sampled_from(["none", "hull", "box"]))
def test_shapes_without_growth_are_idempotent(mask, mode):
    once = augment(mask, mode)
    assert torch.equal(augment(once, mode), once)


@given(mask=draw_mask(), mode=modes, dy=st.integers(-6, 6), dx=st.integers(-6, 6))
def test_variants_move_with_the_mask(mask, mode, dy, dx):
    move = {"shifts": (dy, dx), "dims": (1, 2)}
    assert torch.equal(
        augment(torch.roll(mask, **move), mode), torch.roll(augment(mask, mode), **move)
    )


@given(mask=draw_mask())
def test_hull_is_every_pixel_centre_inside_the_convex_hull(mask):
    y, x = np.mgrid[:SIZE, :SIZE]
    for frame, got in zip(mask, augment(mask, "hull"), strict=True):
        points = np.argwhere(frame.numpy())[:, ::-1]
        hull = shapely.MultiPoint(points).convex_hull
        # rounding-free: widened by far less than a pixel centre can be away from an edge
        expected = shapely.contains_xy(shapely.buffer(hull, 1e-6), x, y)
        assert np.array_equal(got.numpy().astype(bool), expected)


@given(mask=draw_mask(), pixels=st.integers(0, 5))
def test_box_is_the_bounding_box_and_grows_to_a_box(mask, pixels):
    result = augment(mask, "box+expand", radius=(pixels, pixels))
    for frame, got in zip(mask, result, strict=True):
        expected = torch.zeros(SIZE, SIZE)
        if frame.any():
            (y0, x0), (y1, x1) = (frame.nonzero().amin(0), frame.nonzero().amax(0))
            expected[y0 - pixels : y1 + pixels + 1, x0 - pixels : x1 + pixels + 1] = 1
        assert torch.equal(got, expected)


def test_each_component_gets_its_own_hull_and_box():
    mask = torch.zeros(1, 20, 40, dtype=torch.bool)
    mask[0, 2:6, 2:6] = mask[0, 10:14, 30:34] = True
    mask[0, 6, 6] = True  # touches by a corner: the same component
    together, each = (augment(mask, "box", components=c) for c in ("together", "each"))
    assert together.sum() == 12 * 32
    assert each.sum() == 5 * 5 + 4 * 4
    assert augment(mask, "hull", components="each").sum() < augment(mask, "hull").sum()


def two_sizes() -> torch.Tensor:
    mask = torch.zeros(3, 80, 80)
    mask[0, 35:45, 35:45] = 1
    mask[1, 30:50, 30:50] = 1
    mask[2, 20:60, 20:60] = 1
    return mask


def growth(result: torch.Tensor, mask: torch.Tensor) -> list[float]:
    """How far each frame grew to the right, in pixels."""
    ends = [m.any(-2).nonzero().max() for m in (result.bool(), mask.bool()) for m in m]
    half = len(ends) // 2
    return [int(a - b) for a, b in zip(ends[:half], ends[half:], strict=True)]


def test_share_is_of_the_median_size_and_steady_or_of_each_frame():
    mask = two_sizes()
    share = {"unit": "share", "radius": (0.25, 0.25)}
    assert growth(augment(mask, "expand", **share), mask) == [5, 5, 5]
    each = augment(mask, "expand", **share, per_frame=True)
    assert growth(each, mask) == [2, 5, 10]


def test_draws_are_shared_by_the_clip_unless_asked_otherwise():
    mask = torch.zeros(12, 60, 60)
    mask[:, 25:35, 25:35] = 1
    wide = {"radius": (0, 20), "seed": 3}
    assert len(set(growth(augment(mask, "expand", **wide), mask))) == 1
    assert len(set(growth(augment(mask, "expand", **wide, per_frame=True), mask))) > 5


@given(mask=draw_mask(), mode=modes, seed=st.integers(0, 2**60))
def test_a_seed_gives_what_a_generator_with_that_seed_gives(mask, mode, seed):
    generator = torch.Generator().manual_seed(seed)
    assert torch.equal(augment(mask, mode, seed=seed), augment(mask, mode, seed=generator))


def test_the_drawn_radius_of_a_seed_never_changes():
    mask = torch.zeros(1, 200, 200)
    mask[:, 100, 100] = 1
    grown = [growth(augment(mask, "expand", radius=(0, 90), seed=s), mask)[0] for s in range(4)]
    assert grown == [87, 5, 82, 3]


def test_the_callers_mask_is_left_alone():
    mask = two_sizes()
    before = mask.clone()
    for mode in MASK_MODES:
        augment(mask, mode).zero_()
    assert torch.equal(mask, before)


@pytest.mark.parametrize(("side", "usable"), [(1, False), (4, True), (28, True), (29, False)])
def test_usable_is_a_share_of_the_frame(side, usable):
    mask = torch.zeros(2, 40, 40)
    mask[1, :side, :side] = 1
    assert is_usable(mask, MaskLimits()) is usable


def test_a_variant_outside_the_limits_says_so():
    mask = torch.zeros(1, 40, 40)
    mask[:, ::39, ::39] = 1
    assert augment(mask, "box").all()
    with pytest.raises(MaskError, match=r"covers 100.00% of the frame after 'box'.*smaller"):
        augment(mask, "box", limits=MaskLimits())
    with pytest.raises(MaskError, match=r"covers 0.25% .*larger radius"):
        augment(mask, "none", limits=MaskLimits(smallest=0.1))


@pytest.mark.parametrize("radius", [(-1, 2), (3, 2), (0, float("inf")), (0, float("nan"))])
def test_a_bad_range_is_named(radius):
    with pytest.raises(InputError, match="radius: need 0 <= low <= high"):
        augment(torch.ones(1, 4, 4), "expand", radius=radius)


def test_bad_limits_are_named():
    with pytest.raises(InputError, match="limits: need"):
        MaskLimits(smallest=0.6)
