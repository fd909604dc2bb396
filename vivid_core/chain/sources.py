"""The frames and masks of files, a range at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..edit.footage import Depth, Levels
from ..edit.masks import MaskSource
from ..errors import InputError, MaskError, MediaError
from ..media import (
    Color,
    Label,
    Part,
    VideoReader,
    decode_rle,
    is_pictures,
    mask_of,
    pixels_to_array,
    read_mask,
    read_runs,
    require_object,
    split_part,
)
from ..video import FrameRange


class MasksInMemory:
    """Masks [T, H, W] or [H, W] in 0..1, held as one byte a pixel."""

    def __init__(self, values: Float[Tensor, "*t h w"]) -> None:
        if values.ndim not in (2, 3):
            raise MaskError("mask", f"need [frames, height, width], got {tuple(values.shape)}")
        if not torch.isfinite(values).all():
            raise MaskError("mask", "contains NaN or infinity: fix the node that made it")
        self._selected = values > 0.5 if values.ndim == 3 else values[None] > 0.5

    def __len__(self) -> int:
        return len(self._selected)

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        return self._selected[frames.slice].float()


class MaskVideo:
    """A mask video, see `read_mask`. Holds the frames that are asked for only."""

    def __init__(self, path: Path) -> None:
        self._path, part = split_part(path)
        if isinstance(part, Label | Color):
            with VideoReader(self._path) as reader:
                require_object(self._path, part, reader)
        self._part: Part | None = part
        self._frames = VideoLevels(self._path, depth=None, alpha=True)

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        masks = [mask_of(item, self._path, self._part) for item in self._frames.read(frames)]
        return torch.as_tensor((np.stack(masks) > 0.5).astype(np.float32))


class RunLengthMasks:
    """The masks of a masks.json, held as run lengths."""

    def __init__(self, path: Path) -> None:
        height, width, counts = read_runs(path)
        self._size = height, width
        self._counts: Sequence[object] = counts
        self._path = path

    def __len__(self) -> int:
        return len(self._counts)

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        try:
            masks = [decode_rle(counts, self._size) for counts in self._counts[frames.slice]]
        except InputError as error:
            raise MediaError(f"{self._path}: is damaged ({error}): write it again") from error
        return torch.as_tensor(np.stack(masks).astype(np.float32))


def open_masks(path: Path) -> MaskSource:
    """The masks of a file: a video, a masks.json, an image, an animation or a folder of images.

    An object or a part of their alpha may be named, see `read_mask`. Images are read at once and
    held as one byte a pixel. Raises MediaError for anything else.
    """
    file, _ = split_part(path)
    if is_pictures(file) or not file.exists():
        return MasksInMemory(read_mask(path))
    return RunLengthMasks(path) if file.suffix.lower() == ".json" else MaskVideo(path)


class VideoLevels:
    """The frames of a video file as whole numbers, by ranges, best in ascending order.

    Their depth is given, or with None that of the file.
    """

    def __init__(self, path: Path, *, depth: Depth | None, alpha: bool = False) -> None:
        with VideoReader(path) as reader:
            self.info = reader.info
        self._path, self._channels = path, 4 if alpha else 3
        self._depth: Depth = depth or (8 if self.info.bit_depth <= 8 else 16)
        self._reader: VideoReader | None = None
        self._frames: Iterator[Levels] = iter(())
        self._next = 0
        self._last: Levels | None = None

    def __len__(self) -> int:
        return self.info.frame_count

    def read(self, frames: FrameRange) -> Levels:
        """[T, H, W, 3] at the depth that is written; with `alpha`, 4 where the video has it."""
        found = [self._last] if self._last is not None and frames.start == self._next - 1 else []
        if not found and frames.start != self._next or self._reader is None:
            self._seek(frames.start)
            found = []
        while len(found) < len(frames):
            found.append(next(self._frames))
            self._next += 1
        self._last = found[-1]
        return np.stack(found)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _seek(self, frame: int) -> None:
        self.close()
        self._reader = VideoReader(self._path, range=FrameRange(start=frame, stop=len(self)))
        self._frames = (
            pixels_to_array(item.pixels[..., : self._channels], depth=self._depth)
            for item in self._reader
        )
        self._next, self._last = frame, None
