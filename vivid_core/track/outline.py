"""Masks as outlines: distances to them, and beliefs cleaned along them.

A belief is float32 [H, W], positive on the object.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

FILTER_RADIUS, FILTER_SOFTNESS = 3, 1e-3


def signed_distance(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Pixels to the outline: positive inside, negative outside; far where there is none."""
    pixels = mask.astype(np.uint8)
    inside = cv2.distanceTransform(pixels, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - pixels, cv2.DIST_L2, 5)
    far = float(sum(mask.shape))
    return np.clip(np.where(mask, inside - 0.5, 0.5 - outside), -far, far).astype(np.float32)


def center(mask: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    y, x = np.nonzero(mask)
    return float(x.mean()), float(y.mean())


def smooth_along_edges(
    belief: Float32[np.ndarray, "h w"], rgb: UInt8[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h w"]:
    """Smooth a belief along, not across, the edges of the picture (guided filter, grey guide)."""
    guide = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    size = (2 * FILTER_RADIUS + 1, 2 * FILTER_RADIUS + 1)
    mean_guide, mean = cv2.blur(guide, size), cv2.blur(belief, size)
    slope = (cv2.blur(guide * belief, size) - mean_guide * mean) / (
        cv2.blur(guide * guide, size) - mean_guide**2 + FILTER_SOFTNESS
    )
    offset = mean - slope * mean_guide
    return (cv2.blur(slope, size) * guide + cv2.blur(offset, size)).astype(np.float32)


def without_whiskers(
    belief: Float32[np.ndarray, "h w"], expected: Bool[np.ndarray, "h w"], width: float
) -> Float32[np.ndarray, "h w"]:
    """Drop thin lines that the object grew into, such as the line of the ground under a hoof."""
    side = max(3, round(width)) | 1
    kernel = np.ones((side, side), np.uint8)
    padded = np.pad((belief > 0).astype(np.uint8), side)  # beyond the picture there is no object
    thick = cv2.dilate(cv2.morphologyEx(padded, cv2.MORPH_OPEN, kernel), kernel)
    thin = (belief > 0) & ~expected & (thick[side:-side, side:-side] == 0)
    return np.where(thin, -np.abs(belief), belief).astype(np.float32)


def without_specks(
    belief: Float32[np.ndarray, "h w"], expected: Bool[np.ndarray, "h w"], least: float
) -> Float32[np.ndarray, "h w"]:
    """Drop small pieces and those that do not touch where the object is expected; fill pinholes."""
    selected = (belief > 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(selected)
    touched = np.bincount(labels[expected], minlength=count) > 0
    kept = touched & (stats[:, cv2.CC_STAT_AREA] >= least)
    kept[0] = False
    cleaned = np.where((selected > 0) & ~kept[labels.astype(np.intp)], -np.abs(belief), belief)
    closed = cv2.morphologyEx((cleaned > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3)))
    return np.where((closed > 0) & (cleaned <= 0), np.float32(0.1), cleaned).astype(np.float32)
