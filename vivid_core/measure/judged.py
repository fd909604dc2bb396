"""What a vision-language model thinks of an edit, one aspect at a time (InsViE, 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..errors import EndpointError, EngineError, InputError
from ..perceive.judge import Aspect, ask_for_score, show_both
from ..perceive.protocols import Chat
from ..perceive.shown import ShownPictures
from .edited import Edited

MOST_FRAMES = 25  # that a judge sees of each clip: all that InsViE's clips have (section 8)
NO_JUDGE = "needs a judge: an engine that answers questions about pictures"
NO_INSTRUCTION = "needs the instruction: nothing else says what was to be deleted"


@dataclass(frozen=True)
class Judged:
    """An edit before a judge, which is shown the same pictures for all aspects."""

    edited: Edited
    judge: Chat | None

    @cached_property
    def shown(self) -> ShownPictures:
        return show_both(self.edited.source.frames, self.edited.edit, MOST_FRAMES)

    def score(self, aspect: Aspect) -> float | str:
        """1 to 5, or why there is none: a judge that fails is no reason to lose other figures."""
        if self.judge is None:
            return NO_JUDGE
        if not self.edited.request:
            return NO_INSTRUCTION
        try:
            found = ask_for_score(self.judge, self.shown, self.edited.request, aspect=aspect)
        except (EngineError, EndpointError, InputError) as error:
            return str(error)
        return float(found.value)


def judge_notes(judge: Chat | None) -> tuple[str, ...]:
    """Which judge it was: scores of different ones cannot be compared."""
    if judge is None:
        return ()
    return (f"judge: {judge.digest[:12]}, shown {MOST_FRAMES} frames of each clip at most",)
