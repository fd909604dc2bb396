"""Histograms as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..metrics.ink import COLORS, GRID, PAPER, write_text

BINS = 24
SIZE = (190, 380)  # height, width of one in pixels
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 34, 28
ACROSS = 2


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Values, and what they are."""

    title: str
    values: tuple[float, ...]

    @property
    def summary(self) -> str:
        low, middle, high = np.quantile(self.values, (0.05, 0.5, 0.95))
        return f"{middle:.3g} (5% {low:.3g}, 95% {high:.3g}), {len(self.values)} samples"


def draw_histograms(histograms: Sequence[Histogram]) -> Float[Tensor, "h w 3"]:
    """Two beside each other, pixels in 0..1. Raises InputError where there is none."""
    if not histograms:
        raise InputError("dataset", "holds nothing to draw: it has no samples")
    panels = [_draw(histogram) for histogram in histograms]
    while len(panels) % ACROSS:
        panels.append(np.full_like(panels[0], PAPER))
    rows = [np.concatenate(panels[i : i + ACROSS], axis=1) for i in range(0, len(panels), ACROSS)]
    return torch.from_numpy(np.concatenate(rows)).float() / 255


def _draw(histogram: Histogram) -> NDArray[np.uint8]:
    image = np.full((*SIZE, 3), PAPER, np.uint8)
    write_text(image, histogram.title, (12, 20))
    low, high = min(histogram.values), max(histogram.values)
    room = (high - low) or max(abs(low), 1.0)
    counts, _ = np.histogram(histogram.values, bins=BINS, range=(low, low + room))
    bottom, width = SIZE[0] - BOTTOM, (SIZE[1] - LEFT - RIGHT) / BINS
    cv2.line(image, (LEFT, bottom), (SIZE[1] - RIGHT, bottom), GRID, 1)
    for number, count in enumerate(counts.tolist()):
        top = bottom - round((bottom - TOP) * count / counts.max())
        corners = (
            (round(LEFT + number * width), top),
            (round(LEFT + (number + 1) * width) - 2, bottom),
        )
        if count:
            cv2.rectangle(image, *corners, COLORS[0], -1)
    write_text(image, str(counts.max()), (8, TOP + 6), scale=0.36)
    for share in (0.0, 0.5, 1.0):
        x = round(LEFT + share * (SIZE[1] - LEFT - RIGHT))
        write_text(image, f"{low + share * room:.3g}", (x - 12, bottom + 16), scale=0.36)
    return image
