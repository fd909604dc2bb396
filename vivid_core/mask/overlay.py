"""Show a mask on its frames: a tinted area with a crisp contour."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ..errors import InputError, MaskError
from .grow import Floats, distance_inside, find_crop, select

DEFAULT_COLOR = (0.16, 0.78, 1.0)  # light blue: rare in footage, clear on dark and on bright
LINE_SHARE = 1 / 240  # width of the contour as a share of the shorter side
SHADOW = 0.25  # brightness of the thin line inside the contour, which keeps it readable on white


def overlay_mask(
    frames: Float[Tensor, "t h w 3"],
    mask: Shaped[Tensor, "masks mask_h mask_w"],
    color: tuple[float, float, float] = DEFAULT_COLOR,
    opacity: float = 0.45,
    *,
    outline: bool = True,
) -> Float[Tensor, "t h w 3"]:
    """New frames with the mask tinted; `color` RGB, `opacity` and pixels in 0..1.

    Soft masks tint softly; the contour runs inside the area above 0.5. A single mask serves
    every frame. Raises MaskError for a mask of another size or length.
    """
    if not 0 <= opacity <= 1:
        raise InputError("opacity", f"must be 0 to 1, got {opacity:g}")
    if mask.shape[1:] != frames.shape[1:3] or len(mask) not in (1, len(frames)):
        raise MaskError(
            "mask",
            f"is {tuple(mask.shape)} for frames {tuple(frames.shape[:3])}: give it the size of the "
            "frames, and one mask a frame or a single one",
        )
    tint = torch.tensor(color, dtype=torch.float32, device=frames.device)
    shown = torch.empty_like(frames)
    for out, frame, alpha in zip(shown, frames, mask.expand(len(frames), -1, -1), strict=True):
        torch.lerp(frame, tint, alpha.to(frame)[..., None] * opacity, out=out)
        if outline:
            _draw_contour(out, alpha, tint)
    return shown


def _draw_contour(frame: Tensor, alpha: Tensor, tint: Tensor) -> None:
    """Draw on one frame, in place."""
    selected = select(alpha[None])[0]
    crop = find_crop(selected, margin=1)
    if crop is None:
        return
    line, shadow = _contour(distance_inside(selected[crop]), width=_line_width(selected.shape))
    area = frame[crop]
    for weight, paint in ((shadow, tint * SHADOW), (line, tint)):
        weights = torch.as_tensor(weight).to(frame)[..., None]
        area.copy_(torch.lerp(area, paint, weights))


def _line_width(size: tuple[int, ...]) -> int:
    return max(1, round(min(size) * LINE_SHARE))


def _contour(distance: Floats, width: int) -> tuple[Floats, Floats]:
    """Weights of the contour and of its inner shadow; both fade over one pixel."""
    inside = distance > 0
    line = np.where(inside, np.clip(width + 1 - distance, 0, 1), 0).astype(np.float32)
    shadow = np.where(inside, np.clip(width + 2 - distance, 0, 1), 0).astype(np.float32)
    return line, 0.5 * shadow
