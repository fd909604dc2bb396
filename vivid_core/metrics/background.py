"""How exactly an edit left everything outside its mask alone."""

from __future__ import annotations

from dataclasses import dataclass

from .psnr import Frames, Masks


@dataclass(frozen=True, kw_only=True)
class BackgroundError:
    """Absolute differences outside the mask, of pixels in 0..1; `mean` over all of them."""

    maximum: float
    mean: float


def background_error(source: Frames, edit: Frames, mask: Masks) -> BackgroundError:
    """Compare wherever the effective mask is at most 0.5; nothing outside counts as exact.

    For a written file, pass the frames that decoding it gave.
    """
    difference = (edit - source).abs()[mask <= 0.5]
    if difference.numel() == 0:
        return BackgroundError(maximum=0.0, mean=0.0)
    return BackgroundError(maximum=float(difference.max()), mean=float(difference.mean()))
