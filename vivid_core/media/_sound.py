"""Read the sound of a file as samples, and write samples to a file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.audio.stream import AudioStream
from av.container import InputContainer
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ._source import Source, decoder_errors, open_media, source_name

log = logging.getLogger(__name__)

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}  # what is kept as it is; anything else: stereo
SEEK_SECONDS = 1.0  # before the first sample that is wanted: decoders need a run-up


@dataclass(frozen=True, kw_only=True)
class Sound:
    """`samples` is float32 [channels, samples], full scale at 1; `rate` in samples a second."""

    samples: Float[Tensor, "c n"]
    rate: int


def read_sound(
    source: Source, *, start: Fraction | float = 0, stop: Fraction | float | None = None
) -> Sound | None:
    """The sound of a file from `start` to `stop`, in seconds from its first frame; None if silent.

    Where the track begins later, silence stands before it; where it ends earlier, it ends. Of
    several tracks the one that players choose. Raises MediaError for a damaged file.
    """
    with open_media(source) as container:
        stream = _choose(container, source)
        if stream is None:
            return None
        origin = _first_frame(container) + Fraction(start)
        end = None if stop is None else _first_frame(container) + Fraction(stop)
        if start > SEEK_SECONDS:
            container.seek(int((origin - Fraction(SEEK_SECONDS)) * av.time_base))
        return _cut(_decoded(container, stream, source), origin, end)


def write_sound(path: Path, sound: Sound) -> None:
    """Write AAC; the container is that of the suffix. Raises InputError for sound that is none."""
    if not torch.isfinite(sound.samples).all():
        raise InputError(
            "sound", "contains NaN or infinity: the step before this one made broken audio"
        )
    if sound.samples.shape[0] not in LAYOUTS:
        raise InputError(
            "sound",
            f"has {sound.samples.shape[0]} channels: give it {', '.join(map(str, LAYOUTS))}",
        )
    layout = LAYOUTS[sound.samples.shape[0]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=sound.rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound.samples.cpu().float().numpy()), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts = sound.rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _choose(container: InputContainer, source: Source) -> AudioStream | None:
    # A track without a decoder has no codec context, and decoding it would crash.
    known = [stream for stream in container.streams.audio if stream.codec_context is not None]
    if container.streams.audio and not known:
        log.warning("%s: its sound cannot be decoded and is left out", source_name(source))
    best = container.streams.best("audio")
    return best if isinstance(best, AudioStream) and best in known else next(iter(known), None)


def _first_frame(container: InputContainer) -> Fraction:
    video = container.streams.best("video")
    if video is None or not video.start_time or not video.time_base:
        return Fraction(0)
    return video.start_time * video.time_base


def _decoded(
    container: InputContainer, stream: AudioStream, source: Source
) -> Iterator[av.AudioFrame]:
    """Frames of planar floats, in a layout that can be written."""
    resampler: av.AudioResampler | None = None
    packets = container.demux(stream)
    while True:
        with decoder_errors(source):
            packet = next(packets, None)
            frames = [] if packet is None else packet.decode()
        if packet is None:
            return
        for frame in frames:
            layout = LAYOUTS.get(frame.layout.nb_channels, "stereo")
            resampler = resampler or av.AudioResampler(format="fltp", layout=layout)
            yield from resampler.resample(frame)


def _cut(frames: Iterator[av.AudioFrame], origin: Fraction, end: Fraction | None) -> Sound | None:
    """What lies between two times of the file."""
    parts: list[np.ndarray] = []
    rate, held, wanted = 0, 0, None
    for frame in frames:
        samples = frame.to_ndarray()
        if not rate:
            rate = frame.sample_rate
            wanted = None if end is None else round((end - origin) * rate)
        if not parts:
            at = round((_time(frame) - origin) * rate)
            if at + samples.shape[1] <= 0:
                continue
            samples = np.pad(samples[:, max(0, -at) :], ((0, 0), (max(0, at), 0)))
        parts.append(samples)
        held += samples.shape[1]
        if wanted is not None and held >= wanted:
            break
    if not parts:
        return None
    return Sound(samples=torch.from_numpy(np.concatenate(parts, axis=1)[:, :wanted]), rate=rate)


def _time(frame: av.AudioFrame) -> Fraction:
    if frame.pts is None or frame.time_base is None:
        return Fraction(0)
    return frame.pts * frame.time_base
