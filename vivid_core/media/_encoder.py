"""Encode frames into a video file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from ..errors import MediaError
from ..files.atomic import FULL_DISK, PendingPath, write_errors
from ._audio import AudioPassthrough
from ._color import TAG_BT709, FrameEncoder, default_matrix
from ._formats import CONTAINERS, BitDepth, Format, choose_layout
from ._schedule import Schedule
from ._source import Source

# Without `bitexact`, Matroska gets a random id and two equal videos differ in their bytes.
CONTAINER_OPTIONS = {"fflags": "+bitexact"}
MP4_OPTIONS = {"movflags": "+faststart"}  # playable in a browser before it is fully loaded
FFV1_SLICED_SIDE = 16  # level 3 must have slices, and FFmpeg 7 loses the pixels of tiny ones


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    format: Format
    depth: BitDepth
    size: tuple[int, int]  # height, width
    crf: int
    schedule: Schedule
    audio_from: Source | None


@dataclass(frozen=True, kw_only=True)
class _Tracks:
    stream: VideoStream
    encoder: FrameEncoder
    audio: AudioPassthrough | None


class VideoFile:
    """A video file being written under its temporary name."""

    def __init__(self, pending: PendingPath, settings: EncoderSettings) -> None:
        self._target, self._settings = pending.target, settings
        container = CONTAINERS[pending.target.suffix.lower()]
        options = CONTAINER_OPTIONS | ({} if container == "matroska" else MP4_OPTIONS)
        with write_errors(self._target):
            pending.path.touch()  # the media library would find out at the first frame only
            self._container = av.open(
                str(pending.path), "w", format=container, container_options=options
            )
        self._tracks: _Tracks | None = None
        self._durations: dict[int, int] = {}
        self._open = True

    def write(self, pixels: np.ndarray, index: int) -> None:
        with write_errors(self._target):
            # Only now is it known whether there is alpha.
            tracks = self._tracks = self._tracks or self._start(alpha=pixels.shape[2] == 4)
            start, duration = self._settings.schedule.ticks(index)
            self._durations[start] = duration
            frame = tracks.encoder.frame(
                pixels, pts=start, time_base=self._settings.schedule.time_base
            )
            self._mux(tracks, tracks.stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds, and the end of the file."""
        with write_errors(self._target):
            if self._tracks is not None:
                self._mux(self._tracks, self._tracks.stream.encode(None))
                if self._tracks.audio is not None:
                    self._tracks.audio.mux_rest()
            self._open = False
            self._container.close()

    def close(self) -> None:
        """Let go of the files; safe to call at any time."""
        if self._tracks is not None and self._tracks.audio is not None:
            self._tracks.audio.close()
        if self._open:
            self._open = False
            # The file is about to be removed: that it cannot be finished is no news.
            with contextlib.suppress(OSError, ValueError):
                self._container.close()

    def _start(self, *, alpha: bool) -> _Tracks:
        settings = self._settings
        layout = choose_layout(settings.format, settings.depth, alpha=alpha, size=settings.size)
        encoder = FrameEncoder(layout, matrix=default_matrix(settings.size[0]))
        stream = self._add_stream(encoder)
        height, width = settings.size
        with self._refusals(f"{settings.format.name} cannot hold {width}x{height} pixels"):
            stream.codec_context.open()
        audio = None
        if settings.audio_from is not None:
            audio = AudioPassthrough(settings.audio_from, self._container)
        with self._refusals("the audio does not fit into this kind of file, write .mkv"):
            self._container.start_encoding()
        return _Tracks(stream=stream, encoder=encoder, audio=audio)

    @contextlib.contextmanager
    def _refusals(self, meaning: str) -> Iterator[None]:
        """What the media library refuses in this context means this, unless the disk is full."""
        try:
            yield
        except av.FFmpegError as error:
            if error.errno in FULL_DISK:
                raise
            raise MediaError(f"{self._target}: {meaning} ({error.strerror})") from error

    def _add_stream(self, encoder: FrameEncoder) -> VideoStream:
        settings = self._settings
        options = dict(settings.format.options)
        if settings.format.name == "h264":
            options["crf"] = str(settings.crf)
        if settings.format.name == "ffv1" and min(settings.size) < FFV1_SLICED_SIDE:
            options = {"level": "1"}
        stream = self._container.add_stream(
            settings.format.codec, rate=settings.schedule.fps, options=options
        )
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = settings.size
        stream.pix_fmt = encoder.layout
        stream.time_base = settings.schedule.time_base
        context = stream.codec_context
        context.time_base = settings.schedule.time_base
        context.colorspace, context.color_range = encoder.matrix, encoder.range
        context.color_primaries = context.color_trc = TAG_BT709
        return stream

    def _mux(self, tracks: _Tracks, packets: list[Packet]) -> None:
        for packet in packets:
            assert packet.pts is not None and packet.dts is not None
            packet.duration = self._durations.pop(packet.pts)
            if tracks.audio is not None:
                tracks.audio.mux_until(Fraction(packet.dts) * packet.time_base)
            self._container.mux_one(packet)
