"""Fractal noise, ramps and mixtures: what pictures are painted with."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32

Plane = Float32[np.ndarray, "h w"]


def fractal(
    rng: np.random.Generator,
    size: tuple[int, int],
    extent: tuple[float, float],
    cell: tuple[float, float],
    *,
    octaves: int = 4,
    persistence: float = 0.5,
) -> Plane:
    """Value noise in 0..1 with a mean of about 0.5, summed over octaves (Perlin 1985, fBm).

    `size` is (height, width) in pixels, `extent` the same area in units, `cell` (height, width) of
    the coarsest octave's cells in units: the field depends on these, not on the pixels.
    """
    total, weight, amplitude = np.zeros(size, np.float32), 0.0, 1.0
    for octave in range(octaves):
        rows, columns = (
            max(2, int(np.ceil(side * 2**octave / step)) + 1)
            for side, step in zip(extent, cell, strict=True)
        )
        grid = rng.random((rows, columns), dtype=np.float32)
        total += amplitude * cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC)
        weight += amplitude
        amplitude *= persistence
    return np.clip(total / weight, 0, 1)


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between (smoothstep); `low` may be the larger."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def mix(
    first: np.ndarray | Sequence[float], second: np.ndarray | Sequence[float], share: np.ndarray
) -> Float32[np.ndarray, "h w 3"]:
    """Two colours or pictures; `share` [h, w] of the second, 0..1."""
    one, two = np.asarray(first, np.float32), np.asarray(second, np.float32)
    return one + (two - one) * share[..., None].astype(np.float32)


def wave(rng: np.random.Generator, times: np.ndarray, period: float) -> np.ndarray:
    """A smooth random motion in about -1..1: three sines around a period."""
    phases, factors = rng.uniform(0, 2 * np.pi, 3), (1.0, 1.73, 2.9)
    parts = [
        np.sin(2 * np.pi * times * f / period + p) / f for f, p in zip(factors, phases, strict=True)
    ]
    return np.sum(parts, axis=0) / 1.6
