"""What of a picture is selected, where the picture is a mask: by its light, its colours, its alpha.

White is selected, black is not, greys are in between. Any colour is an object and wholly selected,
however dark: palettes of labels (DAVIS, VOC) begin at a red of half the light.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MaskError
from ._mask_objects import object_mask
from ._mask_parts import Color, Label, Part
from ._pixels import full_scale

NEARLY_BLACK = 1 / 16
COLORED = 24.5 / 255  # how far the channels of a grey differ at most; lossy ones by less than half


def mask_of(pixels: np.ndarray, path: Path, part: Part | None = None) -> NDArray[np.float32]:
    """How far each pixel is selected, 0..1 [H, W], of uint8 or uint16 [H, W, 3 or 4].

    `part` says which object is meant, or with alpha that is not opaque, which side of it; without
    it only white on transparent ground is understood there. Raises MaskError for anything else.
    """
    if isinstance(part, Label | Color):
        return object_mask(pixels, part)
    values: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(full_scale(pixels))
    alpha = values[..., 3] if values.shape[2] == 4 and values[..., 3].min() < 1 else None
    if part is not None:
        if alpha is None:
            raise MaskError("mask", f"{path} has no transparent pixels: leave @{part} out")
        return alpha if part == "opaque" else 1 - alpha
    selected = _by_color(values[..., :3])
    if alpha is None:
        return selected
    if not _is_white_on_nothing(values, alpha):
        raise MaskError(
            "mask",
            f"{path} has transparent pixels, and its colours are no mask (white = edit): write "
            f"{path.name}@transparent to edit what is transparent, as ComfyUI's mask editor saves "
            f"it, or {path.name}@opaque to edit what is not, as in a cut-out",
        )
    return selected * alpha


def _by_color(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    colored = rgb.max(axis=-1) - rgb.min(axis=-1) > COLORED
    return np.where(colored, np.float32(1), rgb.mean(axis=-1))


def _is_white_on_nothing(values: NDArray[np.float32], alpha: NDArray[np.float32]) -> bool:
    """Whether what can be seen is black and white, with some white; or nothing can be seen."""
    seen = values[alpha > 0.5][:, :3]
    if not len(seen):
        return True
    plain = (seen < NEARLY_BLACK).all(axis=1) | (seen > 1 - NEARLY_BLACK).all(axis=1)
    return bool(plain.all() and (seen > 0.5).any())
