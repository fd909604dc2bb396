"""How good a candidate is: a judge's score, its motion, CLIP; and which of several is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ..build.stage import Reason, Rejection
from ..instruct.filter import Verdict, filter_edit
from ..instruct.screen import LARGEST, Asked, clip_figures, rank_by_figures
from ..perceive.judge import shown_frames
from ..runtime import Runtime
from .config import Choice
from .engines import TripletEngines
from .wanted import Wanted

Frames = Float[Tensor, "t h w 3"]
OtherFrames = Float[Tensor, "other_t other_h other_w 3"]  # as many and as large, or refused
DIGITS = 4
# What is stored with a sample, by the names of `screen.HIGHER`.
STORED = {
    "change inside": "change",
    "EPE": "epe",
    "score": "score",
    "CLIP similarity": "clip_similarity",
    "CLIP direction": "clip_direction",
    "CLIP text": "clip_text",
}


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """Figures of an edited clip, and why it is left out, if it is."""

    figures: dict[str, float]
    reason: Reason | None
    detail: str

    def rejection(self, key: str) -> Rejection | None:
        """Of the candidate with this key, if it is left out."""
        if self.reason is None:
            return None
        return Rejection(key=key, reason=self.reason, detail=self.detail)

    @property
    def scores(self) -> dict[str, float]:
        """As they are stored."""
        return {
            name: round(self.figures[known], DIGITS)
            for known, name in STORED.items()
            if known in self.figures
        }


def weigh(
    source: Frames,
    edited: OtherFrames,
    wanted: Wanted,
    choice: Choice,
    engines: TripletEngines,
    runtime: Runtime,
) -> Weighed:
    """Filter a clip, or a single picture, by all that can be measured (InsViE, 3.1 and 3.2)."""
    verdict = filter_edit(
        source,
        edited,
        wanted.instruction,
        choice.thresholds,
        flow=engines.flow,
        judge=engines.judge,
        runtime=runtime,
    )
    figures = {"change inside": verdict.change, LARGEST: verdict.largest}
    figures |= _clip(source, edited, wanted, engines)
    if verdict.epe is not None:
        figures["EPE"] = verdict.epe
    if verdict.score is not None:
        figures["score"] = float(verdict.score.value)
    reasons = _reasons(verdict, figures, choice)
    told = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
    return Weighed(
        figures=figures,
        reason=reasons[0] if reasons else None,
        detail="; ".join([*reasons[1:], told, *([verdict.problem] if verdict.problem else [])]),
    )


def best_of(candidates: Sequence[Weighed]) -> int:
    """Which one has most points by its figures, from 0."""
    points = rank_by_figures([candidate.figures for candidate in candidates])
    return max(range(len(points)), key=lambda number: points[number])


def _reasons(verdict: Verdict, figures: dict[str, float], choice: Choice) -> list[Reason]:
    reasons: list[Reason] = [*verdict.reasons]
    if figures.get("CLIP similarity", 1.0) < choice.similarity:
        reasons.append("too unlike its source")
    if figures.get("CLIP direction", 1.0) < choice.direction:
        reasons.append("not what was asked")
    return reasons


def _clip(
    source: Frames, edited: Frames, wanted: Wanted, engines: TripletEngines
) -> dict[str, float]:
    """CLIP's figures as means over the frames that a judge is shown."""
    if engines.encoder is None:
        return {}
    found = [
        clip_figures(
            after,
            Asked(
                source=before,
                source_caption=wanted.source_caption,
                edit_caption=wanted.edited_caption,
            ),
            engines.encoder,
        )
        for before, after in zip(shown_frames(source), shown_frames(edited), strict=True)
    ]
    return {name: sum(one[name] for one in found) / len(found) for name in found[0]}
