"""Seconds that a server makes somebody wait, without those in which the machine was busy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Times answers of a process.

    Where Linux tells how long threads stood in line for a processor, those of both sides are
    taken off: what is left is work, locks and sleep, on a busy machine as on an idle one.
    """

    def __init__(self, pid: int) -> None:
        self._pids = (pid, os.getpid())
        self.slowest = 0.0

    def time(self, ask: Callable[[], T]) -> T:
        """What `ask` gives; `slowest` is kept."""
        started, stood = time.monotonic(), self._stood()
        result = ask()
        seconds = time.monotonic() - started - max(self._stood() - stood, 0.0)
        self.slowest = max(self.slowest, seconds)
        return result

    def _stood(self) -> float:
        """Seconds that the threads of both processes waited for a processor; 0 if untold."""
        return sum(time_in_line for pid in self._pids for time_in_line in _times(pid))


def _times(pid: int) -> Iterator[float]:
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # threads end
            yield int(path.read_text().split()[1]) / 1e9
