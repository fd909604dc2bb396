"""The flow engine: scenes with known masks, prompts of every kind, memory that does not grow."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from vivid_core.tiny.scenes.shapes import draw_scene
from vivid_core.track.flow import FlowTracker
from vivid_core.track.flow_memory import FlowView
from vivid_core.track.flow_move import dense_flow
from vivid_core.track.prompts import Box, FramePrompt, PaintedMask, Point

from .conftest import overlap


def follow(frames: np.ndarray, prompt: FramePrompt) -> list:
    """Masks on all frames, the prompt being on the first."""
    engine = FlowTracker()
    follower = engine.follower()
    first = follower.prompt(engine.view(frames[0]), prompt)
    return [first, *(follower.follow(engine.view(frame)) for frame in frames[1:])]


@pytest.mark.parametrize("seed", [2, 8])
def test_overlap_over_49_frames(seed):
    scene = draw_scene(seed, frames=49, height=80, width=112)
    truth = scene.mask() > 0.5
    frames = (scene.render() * 255).round().astype(np.uint8)
    records = follow(frames, FramePrompt(frame=0, mask=PaintedMask.of(truth[0])))
    ious = [overlap(record.pixels, mask) for record, mask in zip(records, truth, strict=True)]
    assert np.mean(ious) > 0.85 and min(ious) > 0.75
    assert all(record.state == "tracked" and record.confidence > 0.5 for record in records[1:])


def box_around(mask: np.ndarray, margin: int) -> Box:
    y, x = np.nonzero(mask)
    low = [max(0, int(v.min()) - margin) for v in (x, y)]
    high = [int(v.max()) + 1 + margin for v in (x, y)]
    return Box(
        left=low[0],
        top=low[1],
        right=min(high[0], mask.shape[1]),
        bottom=min(high[1], mask.shape[0]),
    )


def test_a_box_and_a_click_find_the_object(two_things):
    truth, frame = two_things.masks[0][0], two_things.frames[0]
    y, x = (int(values.mean()) for values in np.nonzero(truth))
    click = FramePrompt(frame=0, points=(Point(x=x, y=y),))
    box = FramePrompt(frame=0, box=box_around(truth, 3))
    for prompt in (click, box):
        record = FlowTracker().follower().prompt(FlowView.of(frame), prompt)
        assert record.state == "prompted"
        assert overlap(record.pixels, truth) > 0.8  # a border of one pixel is 0.2 here


def test_points_correct_what_was_followed(two_things):
    engine = FlowTracker()
    first = two_things.masks[0][0] | two_things.masks[1][0]  # two things at once
    follower = engine.follower()
    follower.prompt(
        engine.view(two_things.frames[0]), FramePrompt(frame=0, mask=PaintedMask.of(first))
    )
    y, x = (int(values.mean()) for values in np.nonzero(two_things.masks[1][1]))
    y2, x2 = (int(values.mean()) for values in np.nonzero(two_things.masks[0][1]))
    points = (Point(x=x, y=y, positive=False), Point(x=x2, y=y2))
    record = follower.prompt(engine.view(two_things.frames[1]), FramePrompt(frame=1, points=points))
    assert overlap(record.pixels, two_things.masks[0][1]) > 0.7


def test_a_box_of_less_than_a_pixel(two_things):
    flat = np.full_like(two_things.frames[0], 128)
    record = (
        FlowTracker()
        .follower()
        .prompt(
            FlowView.of(flat), FramePrompt(frame=0, box=Box(left=0, top=0, right=0.2, bottom=0.2))
        )
    )
    assert record.pixels.shape == flat.shape[:2]


def test_a_state_goes_on_exactly(two_things):
    engine = FlowTracker()
    prompt = FramePrompt(frame=0, mask=PaintedMask.of(two_things.masks[0][0]))
    views = [engine.view(frame) for frame in two_things.frames[:6]]
    follower = engine.follower()
    follower.prompt(views[0], prompt)
    for view in views[1:4]:
        follower.follow(view)
    again = engine.restore(follower.state(), views[3])
    for view in views[4:]:
        ours, theirs = follower.follow(view), again.follow(view)
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
        assert ours.confidence == theirs.confidence


def test_large_frames_are_followed_smaller(two_things):
    frame = np.kron(two_things.frames[0], np.ones((12, 12, 1), np.uint8))
    mask = np.kron(two_things.masks[0][0], np.ones((12, 12), bool))
    view = FlowView.of(frame)
    assert view.rgb.shape == (480, 720, 3) and view.full_size == (768, 1152)
    record = FlowTracker().follower().prompt(view, FramePrompt(frame=0, mask=PaintedMask.of(mask)))
    assert record.pixels.shape == (768, 1152) and overlap(record.pixels, mask) > 0.9


def test_flow_of_pictures_smaller_than_a_patch():
    assert dense_flow(np.zeros((3, 5), np.uint8), np.zeros((3, 5), np.uint8)).shape == (3, 5, 2)


def test_flow_points_to_the_second_picture():
    first = np.random.default_rng(0).integers(0, 255, (12, 16), np.uint8)
    first = np.kron(first, np.ones((6, 6), np.uint8))
    second = np.roll(first, 3, axis=1)
    flow = dense_flow(first, second)[12:-12, 12:-12]
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), (3, 0), atol=0.3)


def test_memory_does_not_grow(two_things):
    """More frames through one follower hold no more memory."""
    engine = FlowTracker()
    follower = engine.follower()
    prompt = FramePrompt(frame=0, mask=PaintedMask.of(two_things.masks[0][0]))
    follower.prompt(engine.view(two_things.frames[0]), prompt)

    def peak(frames: np.ndarray) -> int:
        tracemalloc.start()
        for frame in frames:
            follower.follow(engine.view(frame))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    short = peak(two_things.frames[1:6])
    assert peak(two_things.frames[6:36]) < 1.15 * short
