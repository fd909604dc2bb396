"""Give one picture the exposure of another, from the pixels that both show."""

from __future__ import annotations

import cv2
import numpy as np

from .warp import Bools, Floats

GAIN_RANGE = (0.5, 2.0)  # two stops in all; more is another picture, not another exposure
OUTLIER = 0.1  # difference (0..1) from the median that is no matter of exposure
SMOOTHNESS = 0.15  # of the picture's shorter side: width over which light may vary
COARSE_SIGMA = 3.0  # pixels of the smaller picture in which light is spread, at least
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
    middle = np.median(difference[both], axis=0).astype(np.float32)
    rest = difference - middle
    steady = cv2.inRange(rest, (-OUTLIER,) * 3, (OUTLIER,) * 3) > 0
    offset = _spread(rest, both & steady) + middle
    return (lit + offset).clip(0, 1).astype(np.float32)


def match_surroundings(source: Floats, target: Floats, ring: Bools) -> tuple[Floats, Floats]:
    """The source [h, w, 3] (0..1) in the light of the target's ring, and how unlike the two are.

    An offset that varies smoothly makes the source meet the target in the ring [h, w]. Unlike
    (0..1, [h, w]) is by how much they differ all the same, continued from the ring: much where
    something moved.
    """
    if not ring.any():
        return source, np.zeros(ring.shape, np.float32)
    difference = target - source
    middle = np.median(difference[ring], axis=0).astype(np.float32)
    offset = _spread(difference - middle, ring) + middle
    unlike = np.abs(difference - offset).mean(axis=-1, keepdims=True)
    lit = (source + offset).clip(0, 1).astype(np.float32)
    return lit, _bridge(unlike, ring)[..., 0]


def _bridge(values: Floats, where: Bools) -> Floats:
    """Values [h, w, c] known at some pixels, continued from the nearest over all others.

    Push and pull through a pyramid (Gortler et al. 1996, "The Lumigraph", sec. 3.4).
    """
    weight = where.astype(np.float32)
    levels = [(values * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 1:
        total, weight = (np.asarray(cv2.pyrDown(part), np.float32) for part in levels[-1])
        levels.append((total.reshape(*weight.shape, -1), weight))
    filled = np.zeros_like(levels[-1][0])
    for total, weight in reversed(levels):
        size = (weight.shape[1], weight.shape[0])
        up = np.asarray(cv2.resize(filled, size), np.float32).reshape(total.shape)
        own = total / np.maximum(weight, FAINT)[..., None]
        filled = up + (own - up) * weight.clip(0, 1)[..., None]
    return np.asarray(filled, np.float32)


def _spread(values: Floats, where: Bools) -> Floats:
    """Smooth continuation of values [h, w, 3] known at some pixels; 0 far from all of them."""
    height, width = where.shape
    sigma = max(1.0, SMOOTHNESS * min(height, width))
    coarse = max(1, int(sigma / COARSE_SIGMA))  # what is so smooth is blurred in a smaller picture
    size = (-(-width // coarse), -(-height // coarse))
    known = np.dstack([values, np.ones_like(values[..., :1])]) * where[..., None]
    small = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    blurred = np.asarray(cv2.GaussianBlur(small, (0, 0), sigma / coarse), np.float32)
    spread = blurred[..., :3] / np.maximum(blurred[..., 3:], FAINT)
    return np.asarray(cv2.resize(spread, (width, height)), np.float32)
