"""Prompts: the JSON round trip, and errors that say where."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.media import encode_rle
from vivid_core.track.prompts import (
    Box,
    FramePrompt,
    ObjectPrompts,
    PaintedMask,
    Point,
    Prompts,
    format_prompts,
    parse_prompts,
)

NUMBERS = st.integers(-5000, 5000) | st.floats(-1e6, 1e6)
POINTS = st.tuples(NUMBERS, NUMBERS, st.integers(0, 1)).map(list)


@st.composite
def boxes(draw: st.DrawFn) -> list[float]:
    left, top, width, height = (draw(st.floats(1, 1000)) for _ in range(4))
    return [left, top, left + width, top + height]


# The strategies draw plain data: checked functions use random numbers, which strategies may not.
MASKS = st.sampled_from(
    [
        {"size": [h, w], "counts": encode_rle(np.arange(h * w).reshape(h, w) % step == 0)}
        for h, w, step in ((1, 1, 1), (3, 5, 2), (9, 4, 7), (2, 60, 13))
    ]
)
DRAWN = st.fixed_dictionaries({"points": st.lists(POINTS, min_size=1, max_size=3)}) | (
    st.fixed_dictionaries({"box": boxes()}, optional={"points": st.lists(POINTS, max_size=2)})
)
FRAME = DRAWN | st.fixed_dictionaries({"mask": MASKS})
FRAMES = st.dictionaries(st.integers(0, 5000).map(str), FRAME, min_size=1, max_size=3)


@st.composite
def texts(draw: st.DrawFn) -> str:
    ids = sorted(draw(st.sets(st.integers(1, 99), min_size=1, max_size=3)))
    objects = [{"id": i, "name": draw(st.text(max_size=5)), "frames": draw(FRAMES)} for i in ids]
    data: dict[str, Any] = {"objects": objects}
    if draw(st.booleans()):
        data |= {"size": [draw(st.integers(1, 4000)), 480], "version": 1}
    return json.dumps(data)


@settings(max_examples=40)
@given(texts())
def test_round_trip(text):
    prompts = parse_prompts(text)
    again = format_prompts(prompts)
    assert parse_prompts(again) == prompts
    assert format_prompts(parse_prompts(again)) == again
    assert [item.id for item in prompts.objects] == [o["id"] for o in json.loads(text)["objects"]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["objects", "id", "frames", "0", "points", "box", "mask", "size"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=40)
@given(JSON)
def test_any_json_is_read_or_refused_in_words(data):
    try:
        parse_prompts(json.dumps(data))
    except InputError as error:
        assert str(error).startswith("prompts: ")


@settings(max_examples=25)
@given(st.text(max_size=40))
def test_any_text_is_refused_in_words(text):
    with pytest.raises(InputError, match="prompts: "):
        parse_prompts(text)


def one(frame: str) -> str:
    return f'{{"objects": [{{"id": 1, "frames": {{"0": {frame}}}}}]}}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON .* at character 1"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "the text: need a JSON object"),
        ("{}", "the text: lacks objects"),
        ('{"objects": [], "colour": 1}', "unknown entry colour"),
        ('{"objects": [], "objects": []}', "entry 'objects' twice"),
        ('{"objects": []}', "name no object: click on one"),
        ('{"version": 2, "objects": []}', "of version 2, this pack reads 1"),
        ('{"size": [0, 4], "objects": []}', r"size: need \[height, width\]"),
        ('{"objects": [{"id": 1, "frames": {}}]}', "object 1 has no prompts"),
        ('{"objects": [{"id": 0, "frames": {"0": {"points": [[1, 1, 1]]}}}]}', "from 1, got 0"),
        ('{"objects": [{"id": 1, "frames": {"x": {}}}]}', r"\[0\].frames: 'x' is no frame number"),
        ('{"objects": [{"id": 1, "frames": {"01": {}}}]}', "'01' is no frame number"),
        ('{"objects": [{"id": 1, "name": 3, "frames": {}}]}', r"objects\[0\].name: must be text"),
        (one("{}"), "frame 0 holds no points, box or mask"),
        (one('{"points": [[1, 2]]}'), r'frames\["0"\].points\[0\]: need \[x, y, label\]'),
        (one('{"points": [[1, 2, true]]}'), "the label is 1"),
        (one('{"points": [[1, 2, 2]]}'), "the label is 1 .* got 2"),
        (one('{"points": [["1", 2, 1]]}'), "need numbers, got '1'"),
        (one('{"points": [[NaN, 2, 1]]}'), "holds NaN: give finite numbers"),
        (one('{"points": [[1e999, 2, 1]]}'), "too large: give finite numbers"),
        (one('{"box": [4, 0, 2, 3]}'), "the box .* is empty"),
        (one('{"box": [4, 0, 2]}'), r"need \[left, top, right, bottom\]"),
        (one('{"mask": {"size": [2, 2], "counts": "~"}}'), "a mask is damaged"),
        (one('{"mask": {"size": [2, 2], "counts": "4"}}'), "a mask is empty"),
        (one('{"mask": {"size": [2, 2], "counts": [4]}}'), "need compressed COCO text"),
        (one('{"mask": {"size": [40000, 40000], "counts": "0"}}'), "masks have 1 to 67,108,864"),
        (one('{"mask": {"size": [480, 720], "counts": "%s"}}' % ("o" * 500_000)), "in the middle"),
        (one('{"points": [[%s, 1, 1]]}' % ("9" * 5000)), "a number of 5000 digits, 40 at most"),
        (one('{"points": [%s]}' % ",".join(["[1, 1, 1]"] * 10_000)), "has 10000 entries, 1000 at"),
        ('{"objects": [%s]}' % ",".join(["{}"] * 300), "objects: has 300 entries, 255 at most"),
        (one('{"points": %s}' % ("[" * 500 + "]" * 500)), "nested too deeply, over 64 levels"),
        ('{"objects": ["%s"]}' % ("x" * 9_000_000), "characters, 8,388,608 at most"),
        ('{"%s": 1, "objects": []}' % ("x" * 9_000), "unknown entry x"),
    ],
    ids=lambda value: value[:60],
)
def test_broken_text(text, message):
    with pytest.raises(InputError, match=message) as refused:
        parse_prompts(text)
    assert len(str(refused.value)) < 400


def test_mask_and_points_exclude_each_other():
    mask = PaintedMask.of(np.ones((2, 2), bool))
    with pytest.raises(InputError, match="one or the other"):
        FramePrompt(frame=0, mask=mask, points=(Point(x=1, y=1),))


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (FramePrompt(frame=9, points=(Point(x=1, y=1),)), "object 1, frame 9: .* frames 0 to 8"),
        (FramePrompt(frame=0, points=(Point(x=20, y=1),)), r"point \(20, 1\) lies outside .*20x10"),
        (FramePrompt(frame=0, points=(Point(x=-1, y=1),)), "lies outside"),
        (FramePrompt(frame=0, box=Box(left=0, top=0, right=21, bottom=4)), "reaches outside"),
        (FramePrompt(frame=0, mask=PaintedMask.of(np.ones((9, 20), bool))), "the mask is 20x9"),
    ],
)
def test_prompts_outside_the_clip(prompt, message):
    prompts = Prompts(objects=(ObjectPrompts(id=1, frames=(prompt,)),))
    with pytest.raises(InputError, match=message):
        prompts.require_fit(frames=9, height=10, width=20)


def test_prompts_of_another_size():
    prompt = FramePrompt(frame=0, points=(Point(x=1, y=1),))
    prompts = Prompts(objects=(ObjectPrompts(id=1, frames=(prompt,)),), size=(5, 5))
    with pytest.raises(InputError, match="set on frames of 5x5, but the clip is 20x10"):
        prompts.require_fit(frames=9, height=10, width=20)


def test_only_negative_points_name_no_object():
    assert not FramePrompt(frame=0, points=(Point(x=1, y=1, positive=False),)).names_object
