"""The clip that is edited, as an edit reads it: ranges of frames at a known depth."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ..video import Clip, FrameRange

Depth = Literal[8, 16]
ROUNDING = 1e-3  # of a level; float32 divides and multiplies 255 to within a tenth of that
Levels = NDArray[np.unsignedinteger]
"""Pixels as whole numbers: [..., 3], white at 255 or 65535."""


@runtime_checkable
class Footage(Protocol):
    """Frames with access to any range.

    `size` is (height, width). Finished frames are rounded to `depth` bits, so that an edit in
    memory and one that is written and read again are the same.
    """

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def fps(self) -> Fraction: ...

    @property
    def depth(self) -> Depth: ...

    def __len__(self) -> int: ...

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w 3"]:
        """Pixels in 0..1."""
        ...


class ClipFootage:
    """A clip in memory: 8 bit where all its pixels are, else 16, unless told otherwise."""

    def __init__(self, clip: Clip, depth: Depth | None = None) -> None:
        self.clip = clip
        self.depth: Depth = depth or (8 if _is_eight_bit(clip.frames) else 16)

    @property
    def size(self) -> tuple[int, int]:
        return self.clip.size

    @property
    def fps(self) -> Fraction:
        return self.clip.fps

    def __len__(self) -> int:
        return len(self.clip)

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w 3"]:
        return self.clip.frames[frames.slice]


class NoFootage:
    """Stands for a clip of a known length and size of which only the cost is asked."""

    def __init__(self, frames: int, size: tuple[int, int]) -> None:
        self._frames, self.size, self.fps = frames, size, Clip.fps
        self.depth: Depth = 8

    def __len__(self) -> int:
        return self._frames

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w 3"]:
        raise RuntimeError("planned without pixels")


def to_float(levels: Levels) -> Float[Tensor, "*t h w 3"]:
    """Whole numbers as float32 in 0..1."""
    white = np.iinfo(levels.dtype).max
    return torch.as_tensor(levels.astype(np.float32) / np.float32(white))


def to_levels(pixels: Float[Tensor, "*t h w 3"], depth: Depth) -> Levels:
    """Pixels in 0..1 rounded to a depth. Undoes `to_float` exactly."""
    kind = np.uint8 if depth == 8 else np.uint16
    scaled = pixels.clamp(0, 1).mul(float(np.iinfo(kind).max))
    return np.rint(scaled.numpy()).astype(kind)


def rounded(
    frames: Float[Tensor, "*t h w 3"],
    source: Float[Tensor, "*t h w 3"],
    effective: Float[Tensor, "*t h w"],
    depth: Depth,
) -> Float[Tensor, "*t h w 3"]:
    """Finished frames at the depth they are kept at; outside the effective mask the source."""
    return torch.where(effective[..., None] > 0, to_float(to_levels(frames, depth)), source)


def _is_eight_bit(frames: Tensor) -> bool:
    """Whether every value is a whole number of 255ths, but for how it was divided."""
    return all(_off_by(frame * 255) < ROUNDING for frame in frames)


def _off_by(levels: Tensor) -> float:
    return float((levels - levels.round()).abs().max())
