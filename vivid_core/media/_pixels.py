"""Turn the pixels a caller gives into arrays of the depth that is written."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

Pixels = np.ndarray | Tensor


def pixels_to_array(pixels: Pixels, *, depth: int) -> np.ndarray:
    """uint8 (depth 8) or full-scale uint16 (deeper), [H, W, 3 or 4].

    Takes float in 0..1 (clamped), uint8 or uint16. Raises InputError for anything else, and
    for NaN.
    """
    array = _to_numpy(pixels)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or array.size == 0:
        raise InputError("pixels", f"need [height, width, 3 or 4], got {array.shape}")
    wanted = np.dtype(np.uint8 if depth == 8 else np.uint16)
    if array.dtype == wanted:
        return array
    if array.dtype == np.uint8:
        return array.astype(np.uint16) * 257
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return _quantize(array, wanted)


def full_scale(array: np.ndarray) -> int:
    """The value of white in uint8 or uint16 pixels."""
    return 65535 if array.dtype == np.uint16 else 255


def _quantize(array: np.ndarray, wanted: np.dtype) -> np.ndarray:
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError("pixels", f"must be float in 0..1, uint8 or uint16, got {array.dtype}")
    scaled = array.astype(np.float32)
    if not np.isfinite(scaled).all():
        raise InputError(
            "pixels",
            "contain NaN or infinity: the step before this one produced broken images (often a "
            "VAE in fp16)",
        )
    top = np.iinfo(wanted).max
    return np.rint(np.clip(scaled, 0, 1) * top).astype(wanted)


def _to_numpy(pixels: Pixels) -> np.ndarray:
    if not isinstance(pixels, Tensor):
        return pixels
    pixels = pixels.detach().cpu()
    return (pixels.float() if pixels.dtype == torch.bfloat16 else pixels).numpy()
