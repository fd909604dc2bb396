"""Loss curves as pictures: what the training log of a stage says, over its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..files.atomic import write_whole_file
from ..files.guarded import decode_json, read_text
from ..metrics.ink import COLORS, GRID, PAPER, Color, write_text

SIZE = (420, 760)  # height, width in pixels
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 36, 44
SMOOTHING = 0.8  # of the training losses, which are noisy; held-out ones are drawn as measured
HELD_OUT = "held_out_"
_SKIPPED = ("step", "seconds")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One named curve: (step, value) pairs, values above 0."""

    name: str
    points: tuple[tuple[int, float], ...]
    marked: bool = False  # a dot at every point


def read_log(path: Path) -> list[Series]:
    """The curves of a stage's log.jsonl. Raises InputError for a file that is none.

    Where a stage was resumed, later records of a step replace earlier ones.
    """
    curves: dict[str, dict[int, float]] = {}
    try:
        for line in read_text(path).splitlines():
            record = decode_json(line, finite=False)
            for name, value in record.items():
                if name not in _SKIPPED:
                    curves.setdefault(name, {})[int(record["step"])] = float(value)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
        raise InputError("log", f"{path} is no training log: {error}") from error
    return [_series(name, sorted(values.items())) for name, values in sorted(curves.items())]


def trim_log(path: Path, last_step: int) -> None:
    """Drop what a killed run logged after its last checkpoint, and a line it did not finish."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            record = decode_json(line, finite=False)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("step", last_step + 1) <= last_step:
            kept.append(line + "\n")
    write_whole_file(path, "".join(kept).encode())


def _series(name: str, points: Sequence[tuple[int, float]]) -> Series:
    points = [(step, value) for step, value in points if math.isfinite(value)]
    if name.startswith(HELD_OUT):
        return Series(name=name.replace("_", " "), points=tuple(points), marked=True)
    smooth, mean = [], points[0][1] if points else 0.0
    for step, value in points:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        smooth.append((step, mean))
    return Series(name=name.replace("_", " "), points=tuple(smooth))


def draw_curves(title: str, series: Sequence[Series]) -> Float[Tensor, "h w 3"]:
    """All curves on one logarithmic scale, pixels in 0..1."""
    drawn = [s for s in series if s.points and all(value > 0 for _, value in s.points)]
    if not drawn:
        raise InputError("series", "there is nothing to draw: the log holds no positive values")
    chart = _Chart(drawn)
    write_text(chart.image, title, (LEFT, TOP - 14), scale=0.5)
    for color, (index, one) in zip(_repeat_colors(len(drawn)), enumerate(drawn), strict=True):
        chart.draw(one, color)
        chart.label(index, one, color)
    return torch.from_numpy(chart.image).float() / 255


def _repeat_colors(count: int) -> list[Color]:
    return [COLORS[i % len(COLORS)] for i in range(count)]


class _Chart:
    """A picture with axes: steps to the right, values upwards on a logarithmic scale."""

    def __init__(self, series: Sequence[Series]) -> None:
        values = [value for one in series for _, value in one.points]
        self.low, self.high = min(values) / 1.1, max(values) * 1.1
        self.last = max(1, *(step for one in series for step, _ in one.points))
        self.image: NDArray[np.uint8] = np.full((*SIZE, 3), PAPER, np.uint8)
        self._draw_axes()

    def draw(self, series: Series, color: Color) -> None:
        points = np.array([self._at(step, value) for step, value in series.points], np.int32)
        cv2.polylines(self.image, [points], False, color, 1, cv2.LINE_AA)
        if series.marked:
            for x, y in points.tolist():
                cv2.circle(self.image, (x, y), 3, color, -1, cv2.LINE_AA)

    def label(self, index: int, series: Series, color: Color) -> None:
        """Name and last value, right of the curves."""
        x, y = SIZE[1] - RIGHT + 12, TOP + 12 + 34 * index
        write_text(self.image, series.name, (x, y), color=color)
        write_text(self.image, f"{series.points[-1][1]:.3g}", (x, y + 15), color=color)

    def _at(self, step: float, value: float) -> tuple[int, int]:
        right = step / self.last
        up = math.log(value / self.low) / math.log(self.high / self.low)
        width, height = SIZE[1] - LEFT - RIGHT, SIZE[0] - TOP - BOTTOM
        return LEFT + round(right * width), TOP + round((1 - up) * height)

    def _draw_axes(self) -> None:
        for value in nice_values(self.low, self.high):
            _, y = self._at(0, value)
            cv2.line(self.image, (LEFT, y), (SIZE[1] - RIGHT, y), GRID, 1)
            write_text(self.image, f"{value:g}", (10, y + 4))
        for share in (0, 0.25, 0.5, 0.75, 1):
            x, y = self._at(share * self.last, self.low)
            cv2.line(self.image, (x, TOP), (x, y), GRID, 1)
            write_text(self.image, f"{share * self.last:.0f}", (x - 14, y + 18))
        write_text(self.image, "step", ((SIZE[1] - RIGHT + LEFT) // 2 - 12, SIZE[0] - 8))


def nice_values(low: float, high: float) -> list[float]:
    """Round values inside a range of a logarithmic axis: 1, 2, 5 times powers of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    values = [m * 10.0**power for power in range(first, last + 1) for m in (1, 2, 5)]
    return [float(f"{value:.6g}") for value in values if low <= value <= high]
