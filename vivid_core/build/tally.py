"""How far a build is: videos, samples, rejections by reason, failures, rate and time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from ..runtime import duration_text
from .chores import Outcome

SHOWN_REASONS = 3


class Tally:
    """Counts outcomes. `total` are the chores of all phases, `what` they are of; `clock` gives
    seconds.
    """

    def __init__(
        self, total: int, what: str = "videos", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self.total, self.done, self.samples, self.kept = total, 0, 0, 0
        self.rejections = Counter[str]()
        self.failed: list[str] = []
        self._clock, self._began = clock, clock()

    def add(self, outcome: Outcome) -> None:
        self.done += 1
        self.samples += outcome.samples
        self.kept += outcome.kept
        self.rejections.update(dict(outcome.rejections))
        if outcome.error:
            self.failed.append(outcome.name)

    @property
    def words(self) -> str:
        """For people who watch."""
        words = [f"{self.done} of {self.total} {self._what}", f"{self.samples} samples"]
        if self.rejections:
            shown = self.rejections.most_common(SHOWN_REASONS)
            reasons = ", ".join(f"{reason} {count}" for reason, count in shown)
            words.append(f"{self.rejections.total()} rejected ({reasons})")
        if self.failed:
            words.append(f"{len(self.failed)} failed")
        made = self.done - self.kept
        seconds = self._clock() - self._began
        if made and seconds > 0:
            words.append(f"{60 * made / seconds:.3g} a minute")
            if self.done < self.total:
                left = (self.total - self.done) * seconds / made
                words.append(f"{duration_text(left)} left")
        return ", ".join(words)
