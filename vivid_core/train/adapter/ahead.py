"""What comes at the next positions, made in a thread while the device works."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

DEPTH = 2  # positions made ahead: a batch of video takes longer to read than one of images
Item = TypeVar("Item")


class ReadAhead(Generic[Item]):
    """Items by their positions, 0 .. `end` - 1, mostly taken one after the other.

    `make` depends on nothing but the position, so that it does not matter when it is called; what
    it raises is raised where the item is taken. `waited` are the seconds that takers waited, and
    `share` their part of the time since the item before.
    """

    def __init__(self, make: Callable[[int], Item], *, end: int) -> None:
        self._make, self._end = make, end
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vivid_read_ahead")
        self._coming: dict[int, Future[Item]] = {}
        self._taken_at = time.monotonic()
        self.waited, self.share = 0.0, 0.0

    def take(self, position: int) -> Item:
        """The item of a position; those after it begin to be made."""
        wanted = range(position, min(position + 1 + DEPTH, max(self._end, position + 1)))
        for stale in [at for at in self._coming if at not in wanted]:
            self._coming.pop(stale).cancel()
        for at in wanted:
            if at not in self._coming:
                self._coming[at] = self._thread.submit(self._make, at)
        asked_at = time.monotonic()
        item = self._coming.pop(position).result()
        now = time.monotonic()
        self.waited += now - asked_at
        self.share = (now - asked_at) / max(now - self._taken_at, 1e-9)
        self._taken_at = now
        return item

    def close(self) -> None:
        """Drop what is coming, once what is being made is made."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()
