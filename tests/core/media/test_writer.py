"""Writing video: exact where promised, the same every time, timed like its source."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.media import (
    Looks,
    VideoReader,
    VideoWriter,
    frame_times,
    load_image,
    read_clip,
    read_info,
    write_clip,
)

NTSC = Fraction(30000, 1001)
EIGHT = Fraction(8)


@pytest.mark.parametrize("channels", [3, 4])
def test_ffv1_is_exact(tmp_path, channels):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (5, 31, 45, channels), np.uint8, endpoint=True)
    write_clip(tmp_path / "a.mkv", frames, fps=EIGHT)
    with VideoReader(tmp_path / "a.mkv") as reader:
        np.testing.assert_array_equal(np.stack([f.pixels for f in reader]), frames)
    with av.open(str(tmp_path / "a.mkv")) as file:  # and to a plain decoder
        layout = "rgb24" if channels == 3 else "rgba"
        plain = [frame.to_ndarray(format=layout) for frame in file.decode(video=0)]
    np.testing.assert_array_equal(np.stack(plain), frames)


def test_tensors_are_rounded_to_the_nearest_level(tmp_path):
    levels = torch.arange(256).view(1, 16, 16, 1).expand(-1, -1, -1, 3) / 255
    nudged = (levels + 0.4 / 255).clamp(0, 1)
    for name, frames in {"a": levels, "b": nudged, "c": levels.bfloat16().float()}.items():
        write_clip(tmp_path / f"{name}.mkv", frames, fps=EIGHT)
        expected = (frames * 255).round() / 255
        assert torch.allclose(read_clip(tmp_path / f"{name}.mkv").frames, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_equal_frames_give_equal_bytes(tmp_path, write, track, picture, name):
    """Many times: what goes wrong here goes wrong in one write of fifty."""
    source = write("source.mp4", track(frames=picture), audio_seconds=0.5)
    seen = set()
    for _ in range(40 if name == "a.mp4" else 2):
        write_clip(tmp_path / name, picture, fps=EIGHT, audio_from=source)
        seen.add((tmp_path / name).read_bytes())
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
@pytest.mark.parametrize("size", [(3, 2000), (31, 17), (2, 2), (1, 1), (48, 33)])
def test_sizes_are_never_changed(tmp_path, name, size):
    y, x = np.mgrid[0 : size[0], 0 : size[1]] / max(size)
    frames = [np.repeat((x + y)[..., None] / 2, 3, -1).astype(np.float32)] * 2
    write_clip(tmp_path / name, frames, fps=EIGHT, crf=4)
    info = read_info(tmp_path / name)
    assert ((info.height, info.width), info.frame_count) == (size, 2)
    assert np.abs(read_clip(tmp_path / name).frames[0].numpy() - frames[0]).max() < 0.02


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
@pytest.mark.parametrize("fps", [NTSC, Fraction(24000, 1001), Fraction(25), Fraction(1, 2)])
def test_count_and_duration_are_exact(tmp_path, picture, name, fps):
    write_clip(tmp_path / name, picture * 3, fps=fps)
    info = read_info(tmp_path / name)
    assert (info.fps, info.frame_count, info.variable_frame_rate) == (fps, 27, False)
    assert info.duration_seconds == float(27 / fps)


@pytest.mark.parametrize("clock", [1000, 600, 90000, 15360])
def test_variable_times_are_passed_through(tmp_path, write, track, picture, clock):
    steps = np.array([0, 3, 4, 9, 11, 17, 20, 21, 30]) * (clock // 100)
    timing = {"ticks": steps.tolist(), "time_base": Fraction(1, clock)}
    source = write("source.mp4", track(frames=picture, **timing))
    times = frame_times(source)
    write_clip(tmp_path / "a.mp4", picture, fps=read_info(source).fps, pts=times)
    assert frame_times(tmp_path / "a.mp4") == times
    assert replace(read_info(tmp_path / "a.mp4"), looks=Looks()) == read_info(source)
    headers = []
    for path in (source, tmp_path / "a.mp4"):
        with av.open(str(path)) as file:
            headers.append(file.streams.video[0].duration * file.streams.video[0].time_base)
    assert headers[0] == headers[1] == times[-1]


def test_times_of_a_lazy_source_and_as_floats(tmp_path, picture):
    times = [0.0, 0.1, 0.35, 0.4, 0.5, 0.6, 0.75, 0.8, 1.0]
    write_clip(tmp_path / "a.mp4", iter(picture), fps=EIGHT, pts=iter(times))
    assert [float(t) for t in frame_times(tmp_path / "a.mp4")] == [*times, 1.125]


def audio_packets(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as file:
        packets = [p for p in file.demux(audio=0) if p.size]
        return [(float(p.pts * p.time_base), bytes(p)) for p in packets]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
@pytest.mark.parametrize("start", [0, 16])
def test_audio_is_untouched_and_in_step(tmp_path, write, track, picture, name, start):
    """With `start`, the video begins two seconds after the audio's clock."""
    ticks = range(start, start + len(picture))
    source = write("s.mkv", track(frames=picture, ticks=ticks), audio_seconds=3.0)
    write_clip(tmp_path / name, picture, fps=EIGHT, audio_from=source)
    before, after = audio_packets(source), audio_packets(tmp_path / name)
    if start and name != "a.mkv":  # an edit list hides what comes before the video
        before = before[-len(after) :]
        assert before[0][0] <= start / 8 + 1024 / 48000
    assert [data for _, data in before] == [data for _, data in after]
    with av.open(str(tmp_path / name)) as file:
        video = file.streams.video[0]
        first = min(float(p.pts * p.time_base) for p in file.demux(video) if p.size)
    shifts = [a - first - (b - start / 8) for (b, _), (a, _) in zip(before, after, strict=True)]
    assert np.abs(shifts).max() < 2e-3
    assert read_info(tmp_path / name).frame_count == 9


def test_a_source_without_audio_adds_none(tmp_path, write, track, picture):
    silent = write("silent.mp4", track(frames=picture))
    write_clip(tmp_path / "a.mp4", picture, fps=EIGHT, audio_from=silent)
    assert not read_info(tmp_path / "a.mp4").has_audio


def test_png_folder(tmp_path, picture):
    write_clip(tmp_path / "frames", picture, fps=EIGHT)
    files = sorted((tmp_path / "frames").iterdir())
    assert [file.name for file in files] == [f"{i:06d}.png" for i in range(9)]
    for file, pixels in zip(files, picture, strict=True):
        np.testing.assert_array_equal((load_image(file) * 255).round().numpy(), pixels)


def test_png_folder_of_sixteen_bits_into_an_empty_folder(tmp_path):
    (tmp_path / "frames").mkdir()
    pixels = np.arange(4 * 5 * 3, dtype=np.uint16).reshape(4, 5, 3) * 1000
    write_clip(tmp_path / "frames", [pixels], fps=EIGHT, bit_depth=16)
    loaded = load_image(tmp_path / "frames" / "000000.png")
    np.testing.assert_array_equal((loaded * 65535).round().numpy(), pixels)


def test_formats_follow_the_suffix(tmp_path, picture):
    for name, codec in {"a.mp4": "h264", "a.mkv": "ffv1", "a.mov": "prores"}.items():
        write_clip(tmp_path / name, picture, fps=EIGHT)
        with av.open(str(tmp_path / name)) as file:
            assert file.streams.video[0].codec_context.name == codec
    write_clip(tmp_path / "b.mkv", picture, fps=EIGHT, format="h264")
    with av.open(str(tmp_path / "b.mkv")) as file:
        assert file.streams.video[0].codec_context.name == "h264"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "a.avi"}, r"path: .*a\.avi has no suffix of a video format: use \.mp4"),
        ({"path": "a.mp4", "format": "ffv1"}, r"path: .*cannot hold ffv1: use \.mkv"),
        ({"path": "a.mkv", "bit_depth": 10}, r"bit_depth: ffv1 is written with 8 or 16 bits"),
        ({"path": "a.mp4", "crf": 52}, r"crf: must be 0 \(best\) to 51, got 52"),
        ({"path": "a.mp4", "fps": Fraction(0)}, r"fps: must be above 0"),
        ({"path": "a.mp4", "pts": [0.0, 0.5, 0.5]}, r"pts: times must be given and increase"),
        ({"path": "a.mp4", "size": (0, 4)}, r"size: must be at least 1x1 pixels, got 4x0"),
        ({"path": "frames", "audio_from": "a.mp4"}, r"audio_from: a PNG folder cannot hold audio"),
    ],
)
def test_options_are_checked_before_anything_is_written(tmp_path, arguments, message):
    arguments = {"fps": EIGHT, "size": (8, 8)} | arguments
    with pytest.raises(InputError, match=message):
        VideoWriter(tmp_path / arguments.pop("path"), **arguments)
    assert not list(tmp_path.iterdir())
