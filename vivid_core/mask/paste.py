"""Paste the mask of one clip into an area of another, with its path (VIVID, sec. 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from ..errors import MaskError
from .grow import Bytes, find_crop, select

SHRINKINGS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.3)  # of its own share of the frame, the first that fits


@dataclass(frozen=True, kw_only=True)
class PastedMask:
    """`values` is 0 or 1. `scale` is of the mask's own pixels, `corner` (x, y) where its first
    frame's box begins.
    """

    values: Float[Tensor, "t h w"]
    scale: float
    corner: tuple[int, int]


def paste_mask(
    donor: Shaped[Tensor, "donor_t donor_h donor_w"],
    area: Bool[np.ndarray, "h w"],
    *,
    frames: int,
    rng: np.random.Generator,
) -> PastedMask | None:
    """Place a mask sequence (selected above 0.5) so that its first mask lies within the area.

    It keeps the share of the frame that it has in its own clip, or is scaled down until it fits;
    where, is drawn among all places. What follows keeps its path from there and is cut off at the
    frame's edges. A sequence that is too short goes back and forth. None where it fits nowhere.
    Raises MaskError for a mask that is empty at first.
    """
    masks = select(donor)
    crop = find_crop(masks[0], margin=0)
    if crop is None:
        raise MaskError("mask", "is empty on its first frame, which is placed: begin later")
    height, width = area.shape
    natural = min(height / masks.shape[1], width / masks.shape[2])
    for shrinking in SHRINKINGS:
        scale = natural * shrinking
        shape = _scaled(masks[0][crop], scale)
        corner = _draw_corner(shape, area, rng)
        if corner is not None:
            left, top = crop[1].start, crop[0].start
            moved = _Move(scale=scale, x=corner[0] - scale * left, y=corner[1] - scale * top)
            if (moved.apply(masks[0], (height, width)).astype(np.bool_) & ~area).any():
                continue
            order = back_and_forth(len(masks), frames)
            values = np.stack([moved.apply(masks[i], (height, width)) for i in order])
            return PastedMask(values=torch.as_tensor(values), scale=scale, corner=corner)
    return None


def back_and_forth(count: int, length: int) -> list[int]:
    """0, 1, ... count-1, and back, as long as it is needed."""
    period = max(2 * count - 2, 1)
    places = (i % period for i in range(length))
    return [place if place < count else period - place for place in places]


@dataclass(frozen=True, kw_only=True)
class _Move:
    scale: float
    x: float
    y: float

    def apply(self, mask: Bytes, size: tuple[int, int]) -> NDArray[np.float32]:
        # Pixel centres lie at whole numbers: half a pixel of either size.
        half = 0.5 * self.scale - 0.5
        matrix = np.array([[self.scale, 0, self.x + half], [0, self.scale, self.y + half]])
        soft = mask.astype(np.float32)
        if self.scale < 1:  # against holes in thin parts
            soft = cv2.GaussianBlur(soft, (0, 0), 0.35 / self.scale)
        moved = cv2.warpAffine(soft, matrix, size[::-1], flags=cv2.INTER_LINEAR)
        return np.asarray(moved > 0.5, np.float32)


def _scaled(shape: Bytes, scale: float) -> Bytes:
    """The shape as it will be about; a pixel more on each side, for rounding."""
    size = tuple(max(1, round(side * scale)) for side in shape.shape[::-1])
    soft = cv2.resize(shape.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.pad((soft > 0.25).astype(np.uint8), 1)


def _draw_corner(
    shape: Bytes, area: Bool[np.ndarray, "h w"], rng: np.random.Generator
) -> tuple[int, int] | None:
    """Where the shape's box may begin (x, y), one of all places; None if there is none."""
    if any(side > whole for side, whole in zip(shape.shape, area.shape, strict=True)):
        return None
    outside = (~area).astype(np.float32)
    kernel = cv2.dilate(shape, np.ones((3, 3), np.uint8)).astype(np.float32)
    hit = cv2.matchTemplate(outside, kernel, cv2.TM_CCORR)
    rows, columns = np.nonzero(hit < 0.5)
    if not len(rows):
        return None
    chosen = int(rng.integers(len(rows)))
    return int(columns[chosen]) + 1, int(rows[chosen]) + 1
