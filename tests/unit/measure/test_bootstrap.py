"""Confidence intervals: seeded, around the mean, wider where values belong together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.measure.bootstrap import bootstrap_mean

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


@given(VALUES, st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_interval_within_the_values(values, seed):
    found = bootstrap_mean(values, seed=seed, draws=200)
    assert found == bootstrap_mean(values, seed=seed, draws=200)
    assert found.low is not None and found.high is not None
    assert min(values) - 1e-6 <= found.low <= found.high <= max(values) + 1e-6
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.count == len(values)


def test_about_95_of_100_intervals_hold_the_true_mean():
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        found = bootstrap_mean(rng.normal(3.0, 1.0, 40).tolist(), seed=seed, draws=400)
        held += found.low <= 3.0 <= found.high
    assert 180 <= held <= 198


def test_values_of_one_clip_are_drawn_together():
    """Three masks of a clip that always agree are one piece of evidence, not three."""
    clips = np.random.default_rng(1).normal(size=12)
    values = np.repeat(clips, 3).tolist()
    groups = [str(i) for i in range(12) for _ in range(3)]
    alone, together = bootstrap_mean(values), bootstrap_mean(values, groups=groups)
    single = bootstrap_mean(clips.tolist())
    assert together.high - together.low > 1.4 * (alone.high - alone.low)
    assert (together.low, together.high) == pytest.approx((single.low, single.high))


def test_one_clip_alone_has_no_interval():
    found = bootstrap_mean([1.0, 2.0], groups=["a", "a"])
    assert (found.mean, found.low, found.high) == (1.5, None, None)


def test_an_infinite_value_makes_infinite_ends_and_no_nan():
    found = bootstrap_mean([math.inf, 30.0, 31.0], draws=500)
    assert found.mean == found.high == math.inf
    assert found.low is not None and 30 <= found.low <= 31


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, "values: need numbers"),
        ([1.0, math.nan], {}, "values: need numbers"),
        ([1.0, 2.0], {"groups": ["a"]}, "groups: need one a value: 2, got 1"),
        ([1.0, 2.0], {"level": 1.0}, "level: must be between 0 and 1"),
    ],
)
def test_what_cannot_be_resampled_is_refused(values, options, message):
    with pytest.raises(InputError, match=message):
        bootstrap_mean(values, **options)
