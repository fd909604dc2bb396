"""Colour models of an object and of its surroundings: smoothed Lab histograms."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

# Bins of 8-bit Lab: lightness is coarse, because light changes more than colour.
LIGHT_STEP, COLOR_STEP = 24, 8
LIGHT_BINS, COLOR_BINS = 11, 32
BINS = LIGHT_BINS * COLOR_BINS * COLOR_BINS
SPREAD = np.array([0.25, 0.5, 0.25], np.float32)  # how far a colour reaches into nearby bins
FLOOR = 2e-5  # share of a colour never seen; bounds what one pixel can say
MAX_ODDS = 3.0


def color_bins(lab: UInt8[np.ndarray, "h w 3"]) -> Int[np.ndarray, "h w"]:
    """The histogram bin of each pixel."""
    light = (lab[..., 0] // LIGHT_STEP).astype(np.int32)
    a, b = (lab[..., i].astype(np.int32) // COLOR_STEP for i in (1, 2))
    return (light * COLOR_BINS + a) * COLOR_BINS + b


def histogram(
    bins: Int[np.ndarray, "h w"], selected: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, " n"]:
    """Shares of the selected pixels' colours, summing to 1; all zeros where none is selected."""
    counts = np.bincount(bins[selected], minlength=BINS).astype(np.float32)
    cube = counts.reshape(LIGHT_BINS, COLOR_BINS, COLOR_BINS)
    for axis in range(3):
        cube = _spread(cube, axis)
    total = float(cube.sum())
    return (cube / total if total else cube).ravel()


def log_odds(
    own: Float32[np.ndarray, " n"], other: Float32[np.ndarray, " n"]
) -> Float32[np.ndarray, " n"]:
    """For each colour, how much it speaks for the first model: log ratio in -3..3."""
    ratio = np.log((own + FLOOR) / (other + FLOOR))
    return np.clip(ratio, -MAX_ODDS, MAX_ODDS).astype(np.float32)


def similarity(a: Float32[np.ndarray, " n"], b: Float32[np.ndarray, " n"]) -> float:
    """Bhattacharyya coefficient of two histograms: 1 for equal colours, 0 for none shared."""
    return float(np.sqrt(a * b).sum())


def to_lab(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.uint8, copy=False)


def _spread(cube: Float32[np.ndarray, "x y z"], axis: int) -> Float32[np.ndarray, "x y z"]:
    moved = np.moveaxis(cube, axis, 0)
    out = SPREAD[1] * moved
    out[1:] += SPREAD[0] * moved[:-1]
    out[:-1] += SPREAD[2] * moved[1:]
    return np.moveaxis(out, 0, axis)
