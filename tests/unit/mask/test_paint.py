"""Painted masks: only painted frames change, strokes are discs along lines, texts have limits."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.mask import paint
from vivid_core.mask.paint import (
    Painting,
    Stroke,
    paint_frame,
    paint_over_time,
    parse_painting,
    retouch,
)

MIDDLE = (5000, 5000)


def dot(x: int, y: int, radius: int = 1000) -> dict[str, object]:
    return {"brush": radius, "at": [x, y]}


def painting(**frames: list[dict[str, object]]) -> Painting:
    """Strokes by frame, named f0, f8, ..."""
    by_number = {name.removeprefix("f"): strokes for name, strokes in frames.items()}
    return parse_painting(json.dumps({"frames": by_number}))


places = st.integers(-2000, 12_000)
strokes = st.one_of(
    st.just({"clear": True}),
    st.builds(
        lambda kind, radius, at: {kind: radius, "at": [n for place in at for n in place]},
        st.sampled_from(["brush", "eraser"]),
        st.integers(1, 2500),
        st.lists(st.tuples(places, places), min_size=1, max_size=4),
    ),
)


@settings(max_examples=25)
@given(
    st.dictionaries(st.integers(0, 5).map(str), st.lists(strokes, max_size=4), max_size=4),
    st.integers(0, 99),
)
def test_frames_without_paint_keep_every_value(frames, seed):
    masks = torch.rand(6, 20, 30, generator=torch.Generator().manual_seed(seed))
    before = masks.clone()
    result = retouch(masks, parse_painting(json.dumps({"version": 1, "frames": frames})))
    assert torch.equal(masks, before)
    for frame in range(6):
        changed = result[frame] != masks[frame]
        if not frames.get(str(frame)):
            assert not changed.any()
        assert ((result[frame] == 0) | (result[frame] == 1) | ~changed).all()


@settings(max_examples=40)
@given(
    st.lists(st.tuples(places, places), min_size=1, max_size=3), st.integers(1, 2500),
    st.integers(4, 60), st.integers(4, 60),
)  # fmt: skip
def test_a_stroke_covers_what_is_near_its_line(line, radius, height, width):
    at = tuple(number for place in line for number in place)
    mask = paint_frame(np.zeros((height, width)), [Stroke(kind="brush", radius=radius, at=at)])
    rows, columns = np.mgrid[:height, :width] + 0.5
    points = np.array(line) / 10_000 * (width, height)
    ends = points[1:] if len(points) > 1 else points
    far = np.full((height, width), np.inf)
    for (x, y), (u, v) in zip(points, ends, strict=False):
        span = (u - x) ** 2 + (v - y) ** 2
        share = ((columns - x) * (u - x) + (rows - y) * (v - y)) / span if span else 0 * rows
        share = np.clip(share, 0, 1)
        far = np.minimum(far, np.hypot(columns - x - share * (u - x), rows - y - share * (v - y)))
    reach = radius / 10_000 * width
    assert (mask[far < reach - 1.5] == 1).all()  # places are held at whole pixels
    assert (mask[far > reach + 1.5] == 0).all()


def test_strokes_are_done_in_turn():
    disc = Stroke(kind="brush", radius=2000, at=MIDDLE)
    drawn = [disc, Stroke(kind="eraser", radius=900, at=MIDDLE)]
    ring = paint_frame(np.zeros((40, 40)), drawn)
    assert ring[20, 20] == 0 and ring[20, 26] == 1 and ring[20, 35] == 0
    assert paint_frame(np.zeros((40, 40)), drawn[::-1])[20, 20] == 1
    assert not paint_frame(ring, [Stroke(kind="clear")]).any()


def test_one_bad_frame_is_repainted():
    track = torch.zeros(5, 40, 40)
    track[:, 5:15, 5:15] = 0.8
    fixed = retouch(track, painting(f2=[{"clear": True}, dot(7500, 7500)]))
    assert [frame for frame in range(5) if not torch.equal(fixed[frame], track[frame])] == [2]
    assert fixed[2, 30, 30] == 1 and not fixed[2, :15, :15].any()


@settings(max_examples=20)
@given(
    st.lists(st.integers(0, 11), min_size=2, max_size=5, unique=True),
    st.dictionaries(st.integers(0, 11).map(str), st.lists(strokes, max_size=3), max_size=4),
    st.integers(0, 99),
)
def test_in_betweens_touch_nothing_but_their_stretch(ends, frames, seed):
    ends = sorted(ends)
    between = [pair for pair in zip(ends, ends[1:], strict=False) if pair[1] - pair[0] > 1]
    masks = torch.rand(12, 16, 24, generator=torch.Generator().manual_seed(seed))
    text = {"version": 1, "frames": frames, "between": between}
    painted = parse_painting(json.dumps(text))
    plain = retouch(masks, parse_painting(json.dumps({"frames": frames})))
    result = retouch(masks, painted)
    inside = {f for first, last in between for f in range(first + 1, last)}
    assert set(painted.in_betweens) == inside - set(painted.frames)
    for frame in set(range(12)) - set(painted.in_betweens):
        assert torch.equal(result[frame], plain[frame])
    assert result.min() >= 0 and result.max() <= 1


@settings(max_examples=25)
@given(
    st.tuples(st.integers(2500, 5500), st.integers(2500, 7500)),
    st.tuples(st.integers(2500, 5500), st.integers(2500, 7500)),
    st.integers(1, 3), st.integers(6, 10),
)  # fmt: skip
def test_in_betweens_lead_from_one_end_to_the_other(start, end, first, last):
    """Whatever the track was there: the shape stays whole, and moves in order of time."""
    track = torch.zeros(12, 60, 60)
    track[:, 50:58, 50:58] = 1
    dots = {str(first): start, str(last): end}
    frames = {key: [{"clear": True}, dot(*place)] for key, place in dots.items()}
    text = json.dumps({"frames": frames, "between": [[first, last]]})
    result = retouch(track, parse_painting(text))
    area = float(result[first].sum())
    middles = []
    for frame in range(first, last + 1):
        mask = result[frame]
        assert float(mask.sum()) == pytest.approx(area, rel=0.15)
        assert not mask[55:, 55:].any()
        middles.append((torch.nonzero(mask > 0.5).float().mean(dim=0)).tolist())
    for axis, (a, b) in enumerate(((start[1], end[1]), (start[0], end[0]))):
        line = [middle[axis] * (1 if b >= a else -1) for middle in middles]
        assert all(later > earlier - 0.6 for earlier, later in zip(line, line[1:], strict=False))
        assert middles[-1][axis] - middles[0][axis] == pytest.approx((b - a) * 60 / 10_000, abs=1)


def test_in_betweens_go_by_way_of_painted_frames_and_end_at_empty_ones():
    frames = {"4": [{"clear": True}, dot(7500, 7500)], "8": [{"clear": True}]}
    text = json.dumps({"frames": frames, "between": [[0, 8]]})
    track = torch.zeros(10, 40, 40)
    track[:, 5:15, 5:15] = 1
    result = retouch(track, parse_painting(text))
    middles = [float(torch.nonzero(mask > 0.5).float().mean()) for mask in result[:8]]
    assert middles[:5] == sorted(middles[:5]) and middles[4] == pytest.approx(29.5, abs=0.6)
    assert all(torch.equal(mask, result[5]) for mask in result[5:8])
    assert not result[8].any() and torch.equal(result[9], track[9])


def test_painted_frames_turn_into_each_other():
    masks = paint_over_time(painting(f0=[dot(2500, 2500)], f8=[dot(7500, 2500)]), 12, (40, 40))
    middles = [float(np.nonzero(mask.numpy() > 0.5)[1].mean()) for mask in masks]
    assert middles == sorted(middles) and middles[4] == pytest.approx(20, abs=1)
    assert torch.equal(masks[8], masks[11])
    assert torch.equal(
        masks[0],
        torch.as_tensor(
            paint_frame(np.zeros((40, 40)), [Stroke(kind="brush", radius=1000, at=(2500, 2500))])
        ),
    )


def test_a_cleared_frame_ends_a_shape_until_the_next_paint():
    frames = {"f2": [dot(*MIDDLE)], "f5": [{"clear": True}], "f8": [dot(2500, 2500)]}
    masks = paint_over_time(painting(**frames), 10, (40, 40))
    assert [bool(mask.any()) for mask in masks] == [True] * 5 + [False] * 3 + [True] * 2
    frames["f0"] = [{"clear": True}]
    masks = paint_over_time(painting(**frames), 10, (40, 40))
    assert [bool(mask.any()) for mask in masks[:3]] == [False, False, True]


def test_paint_has_to_lie_within_the_clip():
    late, outside = painting(f9=[dot(*MIDDLE)]), "frame 9, the clip has frames 0 to 3"
    with pytest.raises(InputError, match=outside):
        retouch(torch.zeros(4, 8, 8), late)
    with pytest.raises(InputError, match=outside):
        paint_over_time(late, 4, (8, 8))
    with pytest.raises(InputError, match=outside):
        retouch(torch.zeros(4, 8, 8), parse_painting('{"between": [[2, 9]]}'))
    with pytest.raises(InputError, match="nothing is painted yet"):
        paint_over_time(painting(f1=[{"clear": True}]), 4, (8, 8))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "the text: need a JSON object"),
        ('{"version": 2}', "another version"),
        ('{"frames": [1]}', "frames: need a JSON object"),
        ('{"frames": {"01": []}}', "no frame number"),
        ('{"frames": {"0": 3}}', "frame 0: need a list"),
        ('{"frames": {"0": [{"brush": 3}]}}', 'need {"brush"'),
        ('{"frames": {"0": [{"brush": 3, "eraser": 4, "at": [1, 2]}]}}', 'need {"brush"'),
        ('{"frames": {"0": [{"clear": false}]}}', 'need {"brush"'),
        ('{"frames": {"0": [{"brush": 3, "at": [1, 2, 3]}]}}', "has 3 numbers"),
        ('{"frames": {"0": [{"brush": 3, "at": []}]}}', "has 0 numbers"),
        ('{"frames": {"0": [{"brush": 3, "at": [1, 2.5]}]}}', "whole numbers"),
        ('{"frames": {"0": [{"brush": true, "at": [1, 2]}]}}', "whole numbers"),
        ('{"frames": {"0": [{"brush": 2501, "at": [1, 2]}]}}', "a radius is 2501"),
        ('{"frames": {"0": [{"brush": 3, "at": [1, 20001]}]}}', "lies beyond"),
        ('{"frames": {}, "more": 1}', "does not know 'more'"),
        ('{"between": 3}', "between: need a list of stretches"),
        ('{"between": [3]}', "between: need whole numbers"),
        ('{"between": [[3, 4]]}', r"\[3, 4\] is no stretch"),
        ('{"between": [[3, 9, 12]]}', "is no stretch"),
        ('{"between": [[-1, 9]]}', "is no stretch"),
        ('{"between": [[2, 9], [8, 12]]}', r"\[8, 12\] is no stretch"),
        ('{"between": [[2, 1000000000]]}', "is no stretch"),
    ],
)
def test_damaged_texts_are_refused(text, words):
    with pytest.raises(InputError, match=words.replace("{", "\\{")):
        parse_painting(text)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("MOST_TEXT", "10 at most are read"),
        ("MOST_FRAMES", "over 10 painted frames"),
        ("MOST_STROKES", "over 10 strokes"),
    ],
)
def test_texts_have_limits(monkeypatch, limit, words):
    text = json.dumps({"frames": {str(frame): [dot(*MIDDLE)] for frame in range(11)}})
    parse_painting(text)
    monkeypatch.setattr(paint, limit, 10)
    with pytest.raises(InputError, match=words):
        parse_painting(text)


def test_an_empty_text_is_an_empty_painting():
    assert parse_painting(" ").frames == {}
    assert parse_painting('{"frames": {"3": []}}').frames == {}
