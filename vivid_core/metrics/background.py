"""How well an edit keeps what it was not asked to change."""

from __future__ import annotations

from ..errors import MaskError
from .psnr import Frames, Masks

NEARLY_BLACK = 1 / 16  # of a mask: what a lossy file makes of black
STEPS = 255  # of 8-bit pixels


def background_l1(edit: Frames, source: Frames, mask: Masks) -> float:
    """Mean absolute difference outside the mask, in steps of 255 (BP; VIVID, section 5.1).

    Outside is where the mask is black. Raises MaskError where nothing is.
    """
    outside = mask <= NEARLY_BLACK
    if not outside.any():
        raise MaskError("mask", "covers every pixel: nothing outside is left to measure")
    return STEPS * float((edit - source).abs().mean(dim=-1)[outside].mean())
