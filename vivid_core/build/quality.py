"""How good a mask is over time, in figures, and which figures are good enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy.typing import NDArray

from ..flow.engine import FlowEngine
from ..flow.warp import pull, target_places
from .config import FilterRules
from .footage import to_floats
from .stage import Reason

Mask = Bool[np.ndarray, "h w"]
Vector = NDArray[np.floating[Any]]  # x, y in pixels
_STILL = np.zeros(2)
_DIGITS = 4  # of a score that is kept


@dataclass(frozen=True, kw_only=True)
class MaskScores:
    """Shares of 0..1. `area` is of the frame where the mask is largest.

    `stability` is the least ratio of the areas in two frames next to each other, `agreement` the
    mean IoU of a mask with the one before it where the flow takes that (1 for one frame alone),
    `border` the share of masked frames in which it touches the frame's edge, `hidden` that of
    frames without a mask. Motion is in a frame, of the frame's diagonal: that of the mask's middle,
    that of what lies outside it, and of one relative to the other; None where no flow is known.
    """

    area: float
    stability: float
    agreement: float
    border: float
    hidden: float
    motion: float
    background_motion: float | None
    relative_motion: float | None

    def as_dict(self) -> dict[str, float]:
        """What is known."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: round(value, _DIGITS) for name, value in known.items()}


class MaskMeter:
    """Measures one mask that is given frame by frame."""

    def __init__(self) -> None:
        self._areas: list[float] = []
        self._overlaps: list[float] = []
        self._steps: list[Vector] = []
        self._background: list[Vector] = []
        self._diagonal = 1.0
        self._touching = 0
        self._before: Mask | None = None

    def add(self, mask: Mask, flow: Float32[np.ndarray, "h w 2"] | None = None) -> None:
        """The next frame's mask; `flow` leads from it back to the frame before."""
        if self._before is not None and mask.any() and self._before.any():
            self._steps.append(_middle(mask) - _middle(self._before))
            if flow is not None:
                self._overlaps.append(_agreement(self._before, mask, flow))
                self._background.append(-flow[~mask].mean(axis=0) if not mask.all() else _STILL)
        self._diagonal = float(np.hypot(*mask.shape))
        self._touching += _touches_edge(mask)
        self._areas.append(float(mask.mean()))
        self._before = mask

    @property
    def scores(self) -> MaskScores:
        areas = np.array(self._areas)
        shown = areas > 0
        pairs = shown[1:] & shown[:-1]
        low, high = (
            np.minimum(areas[1:], areas[:-1])[pairs],
            np.maximum(areas[1:], areas[:-1])[pairs],
        )
        return MaskScores(
            area=float(areas.max()),
            stability=float((low / high).min()) if pairs.any() else 1.0,
            agreement=_mean(self._overlaps, empty=1.0),
            border=self._touching / max(int(shown.sum()), 1),
            hidden=float((~shown).mean()),
            motion=self._mean_length(self._steps),
            background_motion=self._mean_length(self._background) if self._background else None,
            relative_motion=self._relative,
        )

    @property
    def _relative(self) -> float | None:
        pairs = zip(self._steps, self._background, strict=False)
        return self._mean_length([a - b for a, b in pairs]) if self._background else None

    def _mean_length(self, steps: Sequence[Vector]) -> float:
        return _mean([float(np.hypot(*step)) for step in steps], empty=0.0) / self._diagonal


def measure_masks(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]],
    masks: Iterable[Sequence[Mask]],
    flow: FlowEngine,
) -> list[MaskScores]:
    """Scores of several masks of one clip, which is read once; two frames are in memory."""
    meters: list[MaskMeter] = []
    before = None
    for pixels, several in zip(frames, masks, strict=True):
        frame = to_floats(pixels)
        meters = meters or [MaskMeter() for _ in several]
        back = None if before is None else flow.estimate(frame, before).numpy()
        for meter, mask in zip(meters, several, strict=True):
            meter.add(mask, back)
        before = frame
    return [meter.scores for meter in meters]


def judge(scores: MaskScores, rules: FilterRules, *, follows_flow: bool) -> Reason | None:
    """Why a mask is not good enough, or None. A pasted one need not follow the flow."""
    checks: list[tuple[bool, Reason]] = [
        (scores.area < rules.smallest, "too small"),
        (scores.area > rules.largest, "too large"),
        (scores.hidden > rules.hidden, "hidden"),
        (scores.border > rules.border, "at the border"),
        (scores.stability < rules.stability, "unstable"),
        (follows_flow and scores.agreement < rules.agreement, "against the flow"),
    ]
    return next((reason for fails, reason in checks if fails), None)


def _agreement(before: Mask, mask: Mask, back: Float32[np.ndarray, "h w 2"]) -> float:
    moved = pull(before.astype(np.float32), target_places(back)) > 0.5
    union = float((moved | mask).sum())
    return float((moved & mask).sum()) / union if union else 1.0


def _middle(mask: Mask) -> Vector:
    """x, y."""
    return np.array([axis.mean() for axis in np.nonzero(mask)][::-1])


def _touches_edge(mask: Mask) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _mean(values: Sequence[float], *, empty: float) -> float:
    return float(np.mean(values)) if values else empty
