"""What the writer for procedural scenes sees in them, and the instructions that it writes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import EngineError
from vivid_core.media import pixels_to_array
from vivid_core.tiny.scene_writer import SceneWriter, caption_of, see_things
from vivid_core.tiny.scenes.recognise import COLORS
from vivid_core.tiny.scenes.shapes import draw_scene

WRITER = SceneWriter()


def frame_of(seed: int) -> np.ndarray:
    return pixels_to_array(draw_scene(seed, frames=5).render(times=[2])[0], depth=8)


def test_most_things_are_seen_as_they_were_drawn():
    named, drawn = 0, 0
    for seed in range(12):
        scene = draw_scene(seed, frames=5)
        seen = {thing.color for thing in see_things(frame_of(seed))}
        assert scene.target_thing.color in seen
        named += len(seen & {thing.color for thing in scene.things})
        drawn += len(seen)
    assert named >= 0.9 * drawn


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 500), st.integers(1, 5))
def test_instructions_differ_and_lead_to_what_their_captions_say(seed: int, count: int):
    frame = frame_of(seed)
    caption = WRITER.describe([frame])
    written = WRITER.instruct(frame, caption, count=count)
    assert written == WRITER.instruct(frame, caption, count=count)
    assert len({one.text for one in written}) == count
    for one in written:
        assert one.edited_caption and one.edited_caption != caption
        told = [color for color in COLORS if color in one.text.split()]
        assert told


def test_what_is_no_scene_is_refused():
    grey = np.full((32, 32, 3), 128, np.uint8)
    with pytest.raises(EngineError, match="no coloured shape is seen"):
        WRITER.describe([grey])
    with pytest.raises(EngineError, match="names no coloured shape"):
        WRITER.instruct(grey, "a dog on a beach", count=1)


def test_a_thing_is_named_once_for_all_frames():
    frames = [frame_of(3)] * 3
    assert WRITER.describe(frames) == caption_of(see_things(frames[0]))
