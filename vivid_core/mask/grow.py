"""Grow masks by an exact disc and soften them inwards, by Euclidean distance."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Crop = tuple[slice, slice]  # rows, columns


def grow_mask(mask: Shaped[Tensor, "t h w"], radius_pixels: float) -> Float[Tensor, "t h w"]:
    """Every pixel within `radius_pixels` of a selected pixel (above 0.5); float32, 0 or 1."""
    if not 0 <= radius_pixels < math.inf:
        raise InputError("radius_pixels", f"must be 0 or more pixels, got {radius_pixels:g}")
    selected = select(mask)
    grown = np.zeros(selected.shape, np.float32)
    for frame, out in zip(selected, grown, strict=True):
        grow_frame(frame, radius_pixels, out=out)
    return torch.as_tensor(grown).to(mask.device)


def feather_inside(mask: Shaped[Tensor, "t h w"], pixels: float) -> Float[Tensor, "t h w"]:
    """Alpha that is 0 outside the mask and reaches 1 after `pixels` softened pixels inside it.

    The border of the frame is no border of the mask: nothing is softened there.
    """
    if not 0 <= pixels < math.inf:
        raise InputError("feather", f"must be 0 or more pixels, got {pixels:g}")
    selected = select(mask)
    alpha = np.zeros(selected.shape, np.float32)
    for frame, out in zip(selected, alpha, strict=True):
        crop = find_crop(frame, margin=1)
        if crop is not None:
            out[crop] = np.minimum(distance_inside(frame[crop]) / (pixels + 1), 1)
    return torch.as_tensor(alpha).to(mask.device)


def select(mask: Shaped[Tensor, "t h w"]) -> Bytes:
    """The selected pixels (above 0.5) as bytes, 0 or 1. To read only: may share a mask's memory."""
    on_cpu = mask.detach().cpu()
    if mask.dtype == torch.bool:
        return on_cpu.numpy().view(np.uint8)
    # numpy compares five times faster than torch here
    return (on_cpu.float().numpy() > np.float32(0.5)).view(np.uint8)


def find_crop(frame: Bytes, margin: int) -> Crop | None:
    """The box around the selected pixels, widened by `margin` inside the frame; None if empty."""
    x, y, width, height = cv2.boundingRect(frame)
    if width == 0:
        return None
    return (
        slice(max(0, y - margin), y + height + margin),
        slice(max(0, x - margin), x + width + margin),
    )


def grow_frame(frame: Bytes, radius: float, *, out: Floats) -> None:
    """Write the frame grown by a disc into `out`, which holds zeros."""
    crop = find_crop(frame, margin=math.floor(radius))
    if crop is None:
        return
    if radius < 1:
        out[crop] = frame[crop]
    else:
        # Squared distances are whole numbers: halfway between two of them rounding cannot matter.
        limit = math.sqrt(math.floor(radius * radius) + 0.5)
        distance = cv2.distanceTransform(1 - frame[crop], cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        np.less_equal(distance, limit, out=out[crop], casting="unsafe")


def distance_inside(frame: Bytes) -> Floats:
    """Distance of each selected pixel to the nearest one that is not (border pixels have 1)."""
    distance = cv2.distanceTransform(frame, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance, np.float32)
