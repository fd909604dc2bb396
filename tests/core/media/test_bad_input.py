"""Broken files and full disks: a clear message, and nothing half-written."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from vivid_core.errors import InputError, MediaError
from vivid_core.media import (
    VideoReader,
    VideoWriter,
    load_image,
    read_clip,
    read_info,
    save_image,
    write_clip,
)

EIGHT = Fraction(8)


def frames_of(count: int, size: int = 64) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (size, size, 3), np.uint8) for _ in range(count)]


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def test_missing_file(tmp_path):
    with pytest.raises(MediaError, match=r"no\.mp4: there is no such file: check the path"):
        read_info(tmp_path / "no.mp4")


def test_folder_instead_of_a_file(tmp_path):
    with pytest.raises(MediaError, match="a video file is needed|not a video"):
        read_info(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a video at all", os.urandom(4096)])
def test_not_a_video(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.mp4: is damaged or not a video"):
        read_clip(path)


def test_audio_only(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 48000, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(MediaError, match=r"holds no video, only audio: choose a file with"):
        read_info(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.webm"])
def test_zero_frames(tmp_path, name):
    with av.open(str(tmp_path / name), "w") as file:
        stream = file.add_stream("libvpx-vp9" if name == "a.webm" else "libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        file.start_encoding()
    with pytest.raises(MediaError, match=f"{name}: holds no video frames, or is cut off"):
        read_info(tmp_path / name)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_off_mp4_says_how_many_frames_there_are(write, track, share):
    path = write("a.mp4", track(frames=frames_of(20)), movflags="+faststart")
    cut(path, share)
    for read in (read_info, VideoReader, read_clip):
        with pytest.raises(MediaError, match=r"cut off: \d+ of 20 frames can be decoded"):
            read(path)


def test_cut_off_mp4_with_its_index_at_the_end(write, track):
    path = cut(write("a.mp4", track(frames=frames_of(20))), 0.6)
    with pytest.raises(MediaError, match="is damaged or not a video"):
        read_info(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_cut_off_matroska(tmp_path, share):
    write_clip(tmp_path / "a.mkv", frames_of(20), fps=EIGHT)
    cut(tmp_path / "a.mkv", share)
    with pytest.raises(MediaError, match=r"cut off: \d+ of about 20 frames can be decoded"):
        read_info(tmp_path / "a.mkv")


def test_damage_in_the_middle_is_not_passed_on(write, track):
    path = write("a.mp4", track(frames=frames_of(12), options={"bf": "0"}))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8] = b"\xaa\x13" * 4
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.mp4: frame \d+ of 12 is damaged: copy or download"):
        read_clip(path)


def test_size_that_changes_midway(tmp_path):
    path = tmp_path / "a.h264"
    parts = []
    for size in (64, 96):
        write_clip(tmp_path / "part.mp4", frames_of(3, size), fps=EIGHT)
        with av.open(str(tmp_path / "part.mp4")) as file:
            annex_b = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", file.streams[0])
            for packet in file.demux(video=0):
                parts += [bytes(p) for p in annex_b.filter(packet if packet.size else None)]
    path.write_bytes(b"".join(parts))
    with pytest.raises(MediaError, match="size changes from 64x64 to 96x96 at frame 3"):
        list(VideoReader(path))


def leftovers(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "frames"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_an_exception_leaves_nothing(tmp_path, name, error):
    with (
        pytest.raises(error),
        VideoWriter(tmp_path / name, fps=EIGHT, size=(64, 64)) as writer,
    ):
        for index, frame in enumerate(frames_of(8)):
            if index == 5:
                raise error
            writer.write(frame)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_an_older_file_stays_until_the_new_one_is_complete(tmp_path, name):
    write_clip(tmp_path / name, frames_of(2), fps=EIGHT)
    before = (tmp_path / name).read_bytes()

    def broken():
        yield from frames_of(3)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_clip(tmp_path / name, broken(), fps=EIGHT)
    assert (tmp_path / name).read_bytes() == before
    write_clip(tmp_path / name, frames_of(3), fps=EIGHT)
    assert leftovers(tmp_path) == [name] and read_info(tmp_path / name).frame_count == 3


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.full((64, 64, 3), np.nan), "contain NaN or infinity"),
        (torch.full((64, 64, 3), float("inf")), "contain NaN or infinity"),
        (np.zeros((64, 64)), r"need \[height, width, 3 or 4\], got \(64, 64\)"),
        (np.zeros((64, 64, 2)), r"need \[height, width, 3 or 4\]"),
        (np.zeros((64, 64, 3), np.int64), "must be float in 0..1, uint8 or uint16, got int64"),
        (np.zeros((32, 64, 3)), "frame 1 is 64x32 with 3 channels, the video is 64x64 with 3"),
        (np.zeros((64, 64, 4)), "frame 1 is 64x64 with 4 channels"),
    ],
)
def test_broken_pixels_are_named_and_leave_nothing(tmp_path, frame, message):
    writer = VideoWriter(tmp_path / "a.mp4", fps=EIGHT, size=(64, 64))
    writer.write(np.zeros((64, 64, 3)))
    with pytest.raises(InputError, match=f"pixels: {message}"):
        writer.write(frame)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("count", [3, 6])
def test_wrong_number_of_times(tmp_path, count):
    with pytest.raises(InputError, match=rf"pts: has {count} times, but"):
        write_clip(tmp_path / "a.mp4", frames_of(4), fps=EIGHT, pts=[i / 8 for i in range(count)])
    assert leftovers(tmp_path) == []


def test_nothing_written(tmp_path):
    with pytest.raises(InputError, match="frames: there are none"):
        write_clip(tmp_path / "a.mp4", [], fps=EIGHT)
    with (
        pytest.raises(MediaError, match="no frames were written"),
        VideoWriter(tmp_path / "a.mp4", fps=EIGHT, size=(8, 8)),
    ):
        pass
    assert leftovers(tmp_path) == []


def test_broken_audio_source_is_named(tmp_path):
    (tmp_path / "tone.wav").write_bytes(b"nothing")
    with pytest.raises(MediaError, match=r"tone\.wav: is damaged"):
        write_clip(tmp_path / "a.mp4", frames_of(1), fps=EIGHT, audio_from=tmp_path / "tone.wav")
    assert leftovers(tmp_path) == ["tone.wav"]


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(MediaError, match=r"there is no folder .*missing: create it first"):
        write_clip(tmp_path / "missing" / "a.mp4", frames_of(1), fps=EIGHT)
    with pytest.raises(MediaError, match=r"there is no folder .*missing: create it first"):
        save_image(tmp_path / "missing" / "a.png", np.zeros((4, 4, 3)))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc can be written by nobody, root included")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "frames"])
def test_unwritable_folder(name):
    with pytest.raises(MediaError, match=f"/proc/{name}: cannot be written, .*check that"):
        write_clip(Path("/proc") / name, frames_of(1), fps=EIGHT)


def test_a_png_folder_never_mixes_with_other_files(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "mine.txt").write_text("keep")
    with pytest.raises(MediaError, match="is not an empty folder: choose another name"):
        write_clip(tmp_path / "frames", frames_of(1), fps=EIGHT)
    assert (tmp_path / "frames" / "mine.txt").read_text() == "keep"


@contextmanager
def disk_of(size: int):
    """The system refuses to let any file grow beyond `size`, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "frames"])
@pytest.mark.parametrize("size", [500, 10_000, 100_000])
def test_full_disk(tmp_path, name, size):
    count, side = 24, 200 if name == "frames" and size > 10_000 else 64
    with disk_of(size), pytest.raises(MediaError, match=f"{name}: cannot be written, the disk is"):
        write_clip(tmp_path / name, frames_of(count, side), fps=EIGHT, crf=0)
    assert leftovers(tmp_path) == []


def test_full_disk_at_the_very_end(tmp_path):
    """The last bytes are written when the file is closed; they count as well."""
    write_clip(tmp_path / "whole.mp4", frames_of(24), fps=EIGHT)
    size = (tmp_path / "whole.mp4").stat().st_size
    for missing in (1, 100, 400, 1000):
        with disk_of(size - missing), pytest.raises(MediaError, match="the disk is full"):
            write_clip(tmp_path / "a.mp4", frames_of(24), fps=EIGHT)
        assert leftovers(tmp_path) == ["whole.mp4"]


def test_images_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(MediaError, match=r"no\.png: there is no such file"):
        load_image(tmp_path / "no.png")
    for content in (b"", b"no image"):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(MediaError, match=r"a\.png: is damaged or not an image"):
            load_image(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"path: .*a\.xyz has no suffix of an image format"):
        save_image(tmp_path / "a.xyz", np.zeros((4, 4, 3)))
    with pytest.raises(InputError, match=r"pixels: have alpha, which a\.jpg cannot keep"):
        save_image(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
    with disk_of(1000), pytest.raises(MediaError, match=r"b\.png: .*the disk is full"):
        save_image(tmp_path / "b.png", frames_of(1)[0])
    assert leftovers(tmp_path) == ["a.png"]
