"""Threads of a chain: bounded, and none outlives an error or a stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from vivid_core.chain.threads import Background, Shelf, Stopped, prefetch


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def settle(condition) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("did not settle")


def test_items_arrive_in_order():
    assert list(prefetch(range(5))) == [0, 1, 2, 3, 4]


def test_no_more_is_made_than_fits():
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    with closing(prefetch(items(), ahead=1)) as ready:
        assert next(ready) == 0
        settle(lambda: len(made) == 3)
        time.sleep(0.05)
        assert made == [0, 1, 2]


def test_closing_early_ends_the_thread():
    with closing(prefetch(iter(int, 1))) as ready:
        next(ready)
    assert "vivid-read" not in names()


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])  # an interrupt is no Exception
def test_an_error_while_reading_is_raised_where_it_is_read(kind):
    def items() -> Iterator[int]:
        yield 1
        raise kind("broken")

    ready = prefetch(items())
    assert next(ready) == 1
    with pytest.raises(kind, match="broken"):
        next(ready)
    assert "vivid-read" not in names()


def test_an_error_in_the_background_is_raised_by_check():
    def fail() -> None:
        raise OSError("full")

    work = Background(fail)
    work.join()
    with pytest.raises(OSError, match="full"):
        work.check()


def test_a_stop_ends_what_waits_for_a_result_without_an_error():
    shelf: Shelf[str] = Shelf()
    seen: list[str] = []

    def wait() -> None:
        seen.append(shelf.wait(0))
        seen.append(shelf.wait(1))

    work = Background(wait)
    shelf.put(0, "first")
    settle(lambda: seen == ["first"])
    shelf.check()
    shelf.stop()
    with pytest.raises(Stopped):
        shelf.check()
    work.join()
    work.check()
    assert seen == ["first"]
