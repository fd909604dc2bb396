"""Plans of a chain: every masked frame once, never over a cut, each window after what it needs."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from vivid_core.chain.plan import LONGEST_BRIDGE, ChainWindow, Layout, find_pieces, plan_chain
from vivid_core.video import FrameRange


def ranges(cuts: list[int], frames: int) -> list[FrameRange]:
    edges = [0, *sorted({c for c in cuts if 0 < c < frames}), frames]
    return [FrameRange(start=a, stop=b) for a, b in zip(edges, edges[1:], strict=False)]


@st.composite
def layouts(draw) -> dict[str, Any]:
    """Arguments of a Layout: masks with gaps of any length, cuts, keyframes, captions anywhere."""
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=8))
    first = draw(st.booleans())
    active = [first ^ bool(i % 2) for i, n in enumerate(lengths) for _ in range(n)]
    frame = st.integers(0, len(active) - 1)
    captions = draw(st.lists(frame, max_size=3, unique=True))
    return {
        "active": active,
        "shots": ranges(draw(st.lists(frame, max_size=3)), len(active)),
        "longest": draw(st.sampled_from([5, 9, 13, 17])),
        "keyframes": draw(st.lists(frame, max_size=4)),
        "captions": tuple(sorted({0, *captions})),
    }


def owners(windows: tuple[ChainWindow, ...]) -> dict[int, int]:
    made: dict[int, int] = {}
    for index, window in enumerate(windows):
        for frame in range(window.own.start, window.own.stop):
            assert frame not in made, f"frame {frame} is made twice"
            made[frame] = index
    return made


@given(layouts())
def test_every_masked_frame_is_made_exactly_once(parts):
    layout = Layout(**parts)
    made = owners(plan_chain(layout))
    assert {f for f, on in enumerate(layout.active) if on} <= made.keys()


@given(layouts())
def test_windows_fit_the_model_and_stay_inside_a_shot(parts):
    layout = Layout(**parts)
    for window in plan_chain(layout):
        shot = layout.shots[window.shot]
        assert 1 <= len(window) <= layout.longest
        assert shot.start <= window.start and window.stop <= shot.stop


@given(layouts())
def test_a_carried_frame_is_an_end_that_an_earlier_window_made(parts):
    layout = Layout(**parts)
    windows = plan_chain(layout)
    made = owners(windows)
    for index, window in enumerate(windows):
        if window.carried is not None:
            assert window.carried in (window.start, window.stop - 1)
            assert layout.active[window.carried]
            assert made[window.carried] < index


@given(layouts())
def test_no_window_makes_frames_of_two_captions(parts):
    layout = Layout(**parts)
    for window in plan_chain(layout):
        generated = [
            f
            for f in range(window.own.start, window.own.stop)
            if f not in layout.keyframes and layout.active[f]
        ]
        assert {layout.caption_at(f) for f in generated} <= {window.caption}


@given(layouts())
def test_keyframes_are_ends_of_windows(parts):
    layout = Layout(**parts)
    for window in plan_chain(layout):
        inside = [f for f in layout.keyframes if window.start <= f < window.stop]
        for frame in inside:
            if layout.active[frame]:
                assert frame in (window.start, window.stop - 1)
                assert frame in (*window.keyframes, window.carried)


@given(layouts())
def test_no_window_is_without_work(parts):
    layout = Layout(**parts)
    for window in plan_chain(layout):
        assert any(layout.active[window.own.start : window.own.stop])


@given(layouts())
def test_the_pieces_are_the_whole_video_in_order(parts):
    layout = Layout(**parts)
    windows = plan_chain(layout)
    end = 0
    for frames, index in find_pieces(windows, len(layout.active)):
        assert frames.start == end
        assert index is None or windows[index].own == frames
        end = frames.stop
    assert end == len(layout.active)


def plan(active: list[bool], **changes) -> list[tuple[int, int, int | None]]:
    options = {"shots": ranges([], len(active)), "longest": 9} | changes
    return [(w.start, w.stop, w.carried) for w in plan_chain(Layout(active=active, **options))]


def test_windows_are_as_long_as_can_be_and_share_one_frame():
    assert plan([True] * 20) == [(0, 9, None), (8, 17, 8), (16, 20, 16)]


def test_a_cut_starts_afresh():
    assert plan([True] * 12, shots=ranges([5], 12)) == [(0, 5, None), (5, 12, None)]


@pytest.mark.parametrize(("gap", "joined"), [(LONGEST_BRIDGE, True), (LONGEST_BRIDGE + 1, False)])
def test_a_short_gap_is_bridged_and_a_long_one_ends_the_chain(gap, joined):
    active = [True] * 4 + [False] * gap + [True] * 4
    starts = {start for start, _, carried in plan(active, longest=17) if carried is None}
    assert starts == ({0} if joined else {0, 4 + gap})


def test_a_join_in_a_gap_moves_back_to_a_masked_frame():
    active = [not 46 <= frame <= 50 for frame in range(101)]
    assert plan(active, longest=49) == [(0, 46, None), (45, 94, 45), (93, 101, 93)]


def test_a_gap_that_no_window_reaches_over_ends_the_chain():
    active = [True] + [False] * 4 + [True]
    assert plan(active, longest=5) == [(0, 1, None), (5, 6, None)]
    assert plan([True, *active[2:]], longest=5) == [(0, 5, None)]


def test_a_caption_that_begins_in_a_gap_carries_the_masked_frame_before_it():
    active = [True] * 4 + [False] * 3 + [True] * 3
    assert plan(active, captions=(0, 6)) == [(0, 4, None), (3, 10, 3)]


def test_before_the_first_keyframe_time_runs_backwards():
    assert plan([True] * 20, keyframes=[12]) == [(4, 13, None), (0, 5, 4), (12, 20, 12)]


def test_between_keyframes_windows_are_even():
    assert plan([True] * 11, keyframes=[0, 10]) == [(0, 6, None), (5, 11, 5)]


def test_between_keyframes_a_window_reaches_over_a_gap():
    active = [True] + [False] * 3 + [True] * 3
    assert plan(active, keyframes=[0, 6], longest=5) == [(0, 5, None), (4, 7, 4)]


def test_a_caption_begins_at_its_frame():
    layout = Layout(active=[True] * 12, shots=ranges([], 12), longest=9, captions=(0, 5))
    assert [(w.own.start, w.own.stop, w.caption) for w in plan_chain(layout)] == [
        (0, 5, 0),
        (5, 12, 1),
    ]
