"""The frames of a clip in memory or of a video file, one at a time, in either direction."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from ..media import VideoReader, pixels_to_array, read_info
from ..video import Clip, FrameRange

BLOCK_FRAMES = 16  # read forward and then given backward; bounds the memory


@runtime_checkable
class FrameSource(Protocol):
    """Frames as uint8 RGB [H, W, 3]; `size` is (height, width)."""

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def fps(self) -> Fraction: ...

    def __len__(self) -> int: ...

    def read(self, frames: FrameRange) -> Iterator[UInt8[np.ndarray, "h w 3"]]: ...


class ClipFrames:
    """The frames of a clip in memory."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    @property
    def size(self) -> tuple[int, int]:
        return self._clip.size

    @property
    def fps(self) -> Fraction:
        return self._clip.fps

    def __len__(self) -> int:
        return len(self._clip)

    def read(self, frames: FrameRange) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        for frame in self._clip.frames[frames.slice]:
            yield pixels_to_array(frame, depth=8)


class VideoFrames:
    """The frames of a video file; holds one at a time. Raises MediaError as `VideoReader` does.

    `fps` is the rate of a folder of pictures, which states none.
    """

    def __init__(self, path: Path, *, fps: Fraction | None = None) -> None:
        self._reader = VideoReader(path)
        self.info = self._reader.info if fps is None else read_info(path, fps=fps)

    @property
    def size(self) -> tuple[int, int]:
        return self.info.height, self.info.width

    @property
    def fps(self) -> Fraction:
        return self.info.fps

    def __len__(self) -> int:
        return self.info.frame_count

    def read(self, frames: FrameRange) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        with self._reader.over(frames) as reader:
            for frame in reader:
                yield np.ascontiguousarray(pixels_to_array(frame.pixels[..., :3], depth=8))


def read_frames(
    source: FrameSource, frames: FrameRange, *, backward: bool = False
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Numbers and frames of a range, ascending, or descending with a few held in memory."""
    if not backward:
        yield from enumerate(source.read(frames), frames.start)
        return
    for stop in range(frames.stop, frames.start, -BLOCK_FRAMES):
        block = FrameRange(start=max(frames.start, stop - BLOCK_FRAMES), stop=stop)
        yield from reversed(list(enumerate(source.read(block), block.start)))
