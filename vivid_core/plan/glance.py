"""What is kept of a frame to compare it with later ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16

GRID = (16, 24)  # rows and columns of the small pictures that are compared
FINE_GRID = (64, 96)  # of the one whose colours are counted
SAMPLES = 4  # pixels across and down that suffice for one pixel of the finer picture
COLORS = (8, 12, 12)  # bins of lightness and both colours
COLOR_BOUNDS = (0, 256, 64, 192, 64, 192)  # of 8-bit Lab
# Two frames show different scenes where more than this share of the colours changes and the small
# pictures correlate less than this. Scenes of like colours are told apart by the picture alone.
UNLIKE = ((0.3, 0.5), (0.08, 0.15))
DEPTH_STEP = 257  # 16-bit levels in one of 8 bits


@dataclass(frozen=True, kw_only=True)
class Glance:
    """Small pictures of a frame, in Lab and in RGB (0..255), and how often each colour comes."""

    colors: Float32[np.ndarray, " n"]
    picture: Float32[np.ndarray, "y x 3"]
    light: Float32[np.ndarray, "y x 3"]

    @classmethod
    def at(cls, pixels: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]) -> Glance:
        sparse = np.ascontiguousarray(thin(pixels))
        small = cv2.resize(sparse, FINE_GRID[::-1], interpolation=cv2.INTER_AREA)
        if small.dtype == np.uint16:
            small = np.rint(small / DEPTH_STEP).astype(np.uint8)
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
        colors = cv2.calcHist([lab], [0, 1, 2], None, COLORS, COLOR_BOUNDS).ravel()
        picture, light = (
            cv2.resize(p, GRID[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
            for p in (lab, small)
        )
        return cls(colors=colors / max(float(colors.sum()), 1.0), picture=picture, light=light)

    @cached_property
    def contrast(self) -> float:
        """Standard deviation of the small RGB picture, the mean of its channels."""
        return float(self.light.std(axis=(0, 1)).mean())


def thin(frame: Any) -> Any:
    """Every n-th row and column of a large frame [H, W, 3], array or tensor."""
    height, width = frame.shape[:2]
    step = max(1, min(height // FINE_GRID[0], width // FINE_GRID[1]) // SAMPLES)
    return frame[::step, ::step]


def differs(a: Glance, b: Glance) -> bool:
    """Whether they show different scenes."""
    changed, correlation = change(a, b), _correlation(a, b)
    return any(changed > least and correlation < most for least, most in UNLIKE)


def change(a: Glance, b: Glance) -> float:
    """Share of the colours that are not the same, 0..1."""
    return float(1 - np.minimum(a.colors, b.colors).sum())


def _correlation(a: Glance, b: Glance) -> float:
    """Of the small pictures, -1..1, each channel against its own mean; 0 with a flat one."""
    first, second = (g.picture - g.picture.mean((0, 1)) for g in (a, b))
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 1.0 else 0.0
