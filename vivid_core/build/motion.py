"""Clips from stills by camera motions: the same path over a picture and its edit (InsViE, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError

CameraMotion = Literal[
    "zoom in", "zoom out", "move left", "move right", "move up", "move down"
]  # of the camera: what is seen goes the other way
SMALLEST_CROP = 0.9  # of the picture's sides (InsViE, sec. 7.3)


@dataclass(frozen=True, kw_only=True)
class CropPath:
    """A crop a frame, float64 [frames] each: its left and top, and its side; shares of a picture's.

    All change in equal steps.
    """

    left: Float[Tensor, " t"]
    top: Float[Tensor, " t"]
    side: Float[Tensor, " t"]


def crop_path(motion: CameraMotion, frames: int, smallest: float = SMALLEST_CROP) -> CropPath:
    """The crops of a motion: a zoom goes from the whole to the `smallest`, or back.

    A move keeps the smallest and slides it from one border to the other. Raises InputError for
    less than two frames, or a crop that is none.
    """
    if frames < 2:
        raise InputError("length", f"must be 2 or more, got {frames}: one frame shows no motion")
    if not 0 < smallest < 1:
        raise InputError("crop", f"must be above 0 and below 1, got {smallest:g}")
    rest = 1 - smallest
    forth = torch.linspace(0, rest, frames, dtype=torch.float64)
    still = torch.full_like(forth, rest / 2)
    small = torch.full_like(forth, smallest)
    if motion == "zoom in":
        return CropPath(left=forth / 2, top=forth / 2, side=1 - forth)
    if motion == "zoom out":
        back = forth.flip(0)
        return CropPath(left=back / 2, top=back / 2, side=1 - back)
    along = forth if motion in ("move right", "move down") else forth.flip(0)
    if motion in ("move left", "move right"):
        return CropPath(left=along, top=still, side=small)
    return CropPath(left=still, top=along, side=small)


def follow_path(picture: Float[Tensor, "h w c"], path: CropPath) -> Float[Tensor, "t h w c"]:
    """The crops of a picture, each scaled to its size; bilinear, so that parts of pixels count."""
    height, width, _ = picture.shape
    columns, rows = (_centers(count, picture) for count in (width, height))
    pixels = picture.permute(2, 0, 1)[None]
    frames = []
    for left, top, side in zip(path.left, path.top, path.side, strict=True):
        x = left + side * columns
        y = top + side * rows
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1) * 2 - 1
        frames.append(
            F.grid_sample(
                pixels,
                grid[None].to(pixels),
                mode="bilinear",
                padding_mode="border",
                align_corners=False,
            )[0]
        )
    return torch.stack(frames).permute(0, 2, 3, 1)


def _centers(count: int, like: Tensor) -> Float[Tensor, " n"]:
    """Of pixels, as shares of the side."""
    return (torch.arange(count, dtype=torch.float64, device=like.device) + 0.5) / count
