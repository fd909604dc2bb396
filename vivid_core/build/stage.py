"""What every stage of a build gives: what it made, or why there is nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

Made = TypeVar("Made")
Reason = Literal[
    "low resolution",
    "too short",
    "more clips than asked for",
    "no tags",
    "no foreground label",
    "nothing detected",
    "no mask",
    "too small",
    "too large",
    "hidden",
    "unstable",
    "against the flow",
    "at the border",
    "no caption",
    "poor caption",
    "duplicate",
    "near duplicate",
    "no background",
    "no mask to paste",
    "no room to paste",
    "on a thing",
    "background lost",
    "no instruction",
    "no usable choice",
    "nothing changed",
    "other size",
    "low score",
    "no usable score",
    "other motion",
    "too unlike its source",
    "not what was asked",
    "cut inside",
]


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Why `key` (a clip, or a thing in it) gives no sample."""

    key: str
    reason: Reason
    detail: str = ""


def sort_out(
    outcomes: Iterable[Made | Rejection], made: list[Made], rejected: list[Rejection]
) -> None:
    """Add each outcome to the list that it belongs to."""
    for outcome in outcomes:
        if isinstance(outcome, Rejection):
            rejected.append(outcome)
        else:
            made.append(outcome)
