"""Whether an edited clip is worth keeping: by a judge's score and its motion (InsViE, 3.1)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..edit.composite import UNCHANGED
from ..errors import EngineError, InputError, SizeError
from ..flow.engine import FlowEngine
from ..metrics.endpoint import endpoint_error
from ..perceive.judge import HIGHEST, LOWEST, Score, ask_for_score, show_both
from ..perceive.protocols import Chat
from ..runtime import Progress, Runtime

Frames = Float[Tensor, "t h w 3"]
OtherFrames = Float[Tensor, "other_t other_h other_w 3"]  # as many and as large, or refused
Reason = Literal["nothing changed", "low score", "no usable score", "other motion"]


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What an edit has to reach: a score of 1 to 5, and an end-point error in pixels at most."""

    lowest_score: int = 3
    highest_epe: float = 4.0

    def __post_init__(self) -> None:
        if not LOWEST <= self.lowest_score <= HIGHEST:
            raise InputError("lowest_score", f"is {self.lowest_score}: give {LOWEST} to {HIGHEST}")
        if not 0 <= self.highest_epe < math.inf:
            raise InputError("highest_epe", f"is {self.highest_epe}: give 0 or more pixels")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found of an edit. `score` is None without a judge, `epe` of a single frame."""

    reasons: tuple[Reason, ...]
    score: Score | None
    epe: float | None
    change: float  # mean, of 255
    largest: float  # change of any value of any pixel, of 255
    problem: str = ""  # why there is no score

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def report(self) -> str:
        """The verdict first."""
        lines = ["passed" if self.passed else f"rejected: {', '.join(self.reasons)}"]
        if self.score is not None:
            wrong = f" ({self.score.problems})" if self.score.problems else ""
            lines.append(f"score: {self.score.value} of {HIGHEST}{wrong}")
        else:
            lines.append(f"score: not measured{': ' if self.problem else ''}{self.problem}")
        motion = "not measured, needs two frames" if self.epe is None else f"{self.epe:.2f} px"
        lines.append(f"EPE of the motion beside the source's: {motion}")
        lines.append(f"mean change: {self.change:.2f} of 255")
        return "\n".join(lines)


def filter_edit(
    source: Frames,
    edit: OtherFrames,
    instruction: str,
    thresholds: Thresholds,
    *,
    flow: FlowEngine,
    judge: Chat | None = None,
    runtime: Runtime | None = None,
) -> Verdict:
    """Look at three frames of each with the judge, and at all of them with the flow.

    A judge without a usable answer is a reason, not an error: others of a batch go on. Raises
    InputError for an edit of another size or length and for pixels that are no numbers,
    EndpointError for a judge that cannot be asked.
    """
    if source.shape != edit.shape:
        (t, h, w), (et, eh, ew) = source.shape[:3], edit.shape[:3]
        raise InputError(
            "edit",
            f"is {et} frames of {ew}x{eh}, the source {t} of {w}x{h}: connect the clip that this "
            "source was edited to",
        )
    for name, frames in (("source", source), ("edit", edit)):
        if not torch.isfinite(frames).all():
            raise InputError(name, "holds pixels that are NaN or infinite: make it again")
    change = (edit - source).abs()
    largest = float(change.max())
    epe = _motion_error(source, edit, flow, runtime or Runtime())
    score, problem = _score(source, edit, instruction, judge)
    reasons: list[Reason] = []
    if largest <= UNCHANGED:
        reasons.append("nothing changed")
    if problem:
        reasons.append("no usable score")
    if score is not None and score.value < thresholds.lowest_score:
        reasons.append("low score")
    if epe is not None and epe > thresholds.highest_epe:
        reasons.append("other motion")
    return Verdict(
        reasons=tuple(reasons),
        score=score,
        epe=epe,
        change=255 * float(change.mean()),
        largest=255 * largest,
        problem=problem,
    )


def count_reasons(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many passed, and how many were rejected for each reason, the commonest first."""
    counts: Counter[str] = Counter()
    for verdict in verdicts:
        counts.update(verdict.reasons or ("passed",))
    return dict(counts.most_common())


def _score(
    source: Frames, edit: Frames, instruction: str, judge: Chat | None
) -> tuple[Score | None, str]:
    """The judge's, or why there is none."""
    if judge is None:
        return None, ""
    try:
        return ask_for_score(judge, show_both(source, edit), instruction), ""
    except EngineError as error:
        return None, str(error)


def _motion_error(source: Frames, edit: Frames, flow: FlowEngine, runtime: Runtime) -> float | None:
    """Mean end-point error of the edit's motion beside the source's, in pixels."""
    if len(source) < 2:
        return None
    errors = []
    everywhere = torch.ones(2, *source.shape[1:3])
    for frame in range(len(source) - 1):
        total = len(source) - 1
        runtime.advance(Progress(stage="measure", done=frame + 1, total=total, alone=True))
        try:
            mine, theirs = (flow.estimate(c[frame], c[frame + 1]) for c in (edit, source))
        except SizeError:
            return None
        errors.append(endpoint_error(mine[None], theirs[None], everywhere))
    return sum(errors) / len(errors)
