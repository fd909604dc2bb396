"""Plans: every masked frame made from finished ones, never over a cut, at ends the model knows."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from vivid_core.plan.windows import (
    JOIN_FRAMES,
    LONGEST_BRIDGE,
    Constraints,
    Window,
    find_pieces,
    plan_windows,
)
from vivid_core.video import FrameRange


def ranges(cuts: list[int], frames: int) -> list[FrameRange]:
    edges = [0, *sorted({c for c in cuts if 0 < c < frames}), frames]
    return [FrameRange(start=a, stop=b) for a, b in zip(edges, edges[1:], strict=False)]


@st.composite
def constraint_sets(draw) -> dict[str, Any]:
    """Arguments of a Constraints: masks with any gaps, and cuts, keyframes, captions anywhere."""
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=8))
    first = draw(st.booleans())
    active = [first ^ bool(i % 2) for i, n in enumerate(lengths) for _ in range(n)]
    frame = st.integers(0, len(active) - 1)
    captions = draw(st.lists(frame, max_size=3, unique=True))
    return {
        "active": active,
        "shots": ranges(draw(st.lists(frame, max_size=3)), len(active)),
        "keyframes": [f for f in draw(st.lists(frame, max_size=4)) if active[f]],
        "captions": tuple(sorted({0, *captions})),
    }


longests = st.sampled_from([5, 9, 13, 17])
ends = st.booleans()


@given(constraint_sets(), longests, ends)
def test_every_masked_frame_is_made_from_finished_ones(parts, longest, both):
    constraints = Constraints(**parts)
    finished = set(constraints.keyframes)
    for window in plan_windows(constraints, longest=longest, both_ends=both):
        assert set(window.known) <= finished
        assert set(window.joined) & set(window.made) <= finished
        finished |= set(window.made)
    assert {f for f, on in enumerate(constraints.active) if on} <= finished


@given(constraint_sets(), longests, ends)
def test_only_joined_frames_are_made_twice_and_keyframes_never(parts, longest, both):
    constraints = Constraints(**parts)
    made: set[int] = set()
    for window in plan_windows(constraints, longest=longest, both_ends=both):
        assert not made & (set(window.made) - set(window.joined))
        assert not set(constraints.keyframes) & set(window.made)
        assert not (both and window.joined)
        made |= set(window.made)


@given(constraint_sets(), longests, ends)
def test_windows_fit_the_model_and_stay_inside_a_shot(parts, longest, both):
    constraints = Constraints(**parts)
    for window in plan_windows(constraints, longest=longest, both_ends=both):
        shot = constraints.shots[window.shot]
        assert 1 <= len(window) <= longest
        assert shot.start <= window.start and window.stop <= shot.stop


@given(constraint_sets(), longests, ends, st.integers(0, 9))
def test_known_frames_are_masked_ends_as_the_model_sees_them(parts, longest, both, more):
    constraints = Constraints(**parts)
    for window in plan_windows(constraints, longest=longest, both_ends=both):
        order = [window.order[i] for i in window.padding(len(window) + more)]
        assert set(order) == set(range(window.start, window.stop))
        assert set(window.known) <= {order[0], order[-1]}
        assert all(constraints.active[frame] for frame in window.known)
        assert both or not window.ends_known


@given(constraint_sets(), longests, ends)
def test_no_window_makes_frames_of_two_captions(parts, longest, both):
    constraints = Constraints(**parts)
    for window in plan_windows(constraints, longest=longest, both_ends=both):
        generated = [frame for frame in window.made if constraints.active[frame]]
        assert {constraints.caption_at(frame) for frame in generated} == {window.caption}


@given(constraint_sets(), longests, ends)
def test_a_chain_is_told_from_a_window_alone(parts, longest, both):
    constraints = Constraints(**parts)
    windows = plan_windows(constraints, longest=longest, both_ends=both)
    for window in windows:
        touching = [
            other
            for other in windows
            if other is not window and set(other.known) & {window.start, window.stop - 1}
        ]
        assert window.chained or not touching


@given(constraint_sets(), longests, ends)
def test_the_pieces_are_the_whole_clip_in_order(parts, longest, both):
    constraints = Constraints(**parts)
    windows = plan_windows(constraints, longest=longest, both_ends=both)
    end, frames = 0, len(constraints.active)
    for piece, index in find_pieces(windows, constraints.keyframes, frames):
        assert piece.start == end
        for frame in range(piece.start, piece.stop):
            makers = [i for i, window in enumerate(windows) if frame in window.made]
            assert index == (makers[-1] if makers else None)
        assert (
            not set(constraints.keyframes) & set(range(piece.start, piece.stop)) or len(piece) == 1
        )
        end = piece.stop
    assert end == frames


def plan(active: list[bool], **changes: Any) -> tuple[Window, ...]:
    """Of one shot in windows of nine frames, unless told otherwise."""
    options = {"longest": 9, "both_ends": True} | changes
    model = {name: options.pop(name) for name in ("longest", "both_ends")}
    shots = options.pop("shots", ranges([], len(active)))
    return plan_windows(Constraints(active=active, shots=shots, **options), **model)


def spans(active: list[bool], **changes: Any) -> list[tuple[int, int, tuple[int, ...]]]:
    return [(w.start, w.stop, w.known) for w in plan(active, **changes)]


def test_windows_are_as_long_as_can_be_and_share_one_frame():
    assert spans([True] * 20) == [(0, 9, ()), (8, 17, (8,)), (16, 20, (16,))]


@given(st.integers(1, 400), st.sampled_from([17, 49]))
def test_no_more_windows_than_needed(frames, longest):
    fresh = longest - 1
    assert len(plan([True] * frames, longest=longest)) == max(1, -(-(frames - 1) // fresh))


def test_a_cut_starts_afresh():
    assert spans([True] * 12, shots=ranges([5], 12)) == [(0, 5, ()), (5, 12, ())]


@pytest.mark.parametrize(("gap", "joined"), [(LONGEST_BRIDGE, True), (LONGEST_BRIDGE + 1, False)])
def test_beyond_one_window_a_short_gap_is_bridged_and_a_long_one_ends_the_chain(gap, joined):
    active = [True] * 12 + [False] * gap + [True] * 4
    starts = {w.start for w in plan(active, longest=17) if not w.known}
    assert starts == ({0} if joined else {0, 12 + gap})


def test_a_gap_inside_one_window_ends_nothing():
    active = [True] * 3 + [False] * 20 + [True] * 3
    assert spans(active, longest=49) == [(0, 26, ())]


def test_frames_without_a_mask_at_the_ends_are_left_out():
    active = [False] * 5 + [True] * 4 + [False] * 30
    assert spans(active) == [(5, 9, ())]


def test_a_join_in_a_gap_moves_back_to_a_masked_frame():
    active = [not 46 <= frame <= 50 for frame in range(101)]
    assert spans(active, longest=49) == [(0, 46, ()), (45, 94, (45,)), (93, 101, (93,))]


def test_one_empty_frame_where_windows_would_meet_moves_the_join():
    active = [frame != 48 for frame in range(100)]
    first, second, *_ = plan(active, longest=49)
    assert second.known == (47,) and 47 in first.made


def test_a_gap_that_no_window_reaches_over_ends_the_chain():
    active = [True] + [False] * 4 + [True]
    assert spans(active, longest=5) == [(0, 1, ()), (5, 6, ())]
    assert spans([True, *active[2:]], longest=5) == [(0, 5, ())]


def test_a_caption_that_begins_in_a_gap_carries_the_masked_frame_before_it():
    active = [True] * 4 + [False] * 3 + [True] * 3
    assert spans(active, captions=(0, 6)) == [(0, 4, ()), (3, 10, (3,))]


def test_a_caption_that_begins_after_the_first_frame_leaves_that_alone():
    assert spans([True] * 4, captions=(0, 1)) == [(0, 1, ()), (0, 4, (0,))]


def test_a_caption_begins_at_its_frame():
    windows = plan([True] * 12, captions=(0, 5))
    assert [(w.made, w.caption) for w in windows] == [(range(0, 5), 0), (range(5, 12), 1)]


def test_before_the_first_keyframe_time_runs_backwards():
    windows = plan([True] * 20, keyframes=[12])
    assert [(w.start, w.stop, w.known) for w in windows] == [
        (4, 13, (12,)),
        (0, 5, (4,)),
        (12, 20, (12,)),
    ]
    assert [w.reverse for w in windows] == [True, True, False]


def test_between_keyframes_windows_are_even_and_the_last_knows_both_ends():
    assert spans([True] * 11, keyframes=[0, 10]) == [(0, 6, (0,)), (5, 11, (5, 10))]


def test_two_keyframes_condition_what_lies_between():
    (window,) = plan([True] * 12, longest=17, keyframes=[0, 11])
    assert window.known == (0, 11) and window.ends_known
    assert window.padding(17) == [*range(12), *[11] * 5]


def test_between_keyframes_a_window_reaches_over_a_gap():
    active = [True] + [False] * 3 + [True] * 3
    assert spans(active, keyframes=[0, 6], longest=5) == [(0, 5, (0,)), (4, 7, (4, 6))]


@pytest.mark.parametrize("gap", [2, 3, 6, 40])
def test_halves_that_meet_are_blended_from_one_to_the_other(gap):
    windows = plan([True] * (gap + 1), longest=17, keyframes=[0, gap], both_ends=False)
    back = [window for window in windows if window.reverse]
    shares = {f: window.share(f) for window in back for f in window.made}
    inside = [shares[frame] for frame in sorted(shares) if shares[frame] < 1]
    assert len(inside) == min(JOIN_FRAMES, gap - 1)
    assert inside == sorted(inside) and 0 < inside[0] <= inside[-1] < 1
    first_half = {f for window in windows if not window.reverse for f in window.made}
    assert {frame for frame in shares if shares[frame] < 1} <= first_half


def test_halves_that_meet_in_a_gap_blend_what_both_have_made():
    active = [frame in (0, 8, 9, 10) for frame in range(11)]
    finished = {0, 10}
    for window in plan(active, longest=10, keyframes=[0, 10], both_ends=False):
        assert set(window.joined) <= finished
        finished |= set(window.made)
    assert {8, 9} <= finished
    long = [not 49 <= frame <= 52 for frame in range(101)]
    windows = plan(long, longest=49, keyframes=[0, 100], both_ends=False)
    assert {window.joined for window in windows} == {range(0), range(48, 49)}


def test_halves_meet_unblended_where_the_caption_changes():
    windows = plan([True] * 20, keyframes=[0, 19], captions=(0, 12), both_ends=False)
    assert not any(window.joined for window in windows)
    made = {frame: window.caption for window in windows for frame in window.made}
    assert made == {frame: int(frame >= 12) for frame in range(1, 19)}


def test_neighbouring_keyframes_leave_nothing_to_make():
    for both in (True, False):
        assert plan([True] * 2, keyframes=[0, 1], both_ends=both) == ()
