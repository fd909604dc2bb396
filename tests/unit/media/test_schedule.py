"""Clocks of written video."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.media._schedule import make_schedule

CLOCKS = st.sampled_from([600, 1000, 15360, 24000, 30000, 90000])
STEPS = st.lists(st.integers(1, 5000), min_size=1, max_size=50)


@given(CLOCKS, STEPS, st.integers(-1000, 1000))
def test_times_on_any_clock_are_exact(clock, steps, first):
    ticks = [first + sum(steps[:i]) for i in range(len(steps) + 1)]
    schedule = make_schedule(Fraction(30000, 1001), [Fraction(t, clock) for t in ticks])
    for i, step in enumerate(steps):
        start, duration = schedule.ticks(i)
        assert start * schedule.time_base == Fraction(ticks[i] - first, clock)
        assert duration * schedule.time_base == Fraction(step, clock)
    schedule.check_count(len(steps))
    schedule.check_count(len(steps) + 1)


@given(st.lists(st.floats(0.001, 2), min_size=2, max_size=50))
def test_times_as_floats_are_within_a_tick_of_the_mpeg_clock(steps):
    times = [sum(steps[:i]) for i in range(len(steps))]
    schedule = make_schedule(Fraction(25), times)
    for i, time in enumerate(times):
        assert abs(float(schedule.ticks(i)[0] * schedule.time_base) - time) < 2 / 90_000


def test_times_too_close_for_any_clock_are_refused():
    with pytest.raises(InputError, match="increase from frame to frame"):
        make_schedule(Fraction(25), [0.0, 1e-7, 1.0])
