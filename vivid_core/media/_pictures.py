"""A clip made of pictures: those of a folder, one a frame, or those inside one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import IOBase
from itertools import accumulate
from pathlib import Path

import numpy as np

from ..errors import MediaError
from ..video import Clip
from ._images import IMAGE_SUFFIXES, list_images
from ._picture_file import PictureFile, states_alpha
from ._pixels import full_scale
from ._source import Source


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """`times` are the seconds at which frames start, then the end of the last one."""

    files: tuple[Path, ...]
    times: tuple[Fraction, ...]
    timed: bool  # whether the file states its times; else they are a clip's default rate
    has_alpha: bool

    def __len__(self) -> int:
        return len(self.times) - 1

    def read(self, start: int) -> Iterator[np.ndarray]:
        """The frames from a number on: uint8 or uint16 [H, W, 3], or 4 where any has alpha."""
        for pixels in self._stored(start):
            yield _with_alpha(pixels) if self.has_alpha else pixels[..., :3]

    def numbered(self, start: int) -> Iterator[np.ndarray]:
        """The same, with the numbers of a palette's entries in place of their colours."""
        if len(self) > len(self.files):  # the pictures of an animation share no palette
            yield from self._stored(start)
            return
        for path in self.files[start:]:
            yield _single(path).numbered()

    def _stored(self, start: int) -> Iterator[np.ndarray]:
        if len(self.files) == 1:
            yield from PictureFile(self.files[0]).read(start)
            return
        for path in self.files[start:]:
            yield _single(path).first()


def _single(path: Path) -> PictureFile:
    file = PictureFile(path)
    if len(file) > 1:
        raise MediaError(
            f"{path}: holds {len(file)} pictures, and a clip's folder has one image for each "
            "frame: give the file itself, or save its pictures one by one"
        )
    return file


def is_pictures(source: Source) -> bool:
    """Whether a source is a folder or an image file, by its name: a video has no such suffix."""
    if isinstance(source, IOBase):
        return False
    path = Path(source)
    return path.is_dir() or (path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())


def open_pictures(source: Source) -> Pictures | None:
    """The pictures of a folder or an image file; None for anything else.

    Raises MediaError for a folder without images, and for files that cannot be read.
    """
    if isinstance(source, IOBase) or not is_pictures(source):
        return None
    path = Path(source)
    if path.is_dir():
        files = tuple(list_images(path))
        if not files:
            raise MediaError(
                f"{path}: is a folder that holds no images: a video file is needed, or a folder "
                "with one image for each frame"
            )
        alpha = any(states_alpha(file) for file in files)
        return Pictures(files=files, times=_even(len(files)), timed=False, has_alpha=alpha)
    file = PictureFile(path)
    stated = file.durations()
    times = _even(len(file)) if stated is None else (Fraction(0), *accumulate(stated))
    timed = stated is not None
    return Pictures(files=(path,), times=times, timed=timed, has_alpha=file.has_alpha())


def _with_alpha(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[2] == 4:
        return pixels
    return np.dstack([pixels, np.full(pixels.shape[:2], full_scale(pixels), pixels.dtype)])


def _even(frames: int) -> tuple[Fraction, ...]:
    return tuple(number / Clip.fps for number in range(frames + 1))
