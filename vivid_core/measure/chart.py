"""Draw means with their confidence intervals, and every clip as a dot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..metrics.ink import COLORS, GRID, PAPER, Color, write_text
from .bootstrap import Interval
from .figures import KINDS, Kind
from .results import Results

WIDTH, LEFT, RIGHT = 760, 230, 120  # pixels of the picture; of its margins
LINE, TITLE, AXIS = 22, 34, 26  # pixels in height
FADED = 0.35  # of a dot's colour; the rest is paper
MARGIN = 0.06  # of the axis, on both sides


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a panel: a task by a method."""

    label: str
    color: Color
    mean: Interval
    values: tuple[float, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """Of the interval; the mean where there is none."""
        low, high = self.mean.low, self.mean.high
        return (
            self.mean.mean if low is None else low,
            self.mean.mean if high is None else high,
        )


def draw_results(results: Results) -> Float[Tensor, "h w 3"]:
    """A panel for each figure that was measured, pixels in 0..1.

    An infinite mean (of edits that equal the truth) is written, but not drawn. Raises InputError
    where no figure was measured.
    """
    panels = [_draw_panel(kind, lines) for kind in KINDS if (lines := _lines(kind, results))]
    if not panels:
        raise InputError("results", "hold no figure that could be drawn")
    return torch.from_numpy(np.concatenate(panels)).float() / 255


def _lines(kind: Kind, results: Results) -> list[Line]:
    lines = []
    for task in results.tasks:
        for color, method in enumerate(results.methods):
            mean = results.mean(kind, method, task)
            if isinstance(mean, str):
                continue
            found = (result.figures[kind.name] for result in results.of(method, task))
            values = tuple(v for v in found if isinstance(v, float) and math.isfinite(v))
            label = task if len(results.methods) == 1 else f"{task}, {method}"
            chosen = COLORS[color % len(COLORS)]
            lines.append(Line(label=label, color=chosen, mean=mean, values=values))
    return lines


def _draw_panel(kind: Kind, lines: Sequence[Line]) -> NDArray[np.uint8]:
    axis = _Axis([v for line in lines for v in (*line.values, *line.ends)])
    image = np.full((TITLE + LINE * len(lines) + AXIS, WIDTH, 3), PAPER, np.uint8)
    write_text(image, kind.title, (12, TITLE - 14), scale=0.46)
    bottom = TITLE + LINE * len(lines)
    for share in (0.0, 0.5, 1.0):
        x, value = axis.x(axis.at(share)), axis.at(share)
        cv2.line(image, (x, TITLE - 6), (x, bottom), GRID, 1)
        write_text(image, f"{value:.3g}", (x - 16, bottom + 14), scale=0.36)
    for i, line in enumerate(lines):
        _draw_line(image, line, axis, TITLE + LINE * i + LINE // 2)
    return image


def _draw_line(image: NDArray[np.uint8], line: Line, axis: _Axis, y: int) -> None:
    faded = tuple(
        round(FADED * c + (1 - FADED) * p) for c, p in zip(line.color, PAPER, strict=True)
    )
    for value in line.values:
        cv2.circle(image, (axis.x(value), y), 3, faded, -1, cv2.LINE_AA)
    write_text(image, line.label, (12, y + 4))
    write_text(image, f"{line.mean.mean:.4g}", (WIDTH - RIGHT + 20, y + 4), color=line.color)
    if not math.isfinite(line.mean.mean):
        return
    low, mean, high = (axis.x(v) for v in (line.ends[0], line.mean.mean, line.ends[1]))
    cv2.line(image, (low, y), (high, y), line.color, 2, cv2.LINE_AA)
    cv2.circle(image, (mean, y), 5, line.color, -1, cv2.LINE_AA)


class _Axis:
    """Values from left to right, infinite ones left out; not below 0 where none of them is."""

    def __init__(self, values: Sequence[float]) -> None:
        finite = [value for value in values if math.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        room = MARGIN * (high - low) or max(abs(low), 1.0) / 2
        self._low, self._high = low - room, high + room
        if low >= 0:
            self._low = max(self._low, 0.0)

    def at(self, share: float) -> float:
        return self._low + share * (self._high - self._low)

    def x(self, value: float) -> int:
        share = (value - self._low) / (self._high - self._low)
        return LEFT + round(min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT))
