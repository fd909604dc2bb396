"""Steps whose gradients are not finite: passed over, counted, told, and too many of them."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)
MOST_IN_A_ROW = 10  # ours: one may be an odd sample, so many are broken weights
REMEDY = "lower the learning rate, or let it rise over more steps (warmup)"


class SkippedSteps:
    """How many there were, which was the last, and how many came one after the other."""

    def __init__(self) -> None:
        self.count, self.last, self.in_a_row = 0, 0, 0

    def __bool__(self) -> bool:
        return self.count > 0

    def note(self, step: int, *, finite: bool) -> None:
        """What a step's gradients were. The first that is skipped is told."""
        if finite:
            self.in_a_row = 0
            return
        self.count, self.last, self.in_a_row = self.count + 1, step, self.in_a_row + 1
        if self.count == 1:
            log.warning(
                "step %d is skipped: its gradients are not finite. Where more are, %s; after %d in "
                "a row the training stops",
                step,
                REMEDY,
                MOST_IN_A_ROW,
            )

    @property
    def too_many(self) -> bool:
        return self.in_a_row >= MOST_IN_A_ROW

    @property
    def words(self) -> str:
        """For people who watch."""
        steps = "1 step" if self.count == 1 else f"{self.count} steps"
        return f"{steps} skipped (gradients not finite, last at step {self.last})"

    def state_dict(self) -> dict[str, int]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
