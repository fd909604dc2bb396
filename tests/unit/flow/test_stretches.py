"""Stretches cover a shot once, see what lies around them, and follow each half of it once."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.flow.camera import FollowedClip, follow_camera
from vivid_core.flow.stretches import WHOLE_FRAMES, StretchCamera, plan_stretches
from vivid_core.flow.warp import homography_places
from vivid_core.video import FrameRange


@given(start=st.integers(0, 10_000), length=st.integers(1, 2_000))
def test_every_frame_is_filled_once_from_frames_around_it(start: int, length: int) -> None:
    shot = FrameRange(start=start, stop=start + length)
    stretches = plan_stretches(shot)
    filled = [t for s in stretches for t in range(s.filled.start, s.filled.stop)]
    assert filled == list(range(shot.start, shot.stop))
    for s in stretches:
        assert shot.start <= s.seen.start <= s.filled.start
        assert s.filled.stop <= s.seen.stop <= shot.stop
        assert len(s.filled) <= WHOLE_FRAMES and len(s.seen) <= 1.4 * WHOLE_FRAMES
        assert s.seen.start <= s.origin < s.seen.stop


@given(length=st.integers(1, 2_000))
def test_each_half_is_followed_once_and_neighbours_share_it(length: int) -> None:
    stretches = plan_stretches(FrameRange(start=0, stop=length))
    followed = {half for s in stretches for half in s.halves}
    assert sum(abs(last - origin) for origin, last in followed) <= length + len(stretches)
    for s in stretches:
        reached = {t for half in s.halves for t in range(min(half), max(half) + 1)}
        assert set(range(s.seen.start, s.seen.stop)) <= reached


def test_a_path_over_neighbours_is_the_true_one(make_world, engine) -> None:
    """There and back along a known camera, so that a shot of two stretches is quickly made."""
    world = make_world(frames=13)
    order = [t if t < 13 else 24 - t for t in (i % 24 for i in range(100))]
    clip = FollowedClip(frames=world.frames[order], hidden=None, engine=engine)
    first, *_ = plan_stretches(FrameRange(start=0, stop=100))
    path = StretchCamera().follow(clip, first)
    s, t = first.seen.stop - 1, first.origin
    true = homography_places(world.true_matrix(order[t], order[s]), 144, 216)
    found = homography_places(path.between(t, s), 144, 216)
    assert s >= first.filled.stop
    assert np.abs(found - true).max() < 0.5


def test_a_short_shot_is_followed_as_ever(make_world, engine) -> None:
    world = make_world(frames=5)
    clip = FollowedClip(frames=world.frames, hidden=torch.zeros(5, 144, 216), engine=engine)
    shot = FrameRange(start=0, stop=5)
    path = StretchCamera().follow(clip, plan_stretches(shot)[0])
    plain = follow_camera(clip, shot, 2)
    assert path.origin == 2
    for ours, ever in zip(path.poses, plain.poses, strict=True):
        assert np.array_equal(ours.matrix, ever.matrix)
