"""Peak signal-to-noise ratio of a clip, or of the pixels inside a mask."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from ..errors import MaskError

Frames = Float[Tensor, "t h w 3"]  # pixels in 0..1
Masks = Float[Tensor, "t h w"]  # selected above 0.5


def psnr(result: Frames, truth: Frames, mask: Masks | None = None) -> float:
    """In dB for a peak of 1, from one mean over all frames; infinite when nothing differs."""
    squared = (result - truth).double().square().mean(dim=-1)
    if mask is not None:
        squared = squared[selected_pixels(mask)]
    error = float(squared.mean())
    return math.inf if error == 0 else -10 * math.log10(error)


def selected_pixels(mask: Masks) -> Tensor:
    """The selection as a bool mask. Raises MaskError where there is nothing to measure."""
    inside = mask > 0.5
    if not inside.any():
        raise MaskError("mask", "selects nothing to measure: give a mask with white pixels")
    return inside
