"""Reading the files that exist in the wild."""

from __future__ import annotations

import io
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from vivid_core.errors import InputError, MediaError
from vivid_core.media import VideoReader, frame_times, read_clip, read_info, write_clip
from vivid_core.video import FrameRange

NTSC = Fraction(30000, 1001)
DIHEDRAL = [
    (0, 1, -1, 0),
    (-1, 0, 0, -1),
    (0, -1, 1, 0),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, -1, -1, 0),
]


def pixels_of(path, **kwargs) -> np.ndarray:
    with VideoReader(path, **kwargs) as reader:
        return np.stack([frame.pixels for frame in reader])


def test_info_of_a_plain_file(write, track, picture):
    path = write("a.mp4", track(frames=picture, rate=NTSC), audio_seconds=0.4)
    info = read_info(path)
    assert (info.width, info.height, info.frame_count) == (64, 48, 9)
    assert info.fps == NTSC
    assert info.duration_seconds == float(9 / NTSC)
    assert info.has_audio and not info.has_alpha and not info.variable_frame_rate
    assert (info.bit_depth, info.rotation) == (8, 0)


def expected_turn(picture: np.ndarray, matrix) -> np.ndarray:
    """Move each pixel by the matrix, one by one, then shift the result to the origin."""
    a, b, c, d = matrix
    h, w = picture.shape[:2]
    moved = {(b * x + d * y, a * x + c * y): picture[y, x] for y in range(h) for x in range(w)}
    top, left = (min(key[i] for key in moved) for i in (0, 1))
    out = np.empty((w, h, 3) if a == 0 else (h, w, 3), np.uint8)
    for (y, x), value in moved.items():
        out[y - top, x - left] = value
    return out


@pytest.mark.parametrize("matrix", DIHEDRAL)
def test_display_matrix_is_applied(write, track, picture, turn, matrix):
    path = write("a.mp4", track(frames=picture[:2]))
    plain = pixels_of(path)
    turned = pixels_of(turn(path, matrix))
    np.testing.assert_array_equal(turned[1], expected_turn(plain[1], matrix))
    info = read_info(path)
    assert (info.height, info.width) == turned.shape[1:3]


@pytest.mark.parametrize(
    ("matrix", "degrees"), [(DIHEDRAL[0], 90), (DIHEDRAL[1], 180), (DIHEDRAL[2], 270)]
)
def test_rotation_is_reported_clockwise(write, track, picture, turn, matrix, degrees):
    assert read_info(turn(write("a.mp4", track(frames=picture)), matrix)).rotation == degrees


def test_the_best_of_two_video_streams_is_read(write, track, picture):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(12)]
    path = write("a.mkv", track(frames=picture[:1]), track(frames=noise))
    info = read_info(path)
    assert (info.width, info.height, info.frame_count) == (128, 96, 12)
    assert pixels_of(path).shape == (12, 96, 128, 3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_non_zero_start(write, track, picture, suffix):
    ticks = range(40, 49)
    path = write(f"a.{suffix}", track(frames=picture, ticks=ticks))
    with av.open(str(path)) as file:
        assert file.streams.video[0].start_time > 0
    with VideoReader(path) as reader:
        frames = list(reader)
    assert [frame.pts_seconds for frame in frames] == [Fraction(i, 8) for i in range(9)]
    assert read_info(path).duration_seconds == 9 / 8


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate_keeps_its_times(write, track, picture, suffix):
    ticks = [0, 100, 140, 300, 333, 500, 750, 760, 1000]
    timing = {"ticks": ticks, "time_base": Fraction(1, 1000), "rate": Fraction(8)}
    path = write(f"a.{suffix}", track(frames=picture, **timing))
    with VideoReader(path) as reader:
        assert [frame.pts_seconds * 1000 for frame in reader] == ticks
        assert reader.info.variable_frame_rate
        assert reader.info.frame_count == 9
    times = frame_times(path)
    assert [time * 1000 for time in times[:-1]] == ticks
    assert float(times[-1]) == read_info(path).duration_seconds
    assert read_info(path).fps == 9 / times[-1]


def test_milliseconds_of_matroska_are_not_a_variable_rate(write, track, picture):
    path = write("a.mkv", track(frames=picture * 8, rate=NTSC))
    info = read_info(path)
    assert info.fps == NTSC and not info.variable_frame_rate
    assert frame_times(path)[-1] == 72 / NTSC


@pytest.mark.skipif(not hasattr(av.VideoFrame, "color_trc"), reason="PyAV before 17 writes none")
def test_data_track_is_ignored(tmp_path, picture):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=8)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        data = file.add_data_stream("bin_data")
        file.start_encoding()
        for pixels in picture:
            file.mux(video.encode(av.VideoFrame.from_ndarray(pixels)))
        packet = av.Packet(b"position")
        packet.stream, packet.pts, packet.dts = data, 0, 0
        packet.time_base = Fraction(1, 1000)
        file.mux(packet)
        file.mux(video.encode(None))
    with av.open(str(path)) as file:
        assert [stream.type for stream in file.streams] == ["video", "data"]
    assert len(pixels_of(path)) == 9


@pytest.mark.parametrize("gop", ["1", "4", "250"])
def test_a_range_equals_the_same_frames_of_the_whole(write, track, gop):
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, (32, 32, 3), np.uint8) for _ in range(20)]
    options = {"g": gop, "keyint_min": "1", "bf": "2"}
    path = write("a.mp4", track(frames=noise, options=options))
    whole = pixels_of(path)
    for start, stop in [(0, 1), (3, 4), (4, 9), (7, 20), (19, 20)]:
        part = FrameRange(start=start, stop=stop)
        np.testing.assert_array_equal(pixels_of(path, range=part), whole[start:stop])
        assert len(frame_times(path, range=part)) == stop - start + 1


def test_other_ranges_of_one_reader(write, track, picture):
    """The timing is read once; each reader gives what a new one would."""
    path = write("a.mp4", track(frames=picture))
    first = VideoReader(path, range=FrameRange(start=2, stop=5))
    for start, stop in ((0, 9), (8, 9), (3, 7), (0, 1)):
        span = FrameRange(start=start, stop=stop)
        with first.over(span) as other:
            found = np.stack([frame.pixels for frame in other])
        assert (found == pixels_of(path, range=span)).all() and len(other) == stop - start
    assert len(list(first)) == len(first) == 3
    with pytest.raises(InputError, match="has frames 0 to 8"):
        first.over(FrameRange(start=3, stop=10))


def test_a_range_past_the_end_is_named(write, track, picture):
    path = write("a.mp4", track(frames=picture))
    with pytest.raises(InputError, match=r"frames 5 to 9 are asked for.*has frames 0 to 8"):
        VideoReader(path, range=FrameRange(start=5, stop=10))


def test_a_stream_of_bytes_is_read_like_its_file(write, track, picture):
    path = write("a.mp4", track(frames=picture))
    data = io.BytesIO(path.read_bytes())
    data.seek(100)
    assert read_info(data) == read_info(path)
    np.testing.assert_array_equal(pixels_of(data), pixels_of(path))


def test_a_reader_starts_again_with_each_iteration(write, track, picture):
    with VideoReader(write("a.mp4", track(frames=picture))) as reader:
        next(iter(reader))
        assert len(list(reader)) == len(list(reader)) == len(reader) == 9
        assert torch.equal(reader.read_all(), reader.read_all())


def test_frames_without_times_are_counted(write, track, picture):
    """A raw H.264 stream has neither a header with a count nor times."""
    path = write("a.h264", track(frames=picture, options={"bf": "2"}))
    assert read_info(path).frame_count == len(read_clip(path)) == 9


def test_frames_hidden_by_an_edit_list_are_not_shown(write, track, picture):
    """A trimmed phone video keeps its old samples and hides them."""
    path = write("a.mp4", track(frames=picture, options={"bf": "0"}))
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 8
    tick = int.from_bytes(data[data.index(b"mdhd") + 16 :][:4], "big") // 8
    data[at + 4 : at + 8] = (6 * 1000 // 8).to_bytes(4, "big")  # duration of the edit
    data[at + 8 : at + 12] = (3 * tick).to_bytes(4, "big")  # its start in the media
    path.write_bytes(data)
    expected = [frame.to_ndarray(format="rgb24") for frame in av.open(str(path)).decode(video=0)]
    assert len(expected) == 6
    assert read_info(path).frame_count == len(pixels_of(path)) == 6


def test_one_frame(write, track, picture):
    path = write("a.mp4", track(frames=picture[:1]))
    info = read_info(path)
    assert (info.frame_count, info.fps, info.duration_seconds) == (1, 8, 1 / 8)
    clip = read_clip(path)
    assert len(clip) == 1 and clip.fps == 8


@pytest.mark.skipif(sys.platform == "win32", reason="file names have no colons there")
def test_names_are_never_taken_for_addresses(tmp_path, monkeypatch, picture):
    monkeypatch.chdir(tmp_path)
    write_clip("a:b.mkv", picture, fps=Fraction(8))
    np.testing.assert_array_equal(pixels_of("a:b.mkv"), picture)
    for address in ("http://127.0.0.1:9/a.mp4", "concat:a:b.mkv"):
        with pytest.raises(MediaError, match="there is no such file"):
            read_info(address)
