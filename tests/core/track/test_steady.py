"""A click that means one thing and one that does not; engines that find things by other means."""

from __future__ import annotations

import numpy as np
import pytest

from vivid_core.track.flow import FlowTracker
from vivid_core.track.flow_memory import FlowView
from vivid_core.track.prompts import Box, FramePrompt, Point, Prompts
from vivid_core.track.segment import scale_prompt
from vivid_core.track.steady import agreement
from vivid_core.track.track import track_objects

from .conftest import overlap


def click(x: float, y: float) -> FramePrompt:
    return FramePrompt(frame=0, points=(Point(x=x, y=y),))


class Halves:
    """Finds the left or the right half of the frame, and counts how often it is asked.

    Which one is decided by the side of the click, or with `fickle` by a board of two pixels.
    """

    def __init__(self, *, fickle: bool = False) -> None:
        self.asked, self._fickle = 0, fickle

    def __call__(self, rgb, prompt, *, scale=1.0, before=None):
        self.asked += 1
        mask = np.zeros(rgb.shape[:2], bool)
        middle = rgb.shape[1] // 2
        left = True
        if prompt.points:
            x, y = prompt.points[0].x * scale, prompt.points[0].y * scale
            left = (int(x / 2) + int(y / 2)) % 2 == 0 if self._fickle else x < middle
        mask[:, :middle] = left
        mask[:, middle:] = not left
        return mask


def box_mask(rgb, prompt, *, scale=1.0, before=None):
    """What lies in the prompt's box, or a square about its point."""
    scaled = scale_prompt(prompt, scale)
    mask = np.zeros(rgb.shape[:2], bool)
    if scaled.box is not None:
        left, top, right, bottom = (round(value) for value in scaled.box.corners)
    else:
        x, y = round(scaled.points[0].x), round(scaled.points[0].y)
        left, top, right, bottom = x - 9, y - 9, x + 9, y + 9
    mask[max(top, 0) : bottom, max(left, 0) : right] = True
    return mask


@pytest.mark.parametrize("x", [20, 47, 48, 80])
def test_a_click_inside_or_at_a_border_is_steady(x):
    assert find_agreement(Halves(), x) == 1


@pytest.mark.parametrize("x", [20, 47, 48, 80])
def test_a_click_that_means_another_thing_all_around_is_not(x):
    assert find_agreement(Halves(fickle=True), x) == 0


def find_agreement(segment: Halves, x: float) -> float:
    view = FlowView.of(np.zeros((64, 96, 3), np.uint8))
    prompt = click(x, 30)
    return agreement(segment, view, prompt, segment(view.rgb, prompt))


def test_only_a_lone_first_click_is_tried_beside_itself():
    view = FlowView.of(np.zeros((64, 96, 3), np.uint8))
    counts = []
    for prompt in (
        click(20, 30),
        FramePrompt(frame=0, points=(Point(x=20, y=30), Point(x=24, y=30))),
        FramePrompt(frame=0, box=Box(left=1, top=1, right=40, bottom=40)),
    ):
        segment = Halves()
        FlowTracker(segment=segment).follower().prompt(view, prompt)
        counts.append(segment.asked)
    assert counts == [5, 1, 1]


def test_an_unclear_click_is_told_and_not_sure(two_things, tmp_path):
    engine = FlowTracker(name="fickle", segment=Halves(fickle=True))
    track = track_objects(two_things.source, Prompts.at(20, 31), engine, tmp_path / "t")
    item = track.header.report["shots"][0]["objects"][0]
    assert item["unclear"] == [0] and item["confidence"] <= 0.5
    assert any(
        "not clear what the prompt on frame 0 means" in w for w in track.header.report["warnings"]
    )


def test_clicks_on_things_of_known_scenes_raise_no_alarm(two_things):
    """Each thing of the scene, at its middle and towards its four sides."""
    view = FlowView.of(two_things.frames[0])
    for truth in (masks[0] for masks in two_things.masks):
        rows, columns = np.nonzero(truth)
        y, x = float(rows.mean()), float(columns.mean())
        for right, down in ((0, 0), (4, 0), (-4, 0), (0, 4), (0, -4)):
            prompt = click(x + right, y + down)
            follower = FlowTracker().follower()
            record = follower.prompt(view, prompt)
            assert record.confidence == 1.0 and overlap(record.pixels, truth) > 0.6


def test_an_engine_of_other_masks_follows_by_flow(two_things, tmp_path):
    truth = two_things.masks[0]
    rows, columns = np.nonzero(truth[0])
    x, y = float(columns.mean()), float(rows.mean())
    engine = FlowTracker(name="square", segment=box_mask, weights="abc")
    track = track_objects(two_things.source, Prompts.at(x, y), engine, tmp_path / "t")
    found = [overlap(mask, true) for mask, true in zip(track.masks(), truth, strict=True)]
    assert min(found) > 0.6
    follower = engine.follower()
    follower.prompt(engine.view(two_things.frames[0]), click(x, y))
    again = engine.restore(follower.state(), engine.view(two_things.frames[0]))
    frame = engine.view(two_things.frames[1])
    np.testing.assert_array_equal(again.follow(frame).pixels, follower.follow(frame).pixels)
    assert len({FlowTracker().digest, engine.digest, FlowTracker(name="square").digest}) == 3
