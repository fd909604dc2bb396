"""What a vision-language model thinks of an edit, one aspect at a time (InsViE, 5.1)."""

from __future__ import annotations

from ..errors import EngineError, InputError
from ..perceive.judge import Aspect, ask_for_score, shown_pictures
from ..perceive.protocols import Chat
from .edited import Edited

MOST_FRAMES = 25  # that a judge sees of each clip: all that InsViE's clips have (section 8)
NO_JUDGE = "needs a judge: an engine that answers questions about pictures"
NO_INSTRUCTION = "needs the instruction: nothing else says what was to be deleted"


def judged_score(edited: Edited, judge: Chat | None, aspect: Aspect) -> float | str:
    """1 to 5, or why there is none: a judge that fails is no reason to lose other figures."""
    if judge is None:
        return NO_JUDGE
    if not edited.request:
        return NO_INSTRUCTION
    before, after = (
        shown_pictures(frames, MOST_FRAMES) for frames in (edited.source.frames, edited.edit)
    )
    try:
        return float(ask_for_score(judge, before, after, edited.request, aspect=aspect).value)
    except (EngineError, InputError) as error:
        return str(error)


def judge_notes(judge: Chat | None) -> tuple[str, ...]:
    """Which judge it was: scores of different ones cannot be compared."""
    if judge is None:
        return ()
    return (f"judge: {judge.digest[:12]}, shown {MOST_FRAMES} frames of each clip at most",)
