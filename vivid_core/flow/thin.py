"""Thin holes (a logo's strokes, a wire): painting them over may be better than what is copied."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .warp import Bools, Floats

THIN = 0.06  # of the picture's shorter side, from a hole's middle to its edge, at most
FEWEST = 100  # pixels beside a hole that errors are measured on
WORTH_WHILE = 0.1  # share of what is painted, below which it changes nothing that shows


def is_thin(hole: Bools) -> bool:
    """Whether no part of a hole [h, w] is wide."""
    return _depth(hole) <= THIN * min(hole.shape)


def beside(hole: Bools, hidden: Bools) -> Bools | None:
    """The hole [h, w] moved to where its surroundings are; None where there is no room for it."""
    step = int(np.ceil(2 * _depth(hole))) + 2
    moved = [_moved(hole, *way) & ~hidden for way in ((0, step), (0, -step), (step, 0), (-step, 0))]
    best = max(moved, key=np.count_nonzero)
    return best if np.count_nonzero(best) >= FEWEST else None


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Mean squared errors of copied and of painted pixels, where the truth is known."""

    copied: float
    painted: float

    @classmethod
    def of(cls, truth: Floats, copied: Floats, painted: Floats) -> Errors:
        """From pixels [n, 3] of each."""
        return cls(
            copied=float(np.square(copied - truth).mean()),
            painted=float(np.square(painted - truth).mean()),
        )


def share_painted(errors: list[Errors]) -> float:
    """The share (0..1) of the painted pixels in the mean of the two that errs least.

    That of independent errors: each counts by the inverse of its variance. 0 where it is small.
    """
    copied = sum(error.copied for error in errors)
    painted = sum(error.painted for error in errors)
    share = copied / max(copied + painted, 1e-12)
    return share if share >= WORTH_WHILE else 0.0


def _depth(hole: Bools) -> float:
    inner = cv2.copyMakeBorder(hole.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return float(cv2.distanceTransform(inner, cv2.DIST_L2, cv2.DIST_MASK_5).max())


def _moved(hole: Bools, down: int, right: int) -> Bools:
    height, width = hole.shape
    moved = np.zeros_like(hole)
    rows, columns = (
        (slice(max(0, d), min(n, n + d)), slice(max(0, -d), min(n, n - d)))
        for d, n in ((down, height), (right, width))
    )
    moved[rows[0], columns[0]] = hole[rows[1], columns[1]]
    return moved
