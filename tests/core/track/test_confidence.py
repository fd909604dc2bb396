"""Confidence that means something: twins that meet, leaps, and what keeps being sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.tiny.scenes.shapes import Thing, draw_scene
from vivid_core.track.appearance import color_bins, histogram, to_lab
from vivid_core.track.flow import FlowTracker
from vivid_core.track.prompts import FramePrompt, PaintedMask
from vivid_core.track.rivals import NOWHERE, Rivalry, nearest_rival, touch_distance

from .conftest import STILL, Known, known, overlap

SURE, RIGHT = 0.8, 0.7


def follow(scene: Known, thing: int) -> list:
    """Records on all frames, from the true mask of the first."""
    engine = FlowTracker()
    follower = engine.follower()
    prompt = FramePrompt(frame=0, mask=PaintedMask.of(scene.masks[thing][0]))
    first = follower.prompt(engine.view(scene.frames[0]), prompt)
    return [first, *(follower.follow(engine.view(frame)) for frame in scene.frames[1:])]


def scene_of(*things: Thing, frames: int = 22) -> Known:
    return known(replace(draw_scene(5, frames=frames, height=64, width=96), things=things))


@pytest.fixture(scope="module")
def red() -> Thing:
    """From the left edge to the right in 22 frames."""
    return Thing(
        shape="circle", color="red", radius=9.0, center=(0.0, 0.0), swing=(34.0, 0.0), **STILL
    )


@pytest.mark.parametrize("behind", [0, 1])
def test_things_of_one_look_that_cross_are_never_surely_confused(red, behind):
    other = replace(red, center=(0.0, 5.0), swing=(-34.0, 0.0))
    scene = scene_of(red, other)
    records = follow(scene, behind)
    truth = scene.masks[behind]
    sure = [r.confidence > SURE for r in records]
    assert sum(sure) >= 2
    for record, mask, certain in zip(records, truth, sure, strict=True):
        assert not certain or overlap(record.pixels, mask) > RIGHT
    assert not any(sure[-8:])  # they have met
    assert all(record.confidence <= 0.5 for record in records[-8:])


def test_a_twin_that_keeps_away_takes_no_confidence(red):
    twin = replace(red, center=(0.0, 24.0), radius=7.0, swing=(4.0, 0.0))
    slow = replace(red, center=(0.0, -12.0), swing=(20.0, 0.0))
    records = follow(scene_of(slow, twin), 0)
    assert all(record.confidence > SURE for record in records)


def test_a_thing_alone_is_followed_surely(red):
    scene = scene_of(replace(red, swing=(20.0, 0.0)))
    records = follow(scene, 0)
    assert all(record.confidence > SURE for record in records)
    ious = [overlap(r.pixels, mask) for r, mask in zip(records, scene.masks[0], strict=True)]
    assert min(ious) > RIGHT


@given(st.lists(st.one_of(st.floats(0, 5), st.just(NOWHERE)), max_size=30), st.floats(0.1, 0.5))
def test_who_has_met_a_rival_has_met_it_for_good(distances, touch):
    rivalry, met = Rivalry(), []
    for distance in distances:
        rivalry = rivalry.then(distance, touch)
        met.append(rivalry.met)
    assert met == sorted(met)
    if all(distance > 3 for distance in distances) or all(d <= touch for d in distances):
        assert not any(met)  # far away all the time; or there from the beginning


@given(gap=st.integers(14, 40), side=st.integers(10, 16))
def test_the_distance_to_a_rival_is_in_sizes_of_the_thing(gap, side):
    picture = np.full((40, 120, 3), 90, np.uint8)
    left, right = np.s_[10 : 10 + side, 8 : 8 + side], np.s_[10 : 10 + side, 8 + side + gap :]
    mask = np.zeros((40, 120), bool)
    mask[left] = True
    picture[left] = (220, 30, 30)
    picture[right[0], right[1].start : right[1].start + side] = (220, 30, 30)
    bins = color_bins(to_lab(picture))
    found = nearest_rival(bins, mask, histogram(bins, mask), float(side * side))
    assert abs(found * side - gap) <= 2
    picture[right[0], right[1].start : right[1].start + side] = (30, 30, 220)
    bins = color_bins(to_lab(picture))
    assert nearest_rival(bins, mask, histogram(bins, mask), float(side * side)) == NOWHERE
    assert touch_distance(float(side * side)) * side == pytest.approx(max(5.0, 0.2 * side))
