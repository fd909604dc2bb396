"""Work that runs beside the main thread: bounded, and ended by whoever fails or stops first."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from queue import Full, Queue
from threading import Condition, Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.1


class Stopped(Exception):
    """A thread was told to stop while it waited."""


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def prefetch(items: Iterable[T], *, ahead: int = 1) -> Generator[T]:
    """The items, made on a thread of its own, at most `ahead` (and the one in work) too early.

    What `items` raises is raised here. Closing the generator ends the thread.
    """
    feed = _Feed(items, ahead)
    thread = Thread(target=feed.fill, name="vivid-read", daemon=True)
    thread.start()
    try:
        while not isinstance(item := feed.queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        feed.stop.set()
        thread.join()


class _Feed(Generic[T]):
    """Takes items to a queue until it is told to stop."""

    def __init__(self, items: Iterable[T], ahead: int) -> None:
        self._items = items
        self.queue: Queue[T | _End] = Queue(maxsize=ahead)
        self.stop = Event()

    def fill(self) -> None:
        with suppress(Stopped):
            try:
                for item in self._items:
                    self._put(item)
                self._put(_End(None))
            except Stopped:
                raise
            except BaseException as error:  # nobody would ever be told otherwise
                self._put(_End(error))

    def _put(self, item: T | _End) -> None:
        while not self.stop.is_set():
            with suppress(Full):
                self.queue.put(item, timeout=POLL_SECONDS)
                return
        raise Stopped


class Background:
    """One function on a thread of its own."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="vivid-write", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what the function has raised, if it has."""
        if self._error is not None:
            raise self._error

    def join(self, seconds: float | None = None) -> None:
        """Wait for its end, whatever it is, or only so long."""
        self._thread.join(seconds)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work()
        except Stopped:
            pass
        except BaseException as error:
            self._error = error


class Shelf(Generic[T]):
    """Results by number, put there by one thread and awaited by another."""

    def __init__(self) -> None:
        self._items: dict[int, T] = {}
        self._changed = Condition()
        self._stopped = False

    def put(self, number: int, item: T) -> None:
        with self._changed:
            self._items[number] = item
            self._changed.notify_all()

    def get(self, number: int) -> T | None:
        """The item, if it is there already."""
        return self._items.get(number)

    def wait(self, number: int) -> T:
        """The item as soon as it is there. Raises Stopped once `stop` was called."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or number in self._items)
            if self._stopped:
                raise Stopped
            return self._items[number]

    def check(self) -> None:
        """Raise Stopped once `stop` was called."""
        if self._stopped:
            raise Stopped

    def stop(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
