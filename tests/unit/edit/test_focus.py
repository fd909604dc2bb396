"""The focus window covers the mask, stays inside the frame, and comes back to its own size."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.cogvideox.latents import Geometry
from vivid_core.edit.focus import MOST_FOR_DETAIL, FocusPlan, plan_focus, scale_warnings
from vivid_core.edit.masks import Bounds
from vivid_core.inpainter import Limits

TRAIN = (480, 720)
COGVIDEOX = Limits(grid=Geometry().grid, longest=49, train_size=TRAIN)
sizes = st.tuples(st.integers(16, 1100), st.integers(16, 1100))
modes = st.sampled_from(["auto", "native", "enlarge", "off"])


@st.composite
def masked_frames(draw):
    height, width = draw(sizes)
    y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    mask = torch.zeros(2, height, width)
    mask[0, y : y + draw(st.integers(1, height)), x : x + draw(st.integers(1, width))] = 1
    return mask


def box_of(mask: torch.Tensor) -> tuple[int, int, int, int]:
    seen = mask.amax(0)
    rows, columns = torch.nonzero(seen.amax(1)).flatten(), torch.nonzero(seen.amax(0)).flatten()
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@given(masked_frames(), modes)
def test_window_holds_the_mask_and_lies_inside_the_frame(mask, mode):
    size = tuple(mask.shape[1:])
    plan = plan_focus(Bounds.around(mask), size, COGVIDEOX, mode)
    top, left, bottom, right = box_of(mask)
    assert 0 <= plan.y <= top
    assert 0 <= plan.x <= left
    assert bottom <= plan.y + plan.height <= size[0]
    assert right <= plan.x + plan.width <= size[1]


@given(masked_frames(), modes)
def test_model_size_is_legal_and_within_the_trained_area(mask, mode):
    plan = plan_focus(Bounds.around(mask), tuple(mask.shape[1:]), COGVIDEOX, mode)
    assert COGVIDEOX.grid.legal_size(*plan.model) == plan.model
    assert math.prod(plan.model) <= math.prod(TRAIN)
    assert all(c <= m for c, m in zip(plan.content, plan.model, strict=True))


@given(masked_frames())
def test_auto_pays_a_half_more_than_the_whole_frame_at_most_and_only_for_detail(mask):
    size = tuple(mask.shape[1:])
    auto, off = (plan_focus(Bounds.around(mask), size, COGVIDEOX, m) for m in ("auto", "off"))
    assert math.prod(auto.model) <= MOST_FOR_DETAIL * math.prod(off.model)
    assert auto.scale > off.scale or math.prod(auto.model) <= math.prod(off.model)


TINY = Limits(grid=Geometry().grid, longest=17, train_size=(64, 64))


@pytest.mark.parametrize("size", [(480, 640), (360, 640), (1080, 1920), (640, 480)])
def test_auto_keeps_the_detail_of_a_small_mask(size):
    """The whole frame would be shown at 10% of its size for less work."""
    box = Bounds(y=200, x=200, height=30, width=24)
    auto, off = (plan_focus(box, size, TINY, mode) for mode in ("auto", "off"))
    assert auto.scale == 1 and off.scale < 0.2
    assert math.prod(off.model) < math.prod(auto.model) <= 1.5 * math.prod(off.model)


def test_a_warning_of_lost_detail_names_the_setting_that_helps():
    box = Bounds(y=200, x=200, height=30, width=24)
    (words,) = scale_warnings(plan_focus(box, (480, 640), TINY, "off"), box, (480, 640), TINY)
    assert "at 10% of its size: focus 'native' shows it" in words and "at 100%" in words
    large = Bounds(y=0, x=0, height=400, width=600)
    plan = plan_focus(large, (480, 640), TINY, "auto")
    (words,) = scale_warnings(plan, large, (480, 640), TINY)
    assert words.endswith("a smaller mask keeps more detail") and "native" not in words
    assert scale_warnings(plan_focus(box, (480, 640), TINY, "auto"), box, (480, 640), TINY) == []


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90))
def test_native_scale_returns_the_same_pixels(height, width, y, x):
    plan = FocusPlan(
        y=y,
        x=x,
        height=height,
        width=width,
        content=(height, width),
        model=COGVIDEOX.grid.legal_size(height, width),
    )
    frames = torch.rand(2, 3, height, width)
    assert torch.equal(plan.from_model(plan.to_model(frames)), frames)


def test_padding_repeats_the_border_but_never_the_mask():
    plan = FocusPlan(y=0, x=0, height=20, width=20, content=(20, 20), model=(32, 32))
    ones = torch.ones(1, 1, 20, 20)
    assert plan.to_model(ones).min() == 1
    assert plan.to_model(ones, mask=True).sum() == 400


@pytest.mark.parametrize("mode", ["native", "enlarge"])
def test_a_small_mask_in_a_large_frame(mode):
    mask = torch.zeros(1, 1080, 1920)
    mask[0, 500:560, 900:960] = 1
    plan = plan_focus(Bounds.around(mask), (1080, 1920), COGVIDEOX, mode)
    assert (plan.scale == 1) == (mode == "native")
    assert plan.height < 300 and plan.width < 400


def test_the_issue_example_needs_a_240x368_window():
    mask = torch.zeros(49, 480, 720)
    mask[:, 160:320, 240:480] = 1
    plan = plan_focus(Bounds.around(mask), (480, 720), COGVIDEOX, "native")
    assert plan.model == (240, 368)
