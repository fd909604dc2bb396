"""What all charts are drawn with: colours in 8-bit RGB, and text."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]
PAPER, INK, GRID = (250, 250, 250), (40, 40, 40), (222, 222, 222)
COLORS: tuple[Color, ...] = (
    (31, 119, 180),
    (255, 127, 14),
    (44, 160, 44),
    (214, 39, 40),
    (148, 103, 189),
    (140, 86, 75),
)


def write_text(
    image: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    *,
    scale: float = 0.4,
    color: Color = INK,
) -> None:
    """Write into a picture [h, w, 3]; `at` is where its first letter stands, `scale` its size."""
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)
