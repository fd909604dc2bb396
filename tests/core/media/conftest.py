"""Files that cameras, phones and editors make, built with PyAV alone, not with our own writer."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

NTSC = Fraction(30000, 1001)


@dataclass(frozen=True, kw_only=True)
class Track:
    """One video track. `ticks` are the start times of `frames`.

    A frame is an array of `array_layout`, or a tuple of the planes of `layout`.
    """

    frames: Sequence[np.ndarray | tuple[np.ndarray, ...]]
    array_layout: str = "rgb24"
    layout: str = "yuv420p"
    codec: str = "libx264"
    rate: Fraction = Fraction(8)
    time_base: Fraction | None = None
    ticks: Sequence[int] | None = None
    options: dict[str, str] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)  # colorspace, color_range, ...


def write_tracks(path: Path, *tracks: Track, audio_seconds: float = 0.0, **container: str) -> Path:
    """Encode the tracks into one file; `container` are options of the muxer."""
    with av.open(str(path), "w", container_options=container) as file:
        streams = [_add(file, track) for track in tracks]
        if audio_seconds:
            _write_tone(file, audio_seconds)
        for stream, track in zip(streams, tracks, strict=True):
            ticks = track.ticks or range(len(track.frames))
            for tick, pixels in zip(ticks, track.frames, strict=True):
                frame = _frame(pixels, track)
                frame.pts, frame.time_base = tick, track.time_base or 1 / track.rate
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return path


def _frame(pixels: np.ndarray | tuple[np.ndarray, ...], track: Track) -> av.VideoFrame:
    if isinstance(pixels, np.ndarray):
        frame = av.VideoFrame.from_ndarray(pixels, track.array_layout)
        same = track.array_layout == track.layout
        return frame if same else frame.reformat(format=track.layout)
    height, width = pixels[0].shape
    frame = av.VideoFrame(width, height, track.layout)
    for plane, values in zip(frame.planes, pixels, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : values.shape[1] * values.itemsize] = np.ascontiguousarray(values).view(np.uint8)
        plane.update(rows)
    return frame


def _add(file: av.container.OutputContainer, track: Track) -> av.VideoStream:
    stream = file.add_stream(track.codec, rate=track.rate, options=dict(track.options))
    first = _frame(track.frames[0], track)
    stream.width, stream.height, stream.pix_fmt = first.width, first.height, track.layout
    stream.time_base = stream.codec_context.time_base = track.time_base or 1 / track.rate
    for name, value in track.tags.items():
        setattr(stream.codec_context, name, value)
    return stream


def _write_tone(file: av.container.OutputContainer, seconds: float) -> None:
    stream = file.add_stream("aac", rate=48000)
    time = np.arange(int(48000 * seconds)) / 48000
    samples = (np.sin(2 * np.pi * 440 * time) * 0.3).astype(np.float32)
    for start in range(0, len(samples), 1024):
        block = samples[start : start + 1024]
        frame = av.AudioFrame.from_ndarray(np.stack([block, block]), "fltp", "stereo")
        frame.sample_rate, frame.pts = 48000, start
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))


def turn_by_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a, b, c, d into the track header of an MP4, as phones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (value * 0x10000 for value in matrix)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    return path


def moving_picture(count: int = 9, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Smooth colours that differ in every corner, with a frame number as brightness."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    frames = []
    for i in range(count):
        red = 30 + 190 * x / width
        green = 30 + 190 * y / height
        blue = np.full_like(x, 40 + 15 * (i % 12))
        frames.append(np.stack([red, green, blue], -1).round().astype(np.uint8))
    return frames


@pytest.fixture
def picture() -> list[np.ndarray]:
    """Nine frames of 64x48 RGB."""
    return moving_picture()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write tracks to a file of this name in the test's folder."""

    def write_named(name: str, *tracks: Track, **options) -> Path:
        return write_tracks(tmp_path / name, *tracks, **options)

    return write_named


@pytest.fixture
def track() -> type[Track]:
    return Track


@pytest.fixture
def turn() -> Callable[[Path, tuple[int, int, int, int]], Path]:
    return turn_by_matrix


@pytest.fixture
def psnr() -> Callable[[np.ndarray, np.ndarray], float]:
    """Peak signal to noise in dB, for pixels in 0..1."""

    def measure(a: np.ndarray, b: np.ndarray) -> float:
        error = float(np.mean((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2))
        return float("inf") if error == 0 else -10 * float(np.log10(error))

    return measure
