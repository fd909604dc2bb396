"""Windows make every frame once, from what is finished, at lengths the model can take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.edit.windows import JOIN_FRAMES, plan_windows
from vivid_core.latents import Geometry

geometries = st.sampled_from(
    [(Geometry(), 49), (Geometry(space=4), 17), (Geometry(patch_time=2), 85)]
)


@st.composite
def clips(draw) -> tuple[int, list[int]]:
    """A length, and keyframes inside it."""
    frames = draw(st.integers(1, 300))
    return frames, draw(st.lists(st.integers(0, frames - 1), max_size=4))


@given(clips(), geometries, st.booleans())
def test_every_frame_is_made_from_finished_ones(clip, model, both_ends):
    (frames, keyframes), (geometry, longest) = clip, model
    finished, times_made = set(keyframes), dict.fromkeys(range(frames), 0)
    for window in plan_windows(frames, geometry, longest, keyframes, both_ends=both_ends):
        assert set(window.known) <= finished
        assert len(window) <= longest
        assert window.known or not finished  # only the very first may start from nothing
        for frame in window.made:
            times_made[frame] += 1
        finished |= set(window.made)
    joined = (JOIN_FRAMES if not both_ends else 0) * max(0, len(set(keyframes)) - 1)
    assert finished == set(range(frames))
    assert all(times_made[frame] == 0 for frame in keyframes)
    assert sum(count - 1 for count in times_made.values() if count) <= joined


@given(clips(), geometries, st.booleans())
def test_the_model_sees_legal_lengths_and_the_known_frames_at_its_ends(clip, model, both_ends):
    (frames, keyframes), (geometry, longest) = clip, model
    for window in plan_windows(frames, geometry, longest, keyframes, both_ends=both_ends):
        order = [window.order[i] for i in window.padding]
        assert geometry.legal_frames(len(order)) == len(order) == window.model_frames
        assert set(order) == set(range(window.start, window.stop))
        assert set(window.known) <= {order[0], order[-1]}
        assert both_ends or not window.ends_known


@given(st.integers(1, 400), geometries)
def test_no_more_windows_than_needed(frames, model):
    geometry, longest = model
    fresh = longest - 1
    assert len(plan_windows(frames, geometry, longest)) == max(1, -(-(frames - 1) // fresh))


def test_a_middle_keyframe_goes_both_ways_in_time():
    windows = plan_windows(40, Geometry(), 17, [20])
    assert [window.order[0] for window in windows] == [20, 4, 20, 36]
    assert [window.order[-1] for window in windows] == [4, 0, 36, 39]


def test_two_keyframes_condition_what_lies_between():
    (window,) = plan_windows(12, Geometry(), 17, [0, 11])
    assert window.known == (0, 11) and window.ends_known
    assert window.padding == [*range(12), *[11] * 5]


@pytest.mark.parametrize("gap", [2, 3, 6, 40])
def test_halves_that_meet_are_blended_from_one_to_the_other(gap):
    windows = plan_windows(gap + 1, Geometry(), 17, [0, gap], both_ends=False)
    back = [window for window in windows if window.reverse]
    shares = {f: window.share(f) for window in back for f in window.made}
    inside = [shares[frame] for frame in sorted(shares) if shares[frame] < 1]
    assert len(inside) == min(JOIN_FRAMES, gap - 1)
    assert inside == sorted(inside) and 0 < inside[0] <= inside[-1] < 1
    first_half = {f for window in windows if not window.reverse for f in window.made}
    assert {frame for frame in shares if shares[frame] < 1} <= first_half


def test_neighbouring_keyframes_leave_nothing_to_make():
    for both_ends in (True, False):
        assert plan_windows(2, Geometry(), 17, [0, 1], both_ends=both_ends) == ()
