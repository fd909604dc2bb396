"""Masks that spill over the picture are told, and are not called sure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivid_core.media import encode_rle, rle_area
from vivid_core.track.flow import FlowTracker
from vivid_core.track.frames import ClipFrames
from vivid_core.track.growth import DOUBTED_CONFIDENCE
from vivid_core.track.prompts import Box, FramePrompt, ObjectPrompts, Prompts
from vivid_core.track.report import report_lines
from vivid_core.track.store import ObjectMask
from vivid_core.track.track import track_objects
from vivid_core.video import Clip

FRAMES, HEIGHT, WIDTH = 8, 64, 96


@pytest.fixture
def lawn() -> ClipFrames:
    """A small red thing that moves over a plain green ground."""
    frames = np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.float32)
    frames[...] = (0.2, 0.5, 0.2)
    for frame, pixels in enumerate(frames):
        pixels[20:36, 10 + 2 * frame : 30 + 2 * frame] = (0.8, 0.1, 0.1)
    return ClipFrames(Clip(frames=torch.from_numpy(frames)))


def test_a_click_beside_the_thing_is_told(lawn, tmp_path):
    track = track_objects(lawn, Prompts.at(70, 50), FlowTracker(), tmp_path / "t")
    assert track.area(0, 1) > 0.5
    [item] = track.header.report["shots"][0]["objects"]
    assert item["large"] == [[0, FRAMES - 1]] and item["largest"][1] > 0.5
    assert item["confidence"] <= DOUBTED_CONFIDENCE
    [warning] = track.header.report["warnings"]
    assert f"covers more than a third of the picture on frame 0 to {FRAMES - 1}" in warning
    assert "shift-click" in warning
    assert f"warning: {warning}" in list(report_lines(track.header.report))


def test_a_click_on_the_thing_is_not(lawn, tmp_path):
    track = track_objects(lawn, Prompts.at(20, 28), FlowTracker(), tmp_path / "t")
    assert not track.header.report["warnings"]
    [item] = track.header.report["shots"][0]["objects"]
    assert item["large"] == item["jumps"] == [] and item["confidence"] > 0.7


def test_a_box_over_most_of_the_picture_is_meant(lawn, tmp_path):
    whole = FramePrompt(frame=0, box=Box(left=1, top=1, right=WIDTH - 1, bottom=HEIGHT - 1))
    prompts = Prompts(objects=(ObjectPrompts(id=1, frames=(whole,)),))
    track = track_objects(lawn, prompts, FlowTracker(), tmp_path / "t")
    assert not track.header.report["shots"][0]["objects"][0]["large"]


class Spilling:
    """An engine whose mask runs over from the fourth frame that it sees."""

    name = digest = "spilling"

    def view(self, pixels):
        return pixels

    def follower(self, frames):
        self.seen = 0
        return self

    def restore(self, state, view):
        raise AssertionError("nothing is stopped here")

    def prompt(self, view, prompt):
        return self.follow(view)

    def follow(self, view):
        self.seen += 1
        pixels = np.zeros(view.shape[:2], bool)
        pixels[:16, : (16 if self.seen < 4 else 90)] = True
        return ObjectMask(pixels=pixels, state="tracked", confidence=0.97)

    def state(self):
        return {}


def test_a_sudden_spill_names_its_frame(lawn, tmp_path):
    track = track_objects(lawn, Prompts.at(5, 5), Spilling(), tmp_path / "t")
    [item] = track.header.report["shots"][0]["objects"]
    assert [jump[0] for jump in item["jumps"]] == [3]
    assert item["confidence"] == pytest.approx((3 * 0.97 + 5 * DOUBTED_CONFIDENCE) / 8, abs=1e-3)
    [warning] = track.header.report["warnings"]
    assert "grows suddenly on frame 3, from 4.2% to 23.4% of the picture" in warning


def test_areas_are_counted_without_the_mask():
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (7, 5), (40, 31)):
        for share in (0.0, 0.3, 1.0):
            mask = rng.random(shape) < share
            assert rle_area(encode_rle(mask)) == mask.sum()
