"""Masks on the grid of a causal VAE: nothing is lost, nothing is invented."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import SizeError
from vivid_core.mask.causal import (
    fold_blocks,
    fold_groups,
    max_over_blocks,
    max_over_groups,
    spread_blocks,
    spread_groups,
)

FRAMES, SIDE = 4, 8


def one_pixel(frames: int, frame: int, y: int, x: int) -> torch.Tensor:
    mask = torch.zeros(frames, 2 * SIDE, 3 * SIDE)
    mask[frame, y, x] = 1
    return mask


places = st.tuples(st.integers(0, 8), st.integers(0, 2 * SIDE - 1), st.integers(0, 3 * SIDE - 1))


@given(places)
def test_one_pixel_marks_the_latent_that_stands_for_it(place):
    frame, y, x = place
    mask = one_pixel(9, frame, y, x)
    latent = max_over_groups(max_over_blocks(mask, SIDE), FRAMES)
    assert latent.shape == (3, 2, 3)
    assert latent.nonzero().tolist() == [[(frame + FRAMES - 1) // FRAMES, y // SIDE, x // SIDE]]


@given(places)
def test_what_is_spread_covers_all_that_shares_the_latent(place):
    frame, y, x = place
    latent = max_over_groups(max_over_blocks(one_pixel(9, frame, y, x), SIDE), FRAMES)
    spread = spread_groups(spread_blocks(latent, SIDE), FRAMES)
    assert torch.equal(max_over_groups(max_over_blocks(spread, SIDE), FRAMES), latent)
    assert spread.shape == (9, 2 * SIDE, 3 * SIDE) and spread[frame, y, x] == 1
    assert int(spread.sum()) == SIDE * SIDE * (1 if frame == 0 else FRAMES)


@given(places)
def test_folded_blocks_keep_the_pixel(place):
    frame, y, x = place
    folded = fold_blocks(one_pixel(9, frame, y, x), SIDE)
    assert folded.shape == (SIDE * SIDE, 9, 2, 3)
    channel = y % SIDE * SIDE + x % SIDE
    assert folded.nonzero().tolist() == [[channel, frame, y // SIDE, x // SIDE]]


@given(places)
def test_folded_groups_keep_the_frame(place):
    frame, y, x = place
    folded = fold_groups(one_pixel(9, frame, y, x), FRAMES)
    assert folded.shape == (FRAMES, 3, 2 * SIDE, 3 * SIDE)
    channels = range(FRAMES) if frame == 0 else [(frame - 1) % FRAMES]
    group = (frame + FRAMES - 1) // FRAMES
    assert folded.nonzero().tolist() == [[channel, group, y, x] for channel in channels]


def test_a_single_frame_is_a_group():
    mask = one_pixel(1, 0, 3, 3)
    assert torch.equal(max_over_groups(mask, FRAMES), mask)
    assert fold_groups(mask, FRAMES).shape == (FRAMES, 1, 2 * SIDE, 3 * SIDE)


def test_half_a_group_is_refused():
    with pytest.raises(SizeError, match=r"must be 4k\+1 for this VAE, got 7"):
        max_over_groups(torch.zeros(7, SIDE, SIDE), FRAMES)
