"""Frames at another rate: every fourth of 30 a second gives 7.5."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.measure.timing import PAPER_RATE, frames_at_rate

RATES = st.fractions(Fraction(15, 2), 120, max_denominator=1001)


def test_the_papers_rate_is_every_fourth_of_thirty():
    assert frames_at_rate(10, Fraction(30), PAPER_RATE) == [0, 4, 8]


def test_eight_a_second_leaves_one_out_in_sixteen():
    kept = frames_at_rate(33, Fraction(8), PAPER_RATE)
    assert sorted(set(range(33)) - set(kept)) == [15, 31]


@given(st.integers(1, 300), RATES)
def test_frames_ascend_begin_at_the_first_and_stay_inside(frames, fps):
    kept = frames_at_rate(frames, fps, PAPER_RATE)
    assert kept[0] == 0
    assert kept == sorted(set(kept))
    assert kept[-1] < frames
    # The next one would be past the end.
    assert int(len(kept) * fps / PAPER_RATE) >= frames
    # Each is the one that is on screen at its time.
    for k, frame in enumerate(kept):
        assert frame / fps <= k / PAPER_RATE < (frame + 1) / fps


@pytest.mark.parametrize("fps", [Fraction(6), Fraction(7)])
def test_a_slower_clip_has_no_such_frames(fps):
    with pytest.raises(InputError, match=r"which gives no 7\.5 a second"):
        frames_at_rate(10, fps, PAPER_RATE)
