"""The kitten, whose outline was looked at: its box and its points are followed without alarm."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from vivid_core.track.flow import FlowTracker
from vivid_core.track.frames import VideoFrames
from vivid_core.track.prompts import Box, FramePrompt, Point
from vivid_core.video import FrameRange

BOX = Box(left=235, top=148, right=338, bottom=308)
WHITE = ((300, 230), (290, 210), (275, 260))  # on its white parts
SHARE = (0.025, 0.034)  # of the frame: it was looked at


@pytest.fixture(scope="module")
def frames(clips_dir: Path) -> list[np.ndarray]:
    source = VideoFrames(clips_dir / "kitten.mp4").read(FrameRange(start=0, stop=10))
    return list(itertools.islice(source, 10))


def test_its_box_is_followed(frames):
    engine = FlowTracker()
    follower = engine.follower()
    first = follower.prompt(engine.view(frames[0]), FramePrompt(frame=0, box=BOX))
    rows, columns = np.nonzero(first.pixels)
    found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert np.abs(np.array(found) - BOX.corners).max() < 15
    records = [first, *(follower.follow(engine.view(frame)) for frame in frames[1:])]
    assert all(record.state != "lost" and record.confidence > 0.6 for record in records)
    assert all(SHARE[0] < record.pixels.mean() < 1.5 * SHARE[1] for record in records)


@pytest.mark.parametrize("place", WHITE)
def test_its_points_raise_no_alarm(frames, place):
    engine = FlowTracker()
    prompt = FramePrompt(frame=0, points=(Point(x=place[0], y=place[1]),))
    record = engine.follower().prompt(engine.view(frames[0]), prompt)
    assert record.confidence == 1 and record.pixels.mean() < SHARE[1]
