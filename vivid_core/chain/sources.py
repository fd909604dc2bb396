"""The frames and masks of a long video, a window at a time, at the depth that is written."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError, MaskError, MediaError
from ..media import VideoReader, decode_rle, read_mask
from ..media._images import IMAGE_SUFFIXES
from ..media._pixels import full_scale, pixels_to_array
from ..video import FrameRange

Whole = NDArray[np.unsignedinteger]
"""Pixels as they are written: [..., 3], white at 255 or 65535."""

READ_FRAMES = 16


@runtime_checkable
class MaskSource(Protocol):
    """Masks with access to any range of frames: [T, H, W] in 0..1, over 0.5 = edit.

    A `StoredTrack` is one. A source of one frame serves every frame of a video.
    """

    def __len__(self) -> int: ...

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]: ...


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
    """A mask video; colours are averaged. Holds the frames that are asked for only."""

    def __init__(self, path: Path) -> None:
        self._frames = VideoFrames(path, depth=16)

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        pixels = self._frames.read(frames)
        selected = pixels.mean(-1, dtype=np.float32) > full_scale(pixels) / 2
        return torch.as_tensor(selected.astype(np.float32))


class RunLengthMasks:
    """The masks of a masks.json, held as run lengths."""

    def __init__(self, path: Path) -> None:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            self._size = int(data["size"][0]), int(data["size"][1])
            self._counts: Sequence[object] = [frame["counts"] for frame in data["frames"]]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise MediaError(f"{path}: is no mask file ({error!r}): write it again") from error
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
    """The masks of a file: a video, a masks.json, an image or a folder of images.

    A folder is read at once and held as one byte a pixel. Raises MediaError for anything else.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in IMAGE_SUFFIXES:
        return MasksInMemory(read_mask(path))
    return RunLengthMasks(path) if suffix == ".json" else MaskVideo(path)


class FittedMasks:
    """Where each frame of a video is to be edited; packed, some hundred bytes a frame."""

    def __init__(
        self,
        source: MaskSource,
        *,
        frames: int,
        size: tuple[int, int],
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        """Reads the whole source once; `watch` is called for every few frames.

        Raises MaskError if it has another length or size, or selects nothing.
        """
        if len(source) not in (1, frames):
            raise MaskError(
                "mask",
                f"has {len(source)} frames but the clip has {frames}: give one mask a frame, or "
                "a single one for all frames",
            )
        self.size = size
        self._packed: list[bytes] = []
        active: list[bool] = []
        for start in range(0, len(source), READ_FRAMES):
            watch()
            stop = min(start + READ_FRAMES, len(source))
            selected = self._fitting(source.read(FrameRange(start=start, stop=stop))).numpy()
            self._packed += [zlib.compress(np.packbits(mask).tobytes(), 1) for mask in selected]
            active += [bool(mask.any()) for mask in selected]
        if not any(active):
            raise MaskError(
                "mask", "is empty on every frame: paint the area to edit white (white = edit)"
            )
        repeats = frames // len(active)
        self._packed = self._packed * repeats
        self.active: Sequence[bool] = active * repeats

    def read(self, frames: FrameRange) -> Bool[Tensor, "t h w"]:
        """The masks of a range of frames."""
        return torch.as_tensor(np.stack([self._unpack(f) for f in self._packed[frames.slice]]))

    def _fitting(self, values: Tensor) -> Tensor:
        height, width = values.shape[1:]
        if (height, width) != self.size:
            raise MaskError(
                "mask",
                f"is {width}x{height} but the clip is {self.size[1]}x{self.size[0]}: resize the "
                "mask to the clip",
            )
        return values > 0.5

    def _unpack(self, packed: bytes) -> NDArray[np.bool_]:
        bits = np.frombuffer(zlib.decompress(packed), np.uint8)
        height, width = self.size
        return np.unpackbits(bits, count=height * width).reshape(self.size).astype(bool)


class VideoFrames:
    """The frames of a video file by ranges, best in ascending order: then it seeks nowhere."""

    def __init__(self, path: Path, *, depth: int) -> None:
        self._path, self._depth = path, depth
        with VideoReader(path) as reader:
            self.info = reader.info
        self._reader: VideoReader | None = None
        self._frames: Iterator[Whole] = iter(())
        self._next = 0
        self._last: Whole | None = None

    def __len__(self) -> int:
        return self.info.frame_count

    def read(self, frames: FrameRange) -> Whole:
        """[T, H, W, 3] at the depth that is written."""
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
            pixels_to_array(item.pixels[..., :3], depth=self._depth) for item in self._reader
        )
        self._next, self._last = frame, None


def to_float(pixels: Whole) -> Float[Tensor, "*t h w 3"]:
    """Written pixels as float32 in 0..1."""
    return torch.as_tensor(pixels.astype(np.float32) / np.float32(full_scale(pixels)))


def to_whole(pixels: Float[Tensor, "t h w 3"], depth: int) -> Whole:
    """Pixels in 0..1 rounded to the depth that is written. Undoes `to_float` exactly."""
    return np.stack([pixels_to_array(frame, depth=depth) for frame in pixels])
