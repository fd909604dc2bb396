"""What is read ahead: the next positions, each once, in any order, with its errors."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.train.adapter.ahead import DEPTH, ReadAhead


@given(st.lists(st.integers(0, 30), max_size=20))
def test_any_order_gives_the_items_of_the_positions(positions: list[int]):
    ahead = ReadAhead(lambda position: position * 2, end=20)
    assert [ahead.take(position) for position in positions] == [2 * p for p in positions]
    ahead.close()


def test_the_next_ones_are_made_before_they_are_asked_for():
    made = threading.Event()
    calls: list[int] = []

    def make(position: int) -> int:
        calls.append(position)
        if position == DEPTH:
            made.set()
        return position

    ahead = ReadAhead(make, end=DEPTH + 1)
    ahead.take(0)
    assert made.wait(timeout=10)
    assert [ahead.take(position) for position in range(1, DEPTH + 1)] == [*range(1, DEPTH + 1)]
    ahead.close()
    assert calls == [*range(DEPTH + 1)]


def test_what_fails_fails_where_it_is_taken():
    def make(position: int) -> int:
        if position == 1:
            raise OSError("gone")
        return position

    ahead = ReadAhead(make, end=3)
    assert ahead.take(0) == 0
    with pytest.raises(OSError, match="gone"):
        ahead.take(1)
    ahead.close()


def test_waiting_is_measured():
    def make(position: int) -> int:
        time.sleep(0.1)
        return position

    ahead = ReadAhead(make, end=5)
    ahead.take(0)
    assert ahead.waited >= 0.09 and ahead.share > 0.8
    time.sleep(0.4)  # work, while the next ones are made
    before = ahead.waited
    ahead.take(1)
    assert ahead.waited - before < 0.09 and ahead.share < 0.2
    ahead.close()
