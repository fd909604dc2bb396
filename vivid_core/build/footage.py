"""The frames of a stretch of a video, and their motion, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..metrics.sheet import shrink_frames
from ..track.frames import FrameSource
from ..video import FrameRange


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A range of frames of a source, counted from 0; itself a source of frames."""

    source: FrameSource
    frames: FrameRange

    @property
    def size(self) -> tuple[int, int]:
        return self.source.size

    @property
    def fps(self) -> Fraction:
        return self.source.fps

    @property
    def place(self) -> FrameRange:
        """Its frames in the file, where it is a range of a range of them."""
        if not isinstance(self.source, Stretch):
            return self.frames
        first = self.source.place.start
        return FrameRange(start=first + self.frames.start, stop=first + self.frames.stop)

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, frames: FrameRange) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        start = self.frames.start
        return self.source.read(FrameRange(start=start + frames.start, stop=start + frames.stop))

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        return self.read(FrameRange(start=0, stop=len(self)))

    def frame(self, number: int) -> UInt8[np.ndarray, "h w 3"]:
        return next(iter(self.read(FrameRange(start=number, stop=number + 1))))

    def shrunk(self, longest: int) -> Float[Tensor, "t h w 3"]:
        """All frames in memory in 0..1, no side longer than this."""
        small = [shrink_frames(to_floats(frame)[None], longest)[0] for frame in self]
        return torch.stack(small)


def to_floats(frame: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "h w 3"]:
    """Pixels in 0..1."""
    return torch.from_numpy(frame.astype(np.float32) / 255)
