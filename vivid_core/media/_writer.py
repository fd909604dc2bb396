"""Write a video one frame at a time; it appears under its name only when it is complete."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from ..errors import InputError, MediaError
from ..files.atomic import PendingPath, require_writable
from ._beside import SoundMode
from ._encoder import EncoderSettings, VideoFile
from ._formats import BitDepth, FormatName, choose_depth, choose_format
from ._looks import Looks
from ._pixels import Pixels, pixels_to_array
from ._png_folder import PngFolder
from ._schedule import Schedule, make_schedule
from ._source import Source

DEFAULT_CRF = 12
MAX_CRF = 51


class VideoWriter:
    """Writes frames to H.264, FFV1 (lossless RGB), ProRes 4444 or a folder of PNG files.

    Use as a context manager: leaving it renames the finished file to `path`; an exception of any
    kind removes what was written, and whatever was at `path` before stays.

    `size` is (height, width) and is never changed: H.264 stores odd sizes as 4:4:4 instead of
    4:2:0, which some hardware players cannot show. `format` comes from the suffix: .mp4 is H.264,
    .mkv FFV1, .mov ProRes 4444, no suffix a PNG folder. `pts` are the seconds at which frames
    start, for variable frame rates; one more entry than frames is the end of the last frame
    (see `frame_times`). `audio_from` is a file whose audio is copied untouched (or as `sound`
    says), with its subtitles, chapters and titles where this kind of file takes them. `looks` are
    those of a source (`VideoInfo.looks`): shape of pixels, colour tags, fields. Where they say
    nothing YUV formats are BT.601 up to 576 lines and BT.709 above, limited range, and tagged so.
    `bit_depth`: 8 or 10 (H.264), 8 or 16 (FFV1, PNG), 10 (ProRes); by default the first of these.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        fps: Fraction,
        size: tuple[int, int],
        format: FormatName | None = None,
        audio_from: Source | None = None,
        crf: int = DEFAULT_CRF,
        pts: Iterable[Fraction | float] | None = None,
        bit_depth: BitDepth | None = None,
        looks: Looks | None = None,
        sound: SoundMode = "copy",
    ) -> None:
        self._path, self._size = Path(path).absolute(), size
        self._format = choose_format(self._path, format)
        self._depth: BitDepth = choose_depth(self._format, bit_depth)
        self._schedule: Schedule = make_schedule(Fraction(fps), pts)
        _check_options(self._format.name, size=size, crf=crf, audio_from=audio_from)
        self._pending = PendingPath(self._path)
        self._written = 0
        self._channels = 0
        self._looks = looks or Looks()
        self._sink = self._open_sink(audio_from, crf, sound)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def write(self, pixels: Pixels) -> None:
        """Add one frame: [H, W, 3 or 4], float in 0..1, uint8 or uint16."""
        try:
            array = pixels_to_array(pixels, depth=self._depth)
            self._check_frame(array)
            self._sink.write(array, self._written)
            self._written += 1
        except BaseException:
            self.abort()
            raise

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            if self._written == 0:
                raise MediaError(f"{self._path}: no frames were written: write at least one")
            self._schedule.check_count(self._written)
            self._sink.finish()
            self._pending.commit()
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove what was written so far; does nothing after `close`."""
        self._sink.close()
        self._pending.discard()

    def _open_sink(
        self, audio_from: Source | None, crf: int, sound: SoundMode
    ) -> VideoFile | PngFolder:
        if self._format.name == "png":
            return PngFolder(self._pending)
        settings = EncoderSettings(
            format=self._format,
            depth=self._depth,
            size=self._size,
            crf=crf,
            schedule=self._schedule,
            audio_from=audio_from,
            sound=sound,
            looks=self._looks,
        )
        return VideoFile(self._pending, settings)

    def _check_frame(self, array: np.ndarray) -> None:
        self._channels = self._channels or array.shape[2]
        height, width = self._size
        if array.shape != (height, width, self._channels):
            raise InputError(
                "pixels",
                f"frame {self._written} is {array.shape[1]}x{array.shape[0]} with "
                f"{array.shape[2]} channels, the video is {width}x{height} with "
                f"{self._channels}: give every frame the same shape",
            )


def require_video_target(path: Path | str) -> None:
    """Raise what a VideoWriter would for this path: InputError for its format, or MediaError."""
    choose_format(Path(path).absolute(), None)
    require_writable(path)


def write_clip(
    path: Path | str,
    frames: Iterable[Pixels],
    *,
    fps: Fraction,
    format: FormatName | None = None,
    audio_from: Source | None = None,
    crf: int = DEFAULT_CRF,
    pts: Iterable[Fraction | float] | None = None,
    bit_depth: BitDepth | None = None,
    looks: Looks | None = None,
) -> None:
    """Write frames ([T, H, W, 3 or 4], or one after the other) to a file; see VideoWriter."""
    upcoming = iter(frames)
    first = next(upcoming, None)
    if first is None:
        raise InputError("frames", "there are none: give at least one frame")
    with VideoWriter(
        path,
        fps=fps,
        size=(first.shape[0], first.shape[1]),
        format=format,
        audio_from=audio_from,
        crf=crf,
        pts=pts,
        bit_depth=bit_depth,
        looks=looks,
    ) as writer:
        for frame in itertools.chain([first], upcoming):
            writer.write(frame)


def _check_options(
    name: FormatName, *, size: tuple[int, int], crf: int, audio_from: Source | None
) -> None:
    if min(size) < 1:
        raise InputError("size", f"must be at least 1x1 pixels, got {size[1]}x{size[0]}")
    if not 0 <= crf <= MAX_CRF:
        raise InputError("crf", f"must be 0 (best) to {MAX_CRF}, got {crf}")
    if name == "png" and audio_from is not None:
        raise InputError("audio_from", "a PNG folder cannot hold audio: write a video file")
