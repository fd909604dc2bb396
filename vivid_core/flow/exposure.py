"""Give one picture the exposure of another, from the pixels that both show."""

from __future__ import annotations

import cv2
import numpy as np

from .warp import Bools, Floats

GAIN_RANGE = (0.5, 2.0)  # two stops in all; more is another picture, not another exposure
OUTLIER = 0.1  # difference (0..1) from the median that is no matter of exposure
SMOOTHNESS = 0.15  # of the picture's shorter side: width over which light may vary
FAINT = 1e-3  # weight below which the surroundings say nothing


def match_exposure(source: Floats, target: Floats, both: Bools) -> Floats:
    """The source [h, w, 3] (0..1) with a gain a channel and a smooth offset (vignettes, glare).

    `both` [h, w] marks the pixels to compare; without any, the source comes back as it is.
    """
    if not both.any():
        return source
    gain = (target[both].mean(axis=0) + FAINT) / (source[both].mean(axis=0) + FAINT)
    lit = source * gain.clip(*GAIN_RANGE)
    difference = target - lit
    middle = np.median(difference[both], axis=0)
    steady = both & (np.abs(difference - middle).max(axis=-1) < OUTLIER)
    offset = _spread(difference - middle, steady) + middle
    return (lit + offset).clip(0, 1).astype(np.float32)


def _spread(values: Floats, where: Bools) -> Floats:
    """Smooth continuation of values [h, w, 3] known at some pixels; 0 far from all of them."""
    weight = where.astype(np.float32)
    sigma = max(1.0, SMOOTHNESS * min(where.shape))
    total = _blur(weight, sigma)
    spread = _blur(values * weight[..., None], sigma)
    return np.asarray(spread / np.maximum(total, FAINT)[..., None], np.float32)


def _blur(values: Floats, sigma: float) -> Floats:
    blurred = cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma)
    return np.asarray(blurred, np.float32)
