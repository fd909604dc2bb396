"""Read a video one frame at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType

import numpy as np
import torch
from av import VideoFrame
from jaxtyping import Float
from torch import Tensor

from ..errors import MediaError
from ..video import Clip, FrameRange
from ._color import FrameDecoder
from ._info import check_range, describe
from ._pictures import open_pictures
from ._pixels import full_scale
from ._source import Source, decode_frames, open_video, source_name
from ._timeline import read_timeline


@dataclass(frozen=True, kw_only=True)
class Frame:
    """`pixels` is uint8, or uint16 (full scale) from sources of more than 8 bits,
    [H, W, 3 or 4] in RGB(A) with straight alpha. `pts_seconds` counts from the first frame.
    """

    pixels: np.ndarray
    pts_seconds: Fraction


class VideoReader:
    """Streams the frames of a video, upright and in RGB; holds one frame at a time.

    A folder of images, one a frame, and a file that holds several pictures are videos too.

    Each iteration starts again at the first frame of `range`. Raises MediaError for a file that
    is missing, damaged, cut off or without video, InputError for a range outside it.
    """

    def __init__(self, path: Source, *, range: FrameRange | None = None) -> None:
        self._source, self._pictures = path, open_pictures(path)
        self._timeline = read_timeline(path)
        self._range = check_range(range, len(self._timeline), path)
        self.info = describe(path, self._timeline)
        self._running: list[Generator[Frame, None, None]] = []

    def over(self, range: FrameRange) -> VideoReader:
        """A reader of another range of the same file, whose timing is not read again."""
        other = copy(self)
        other._range = check_range(range, len(self._timeline), self._source)
        other._running = []
        return other

    def __len__(self) -> int:
        return len(self._range)

    def __iter__(self) -> Iterator[Frame]:
        frames = self._frames()
        self._running.append(frames)
        return frames

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop every iteration and close the file."""
        while self._running:
            self._running.pop().close()

    def read_all(self) -> Float[Tensor, "t h w 3"]:
        """Every frame of the range in memory, float32 in 0..1, without alpha."""
        pixels = torch.empty(len(self), self.info.height, self.info.width, 3)
        for target, frame in zip(pixels, self._frames(), strict=True):
            rgb = frame.pixels[..., :3]
            target.copy_(torch.from_numpy(rgb.astype(np.float32)))
            target.div_(full_scale(rgb))
        return pixels

    def _frames(self) -> Generator[Frame, None, None]:
        shape, index = None, self._range.start
        for pixels in self._pixels():
            shape = shape or pixels.shape
            if pixels.shape[:2] != shape[:2]:
                raise MediaError(
                    f"{source_name(self._source)}: the picture size changes from "
                    f"{shape[1]}x{shape[0]} to {pixels.shape[1]}x{pixels.shape[0]} at frame "
                    f"{index}: convert it to one size first"
                )
            yield Frame(pixels=pixels, pts_seconds=self._timeline.time(index))
            index += 1
            if index == self._range.stop:
                return
        raise MediaError(
            f"{source_name(self._source)}: is cut off or damaged: {index} of "
            f"{len(self._timeline)} frames can be decoded: copy or download it again"
        )

    def _pixels(self) -> Iterator[np.ndarray]:
        """Upright RGB(A) from the first frame of the range on."""
        if self._pictures is not None:
            yield from self._pictures.read(self._range.start)
            return
        decoder = FrameDecoder(source_name(self._source))
        for index, frame in enumerate(self._decoded(), self._range.start):
            self._check_whole(frame, index)
            yield decoder.pixels(frame)

    def _check_whole(self, frame: VideoFrame, index: int) -> None:
        if frame.is_corrupt:
            raise MediaError(
                f"{source_name(self._source)}: frame {index} of {len(self._timeline)} is "
                "damaged: copy or download the file again, or choose a range without it"
            )

    def _decoded(self) -> Iterator[VideoFrame]:
        """Decoded frames from the first of the range on."""
        key = self._timeline.key_before(self._range.start)
        target = self._timeline.starts[self._range.start]
        with open_video(self._source) as (container, stream):
            if key is not None:
                container.seek(key, stream=stream, backward=True)
            frames = decode_frames(container, stream, self._source)
            first = next(frames, None)
            if first is not None and (key is None or _starts_by(first, target)):
                yield from self._skip(first, frames, by_time=key is not None)
                return
        yield from self._decoded_from_the_start()

    def _decoded_from_the_start(self) -> Iterator[VideoFrame]:
        with open_video(self._source) as (container, stream):
            frames = decode_frames(container, stream, self._source)
            first = next(frames, None)
            if first is not None:
                yield from self._skip(first, frames, by_time=False)

    def _skip(
        self, first: VideoFrame, frames: Iterator[VideoFrame], *, by_time: bool
    ) -> Iterator[VideoFrame]:
        target = self._timeline.starts[self._range.start]
        for index, frame in enumerate(_chain(first, frames)):
            early = not _starts_from(frame, target) if by_time else index < self._range.start
            if not early:
                yield frame


def _chain(first: VideoFrame, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    yield first
    yield from frames


def _starts_from(frame: VideoFrame, target: int) -> bool:
    return frame.pts is not None and frame.pts >= target


def _starts_by(frame: VideoFrame, target: int) -> bool:
    return frame.pts is not None and frame.pts <= target


def read_clip(path: Source, *, range: FrameRange | None = None) -> Clip:
    """A video, or a range of it, in memory."""
    with VideoReader(path, range=range) as reader:
        return Clip(frames=reader.read_all(), fps=reader.info.fps)


def read_alpha(path: Source, *, range: FrameRange | None = None) -> Float[Tensor, "t h w"] | None:
    """The alpha of a video, or of a range of it, in 0..1; None where nothing is transparent."""
    with VideoReader(path, range=range) as reader:
        if not reader.info.has_alpha:
            return None
        layers = (frame.pixels[..., 3] for frame in reader)
        shares = (torch.from_numpy(a.astype(np.float32)).div_(full_scale(a)) for a in layers)
        alpha = torch.stack(list(shares))
    return None if bool((alpha >= 1).all()) else alpha
