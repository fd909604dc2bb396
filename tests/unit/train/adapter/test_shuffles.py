"""Shuffles: each holds everything once, whatever was asked before, as it always did."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.train.adapter.shuffles import Shuffles

SEEDS = st.integers(0, 2**63 - 1)


@given(st.integers(1, 30), st.integers(0, 20), SEEDS)
def test_every_element_comes_once_in_each_shuffle(count: int, number: int, seed: int):
    shuffles = Shuffles(seed, streams=1)
    drawn = [shuffles.nth(7, number * count + i, count) for i in range(count)]
    assert sorted(drawn) == list(range(count))


@given(
    st.integers(1, 30),
    SEEDS,
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 500)), min_size=1, max_size=30),
)
def test_an_element_follows_from_its_place_alone(
    count: int, seed: int, asked: list[tuple[int, int]]
):
    """And is that of trainings begun with versions that shuffled each time."""
    shuffles = Shuffles(seed, streams=1)
    for stream, n in asked:
        anew = np.random.default_rng([seed, stream, n // count]).permutation(count)
        assert shuffles.nth(stream, n, count) == anew[n % count]
