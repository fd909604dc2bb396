"""Fill a hole in one picture from that picture alone, by a library's classical method."""

from __future__ import annotations

from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from .warp import Bools, Floats

RADIUS = 3  # pixels that Telea's method looks around
PATCH = 3  # pixels from the middle of a patch to its edge, as in PatchMatch's own examples
MARGIN = 64  # pixels round the hole that are given to the library

Levels = NDArray[np.uint8]


def fill_spatially(pixels: Floats, hole: Bools, *, fast: bool = False) -> Floats:
    """The picture [h, w, 3] (0..1) with its hole filled in 8 bits, everything else as it was.

    By PatchMatch (Barnes et al. 2009), which takes seconds, where the package `pypatchmatch` is
    installed and it need not be `fast`; else by the fast marching method (Telea 2004) of OpenCV.
    """
    if not hole.any():
        return pixels
    rows, columns = around(hole, MARGIN)
    part, inside = pixels[rows, columns], hole[rows, columns]
    filled, patches = pixels.copy(), None if fast else _patchmatch()
    if patches is None or inside.all():
        filled[rows, columns] = _paint_over(part, inside)
        return filled
    patches.set_random_seed(0)
    made = np.asarray(patches.inpaint(_levels(part), inside, patch_size=PATCH), np.uint8)
    filled[rows, columns][inside] = made[inside] / np.float32(255)
    return filled


def _paint_over(pixels: Floats, hole: Bools) -> Floats:
    """A whole picture [h, w, 3] by the fast marching method in any case."""
    made = cv2.inpaint(_levels(pixels), hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)
    filled = pixels.copy()
    filled[hole] = np.asarray(made, np.uint8)[hole] / np.float32(255)
    return filled


def library() -> str:
    """Which of the two it is."""
    return "OpenCV" if _patchmatch() is None else "PatchMatch"


def _levels(pixels: Floats) -> Levels:
    return (pixels * 255).round().clip(0, 255).astype(np.uint8)


def _patchmatch() -> ModuleType | None:
    """The optional package, if it is there and works on this machine."""
    try:
        import patchmatch
    except ImportError:
        return None
    return patchmatch if patchmatch.patchmatch_available else None


def around(hole: Bools, margin: int) -> tuple[slice, slice]:
    """Rows and columns of the smallest part of a picture that holds the hole and a margin."""
    x, y, width, height = cv2.boundingRect(hole.astype(np.uint8))
    return (
        slice(max(0, y - margin), min(hole.shape[0], y + height + margin)),
        slice(max(0, x - margin), min(hole.shape[1], x + width + margin)),
    )
