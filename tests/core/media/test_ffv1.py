"""A flipped bit in a lossless file is noticed by the checksums that the file has."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import MediaError
from vivid_core.media import load_image, read_clip, read_info, write_clip

FRAMES = np.random.default_rng(3).integers(0, 256, (4, 32, 48, 3), np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mkv"
    write_clip(path, FRAMES, fps=Fraction(8))
    return path


@settings(max_examples=40)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(clip: Path, place: float, bit: int) -> None:
    data = bytearray(clip.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    damaged = clip.with_name("damaged.mkv")
    damaged.write_bytes(data)
    try:
        frames = read_clip(damaged).frames
    except MediaError:
        return
    if len(frames) == len(FRAMES):  # else the container's index was hit
        expected = torch.from_numpy(FRAMES) / 255
        same = torch.equal(frames, expected)
        assert same or place < 0.1 or place > 0.95  # the header: what the colours mean


def write_plain(path: Path, level: str, checksums: str) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=8, options={"level": level, "slicecrc": checksums})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "bgr0"
        for pixels in FRAMES:
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="bgr0")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@pytest.mark.parametrize(("level", "checksums"), [("1", "0"), ("3", "0"), ("3", "1")])
def test_files_of_others_are_read(tmp_path: Path, level: str, checksums: str) -> None:
    write_plain(tmp_path / "a.mkv", level, checksums)
    assert torch.equal(read_clip(tmp_path / "a.mkv").frames, torch.from_numpy(FRAMES) / 255)


def test_playlists_read_no_other_files(clip: Path) -> None:
    for name, text in (
        ("list.m3u8", f"#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", f"#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
        ("list.txt", f"ffconcat version 1.0\nfile {clip}\n"),
    ):
        path = clip.with_name(name)
        path.write_text(text)
        with pytest.raises(MediaError, match="is damaged or not a video"):
            read_info(path)


def test_pipes_devices_and_names_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for read in (read_clip, load_image):
        for name in (tmp_path / "pipe.mp4", Path("/dev/zero")):
            with pytest.raises(MediaError, match="is a pipe or a device: choose a file"):
                read(name)
        for name in ("a\0b.mp4", "\ud800\0.png"):
            with pytest.raises(MediaError, match="can be no file's name|no such file"):
                read(Path(name))


@pytest.mark.parametrize("tag", ["12.5", "1:2", "a:b:c", "9" * 400, "1:1:" + "9" * 5000, ""])
def test_a_duration_tag_of_others(tmp_path: Path, tag: str) -> None:
    path = tmp_path / "a.mkv"
    write_clip(path, FRAMES, fps=Fraction(8))
    data = path.read_bytes()
    place = data.index(b"00:00:00.500")
    path.write_bytes(data[:place] + tag.encode()[:12].ljust(12) + data[place + 12 :])
    assert read_info(path).frame_count == len(FRAMES)
