"""Real clips through every format, checked by an independent decoder as well."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vivid_core.media import VideoReader, read_clip, read_info, write_clip
from vivid_core.video import Clip, FrameRange

FRAMES = FrameRange(start=10, stop=34)
H264_DB = 42.0
COLOUR_SHIFT = 0.5 / 255


@pytest.fixture(scope="module", params=["kitten", "horse", "hiker", "train_running"])
def path(request, clips_dir) -> Path:
    return clips_dir / f"{request.param}.mp4"


@pytest.fixture(scope="module")
def clip(path) -> Clip:
    return read_clip(path, range=FRAMES)


def colour_shift(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs((a - b).mean((0, 1, 2))).max())


def test_ffv1_is_exact(clip, tmp_path):
    write_clip(tmp_path / "a.mkv", clip.frames[:8], fps=clip.fps)
    assert read_clip(tmp_path / "a.mkv").frames.equal(clip.frames[:8])


def test_h264_keeps_the_picture(clip, tmp_path, psnr):
    write_clip(tmp_path / "a.mp4", clip.frames, fps=clip.fps)
    before, after = clip.frames.numpy(), read_clip(tmp_path / "a.mp4").frames.numpy()
    assert psnr(before, after) > H264_DB
    assert colour_shift(before, after) < COLOUR_SHIFT
    seen_by_cv2 = decoded_by_cv2(tmp_path / "a.mp4")
    assert psnr(before, seen_by_cv2) > H264_DB - 4  # its scaler rounds coarsely
    assert colour_shift(before, seen_by_cv2) < 2 / 255


def decoded_by_cv2(path: Path) -> np.ndarray:
    video, frames = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        frames.append(read[1][..., ::-1])
    return np.stack(frames).astype(np.float32) / 255


def test_the_reader_agrees_with_the_formula(path, clip, psnr):
    """Planes of the plain decoder, BT.601 by hand, colour planes enlarged by repetition."""
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray() for frame in file.decode(video=0)]
    planes = np.stack(frames[FRAMES.start : FRAMES.stop : 8]).astype(np.float64)
    height = planes.shape[1] * 2 // 3
    count, _, width = planes.shape
    chroma = planes[:, height:].reshape(count, 2, height // 2, width // 2)
    u, v = (chroma.repeat(2, 2).repeat(2, 3) - 128).swapaxes(0, 1) / 224
    y = (planes[:, :height] - 16) / 219
    red, blue = y + 1.402 * v, y + 1.772 * u
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    expected = np.stack([red, green, blue], -1).clip(0, 1)
    got = clip.frames[::8].numpy()
    assert colour_shift(got, expected) < 0.15 / 255
    assert psnr(got, expected) > 44  # the reader enlarges the colour planes more smoothly


def test_info_and_streaming(path, clip):
    info = read_info(path)
    assert (info.width, info.height, info.frame_count, info.fps) == (720, 480, 49, 8)
    with VideoReader(path) as reader:
        assert sum(1 for _ in reader) == 49
    assert len(clip) == len(FRAMES)
