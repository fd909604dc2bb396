"""A quiet soundtrack: wind in the grass, a few birds, and the steps of the fox."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from jaxtyping import Float32

SAMPLE_RATE = 44100  # a second
Track = Float32[np.ndarray, "channels samples"]


def wind_and_steps(seed: int, seconds: float, steps: list[float]) -> Track:
    """Two channels in -1..1; `steps` are the seconds at which a foot comes down."""
    rng = np.random.default_rng([seed, SAMPLE_RATE])
    count = max(1, round(seconds * SAMPLE_RATE))
    track = np.stack([0.05 * _wind(rng, count) for _ in range(2)])
    for start in steps:
        _add(track, start, 0.05 * _rustle(rng), float(rng.uniform(0.4, 0.6)))
    for start in rng.uniform(0, max(seconds, 0.1), round(seconds)):
        _add(track, float(start), 0.025 * _chirp(rng), float(rng.uniform(0.15, 0.85)))
    return np.clip(track, -1, 1).astype(np.float32)


def _wind(rng: np.random.Generator, count: int) -> np.ndarray:
    """Noise that falls off above 300 Hz and swells slowly; a standard deviation of about 1."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    noise = np.fft.irfft(spectrum / (1 + (hertz / 300) ** 1.4), count)
    times = np.arange(count) / SAMPLE_RATE
    swell = 1 + 0.5 * np.sin(2 * np.pi * (0.35 * times + rng.random()))
    return swell * noise / max(float(noise.std()), 1e-9)


def _rustle(rng: np.random.Generator) -> np.ndarray:
    times = np.arange(round(0.09 * SAMPLE_RATE)) / SAMPLE_RATE
    return (
        rng.standard_normal(len(times)) * np.sin(np.pi * times / 0.09) ** 2 * np.exp(-times / 0.03)
    )


def _chirp(rng: np.random.Generator) -> np.ndarray:
    """A few falling notes between 2.5 and 5 kHz."""
    times = np.arange(round(0.36 * SAMPLE_RATE)) / SAMPLE_RATE
    note = (times * rng.uniform(7, 12)) % 1.0
    hertz = rng.uniform(3200, 4600) * (1 + 0.25 * (0.5 - note))
    return np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE) * np.sin(np.pi * note) ** 2


def _add(track: np.ndarray, start: float, sound: np.ndarray, right: float) -> None:
    """Mix a sound into both channels, in place; `right` (0..1) is where it comes from."""
    first = int(start * SAMPLE_RATE)
    part = sound[: max(0, track.shape[1] - first)]
    if len(part):
        track[0, first : first + len(part)] += (1 - right) * part
        track[1, first : first + len(part)] += right * part


def write_sound(path: Path, track: Track) -> None:
    """Encode a track as AAC into a file (.m4a)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=SAMPLE_RATE)
        assert isinstance(stream, AudioStream)
        stream.layout = "stereo"
        samples = np.ascontiguousarray(track, np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
