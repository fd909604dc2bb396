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
    loose_frames,
    max_over_blocks,
    max_over_groups,
    max_over_spans,
    spread_blocks,
    spread_groups,
    spread_spans,
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


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_what_is_spread_over_spans_covers_all_that_shares_the_latent(spans, data):
    frame = data.draw(st.integers(0, sum(spans) - 1))
    mask = one_pixel(sum(spans), frame, 0, 0)
    latent = max_over_spans(mask, spans)
    spread = spread_spans(latent, spans)
    assert torch.equal(max_over_spans(spread, spans), latent) and (spread >= mask).all()
    assert spread.sum() == spans[int(latent.amax((1, 2)).argmax())]


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


spans = st.lists(st.integers(1, 5), min_size=1, max_size=6)


def of_frames(edited: list[bool]) -> torch.Tensor:
    return torch.tensor(edited, dtype=torch.float32).view(-1, 1, 1).expand(-1, 2, 3)


@given(spans, st.data())
def test_spans_of_any_lengths_lose_no_frame(lengths, data):
    frame = data.draw(st.integers(0, sum(lengths) - 1))
    mask = max_over_spans(one_pixel(sum(lengths), frame, 1, 2), lengths)
    latents = [number for number, length in enumerate(lengths) for _ in range(length)]
    assert mask.shape == (len(lengths), 2 * SIDE, 3 * SIDE)
    assert mask.nonzero().tolist() == [[latents[frame], 1, 2]]


@given(st.integers(0, 4), places)
def test_spans_of_a_causal_group_are_that_group(groups, place):
    frames = groups * FRAMES + 1
    mask = one_pixel(frames, min(place[0], frames - 1), 1, 2)
    expected = max_over_groups(mask, FRAMES)
    assert torch.equal(max_over_spans(mask, [1, *[FRAMES] * groups]), expected)


@given(spans, st.data())
def test_loose_frames_are_known_ends_of_latents_that_are_not(lengths, data):
    edited = data.draw(st.lists(st.booleans(), min_size=sum(lengths), max_size=sum(lengths)))
    found = loose_frames(of_frames(edited), lengths)
    assert found == sorted(set(found)) and not any(edited[number] for number in found)
    start = 0
    for length in lengths:
        inside = range(start, start + length)
        known = [number for number in inside if not edited[number]]
        picked = [number for number in found if number in inside]
        mixed = 0 < len(known) < length
        assert picked == ([*known[:1], *known[1:][-1:]] if mixed else [])
        start += length


def test_spans_of_other_clips_are_refused():
    for measure in (max_over_spans, loose_frames):
        with pytest.raises(SizeError, match="must be 5 for these latents, got 7"):
            measure(of_frames([True] * 7), [1, 4])
