"""Borrowed masks: inside the area at first, on their own path afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import MaskError
from vivid_core.mask.paste import back_and_forth, paste_mask

SIDES = st.integers(20, 60)


def moving_square(frames: int, height: int, width: int, side: int) -> torch.Tensor:
    masks = torch.zeros(frames, height, width)
    for t in range(frames):
        masks[t, 3 : 3 + side, 2 + t : 2 + t + side] = 1
    return masks


@given(SIDES, SIDES, SIDES, SIDES, st.integers(4, 12), st.integers(1, 7), st.integers(0, 99))
def test_the_first_mask_lies_in_the_area(
    high: int, wide: int, height: int, width: int, side: int, frames: int, seed: int
):
    rng = np.random.default_rng(seed)
    area = np.zeros((height, width), bool)
    area[height // 4 :, : 2 * width // 3] = True
    donor = moving_square(3, high, wide, side)
    pasted = paste_mask(donor, area, frames=frames, rng=rng)
    if pasted is None:
        return
    assert pasted.values.shape == (frames, height, width)
    first = pasted.values[0].numpy() > 0.5
    assert first.any() and not (first & ~area).any()
    expected = side**2 * pasted.scale**2
    assert 0.3 * expected - 4 <= first.sum() <= 2 * expected + 9


def test_a_path_is_kept():
    area = np.ones((64, 64), bool)
    donor = moving_square(9, 64, 64, 10)
    pasted = paste_mask(donor, area, frames=9, rng=np.random.default_rng(1))
    assert pasted is not None and pasted.scale == 1.0
    x, y = pasted.corner
    for t in range(9):
        expected = torch.zeros(64, 64)
        expected[y : y + 10, x + t : x + t + 10] = 1
        assert torch.equal(pasted.values[t], expected)


def test_it_is_made_smaller_until_it_fits():
    area = np.zeros((40, 40), bool)
    area[10:22, 10:22] = True
    donor = moving_square(1, 40, 40, 16)
    pasted = paste_mask(donor, area, frames=1, rng=np.random.default_rng(0))
    assert pasted is not None and pasted.scale < 0.8
    none = paste_mask(donor, np.zeros((40, 40), bool), frames=1, rng=np.random.default_rng(0))
    assert none is None


def test_a_mask_that_begins_empty_is_refused():
    with pytest.raises(MaskError, match="empty on its first frame"):
        paste_mask(
            torch.zeros(2, 8, 8), np.ones((8, 8), bool), frames=2, rng=np.random.default_rng(0)
        )


@given(st.integers(1, 9), st.integers(1, 40))
def test_back_and_forth_never_jumps(count: int, length: int):
    order = back_and_forth(count, length)
    assert order[:count] == list(range(min(count, length)))
    assert {*order} <= {*range(count)}
    steps = [abs(a - b) for a, b in zip(order, order[1:], strict=False)]
    assert all(step == (count > 1) for step in steps)
