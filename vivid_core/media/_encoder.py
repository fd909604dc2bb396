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
from ._beside import Beside, SoundMode, require_sound_fits
from ._color import FrameEncoder
from ._formats import CONTAINERS, BitDepth, Format, choose_layout
from ._looks import CODES, Looks
from ._matroska import set_display_size
from ._schedule import Schedule
from ._source import Source

# Without `bitexact`, Matroska gets a random id and two equal videos differ in their bytes.
CONTAINER_OPTIONS = {"fflags": "+bitexact"}
MP4_OPTIONS = {"movflags": "+faststart"}  # playable in a browser before it is fully loaded
FIELD_ROWS = 4  # two fields of whole chroma rows
FFV1_SLICED_SIDE = 16  # level 3 must have slices, and FFmpeg 7 loses the pixels of tiny ones


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    format: Format
    depth: BitDepth
    size: tuple[int, int]  # height, width
    crf: int
    schedule: Schedule
    audio_from: Source | None
    sound: SoundMode
    looks: Looks


@dataclass(frozen=True, kw_only=True)
class _Tracks:
    stream: VideoStream
    encoder: FrameEncoder
    beside: Beside | None


class VideoFile:
    """A video file being written under its temporary name."""

    def __init__(self, pending: PendingPath, settings: EncoderSettings) -> None:
        self._target, self._settings, self._pending = pending.target, settings, pending.path
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
                if self._tracks.beside is not None:
                    self._tracks.beside.mux_rest()
            self._open = False
            self._container.close()
            self._state_aspect()

    def _state_aspect(self) -> None:
        """Matroska's own word on the shape of pixels, which the media library does not write."""
        if self._container.format.name == "matroska" and self._settings.looks.pixel_aspect != 1:
            size = self._settings.looks.display_size(self._settings.size)
            set_display_size(self._pending, *size)

    def close(self) -> None:
        """Let go of the files; safe to call at any time."""
        if self._tracks is not None and self._tracks.beside is not None:
            self._tracks.beside.close()
        if self._open:
            self._open = False
            # The file is about to be removed: that it cannot be finished is no news.
            with contextlib.suppress(OSError, ValueError):
                self._container.close()

    def _start(self, *, alpha: bool) -> _Tracks:
        settings = self._settings
        layout = choose_layout(settings.format, settings.depth, alpha=alpha, size=settings.size)
        looks = settings.looks
        encoder = FrameEncoder(
            layout,
            matrix=looks.matrix_for(settings.size[0]),
            primaries=looks.written_primaries,
            transfer=looks.written_transfer,
        )
        stream = self._add_stream(encoder)
        height, width = settings.size
        with self._refusals(f"{settings.format.name} cannot hold {width}x{height} pixels"):
            stream.codec_context.open()
        beside = None
        if settings.audio_from is not None:
            require_sound_fits(settings.audio_from, self._target, settings.sound)
            beside = Beside(settings.audio_from, self._container, settings.sound)
        with self._refusals("the audio does not fit into this kind of file, write .mkv"):
            self._container.start_encoding()
        return _Tracks(stream=stream, encoder=encoder, beside=beside)

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
        options |= _field_options(settings)
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
        context.color_primaries, context.color_trc = encoder.primaries, encoder.transfer
        context.sample_aspect_ratio = settings.looks.pixel_aspect
        if settings.looks.fields is not None:
            with contextlib.suppress(AttributeError):  # older PyAV
                context.field_order = CODES[settings.looks.fields]
        return stream

    def _mux(self, tracks: _Tracks, packets: list[Packet]) -> None:
        for packet in packets:
            assert packet.pts is not None and packet.dts is not None
            packet.duration = self._durations.pop(packet.pts)
            if tracks.beside is not None:
                tracks.beside.mux_until(Fraction(packet.dts) * packet.time_base)
            self._container.mux_one(packet)


def _field_options(settings: EncoderSettings) -> dict[str, str]:
    """How each encoder is told that frames hold two fields; FFV1 needs no telling."""
    fields = settings.looks.fields
    if fields is None or settings.format.name == "ffv1" or settings.size[0] % FIELD_ROWS:
        return {}
    if settings.format.name == "h264":
        return {"x264-params": "tff=1" if fields == "top" else "bff=1"}
    return {"flags": "+ildct"}
