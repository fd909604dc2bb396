"""Keyframes reach every frame, from both sides, and a range is made again alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vivid_core.edit.clip import edit_clip
from vivid_core.edit.job import Material
from vivid_core.errors import InputError, MaskError
from vivid_core.keyframe.edit import edit_keyframe
from vivid_core.keyframe.propagate import Again, plan_propagation, propagate_keyframes
from vivid_core.settings import Settings
from vivid_core.video import Clip, FrameRange, Keyframe, MaskTrack

FRAMES, SIZE = 20, 32


def request(
    *keyframes: tuple[int, float], frames: int = FRAMES, **changes
) -> tuple[Material, Settings]:
    """An edit with plain grey keyframes at (frame, level)."""
    picture = torch.rand(1, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(0))
    clip = Clip(frames=picture * torch.linspace(0.9, 1, frames).view(-1, 1, 1, 1))
    mask = torch.zeros(frames, SIZE, SIZE)
    mask[:, 8:24, 8:24] = 1
    given = tuple(
        Keyframe(frame=frame, pixels=torch.full((SIZE, SIZE, 3), level))
        for frame, level in keyframes
    )
    options = {"task": "add", "caption": "a red circle", "steps": 1}
    material = Material(clip=clip, mask=MaskTrack.fit(mask, clip), keyframes=given)
    return material, Settings(**(options | changes))


def test_a_picked_candidate_is_in_the_edit_as_it_was(tiny):
    asked = request(feather=4)
    picked = edit_keyframe(tiny, *asked, frame=3).candidates[0]
    given = (Keyframe(frame=3, pixels=picked.pixels),)
    material, settings = asked
    result = propagate_keyframes(tiny, replace(material, keyframes=given), settings)
    assert torch.equal(result.frames[3], picked.pixels)


def test_a_middle_keyframe_decides_both_directions(tiny):
    dark = propagate_keyframes(tiny, *request((10, 0.0))).frames
    light = propagate_keyframes(tiny, *request((10, 1.0))).frames
    differs = (dark - light).abs().flatten(1).amax(1) > 0
    assert differs.all()


def test_backwards_is_forwards_of_the_reversed_clip(tiny):
    """The earlier half runs in reversed time: the model cannot tell it from a forward edit."""
    material, settings = request((8, 0.3), frames=9)
    flipped = Clip(frames=material.clip.frames.flip(0))
    first = Material(
        clip=flipped,
        mask=MaskTrack.fit(material.mask.values.flip(0), flipped),
        keyframes=(replace(material.keyframes[0], frame=0),),
    )
    backwards = propagate_keyframes(tiny, material, settings).frames
    forwards = propagate_keyframes(tiny, first, settings).frames
    assert torch.allclose(backwards.flip(0), forwards, atol=1e-5)


@pytest.mark.parametrize("knows", [True, False])
def test_both_keyframes_decide_what_lies_between(tiny, knows):
    bundle = tiny.with_(knows_last_frame=knows)
    ours = propagate_keyframes(bundle, *request((0, 0.2), (8, 0.8))).frames
    other = propagate_keyframes(bundle, *request((0, 0.2), (8, 0.1))).frames
    assert (ours[1:8] - other[1:8]).abs().amax() > 0
    assert torch.equal(ours[0], other[0])


def test_models_that_never_knew_both_ends_meet_in_the_middle_and_say_so(tiny):
    asked = request((0, 0.2), (8, 0.8), frames=9)
    trained = tiny.with_(knows_last_frame=True)
    assert not any("meet in the middle" in w for w in edit_clip(trained, *asked).report.warnings)
    untrained = tiny.with_(knows_last_frame=False)
    assert any("meet in the middle" in w for w in edit_clip(untrained, *asked).report.warnings)
    assert "1 to 7 between both ends" in plan_propagation(trained, *asked).way
    assert "from 8 backwards to 2, blended over 5" in plan_propagation(untrained, *asked).way


def test_a_range_is_made_again_and_the_rest_stays_byte_for_byte(tiny):
    before = propagate_keyframes(tiny, *request((0, 0.4))).frames
    again = Again(previous=before, span=FrameRange(start=5, stop=9))
    result = propagate_keyframes(tiny, *request(seed=9), again=again)
    kept = [*range(5), *range(9, FRAMES)]
    assert torch.equal(result.frames[kept], before[kept])
    changed = (result.frames[5:9] - before[5:9]).abs().flatten(1).amax(1)
    assert (changed > 0).all()
    assert result.report.max_difference_outside == 0


def test_a_keyframe_inside_the_range_counts(tiny):
    before = propagate_keyframes(tiny, *request((0, 0.4))).frames
    again = Again(previous=before, span=FrameRange(start=5, stop=9))
    result = propagate_keyframes(tiny, *request((6, 0.9), feather=0), again=again)
    assert torch.allclose(result.frames[6, 8:24, 8:24], torch.tensor(0.9))


def test_what_cannot_be_propagated_is_refused(tiny):
    with pytest.raises(InputError, match="keyframe: is missing"):
        propagate_keyframes(tiny, *request())
    again = Again(previous=torch.zeros(3, SIZE, SIZE, 3), span=FrameRange(start=0, stop=2))
    with pytest.raises(InputError, match="previous: is 3 frames of 32x32, the clip is 20 frames"):
        propagate_keyframes(tiny, *request(), again=again)
    whole = torch.zeros(FRAMES, SIZE, SIZE, 3)
    late = Again(previous=whole, span=FrameRange(start=10, stop=30))
    with pytest.raises(InputError, match="range: ends at frame 29"):
        propagate_keyframes(tiny, *request(), again=late)
    clip = Clip(frames=whole)
    mask = torch.zeros(FRAMES, SIZE, SIZE)
    mask[0, 4:9, 4:9] = 1
    empty = Material(clip=clip, mask=MaskTrack.fit(mask, clip))
    with pytest.raises(MaskError, match="empty on frames 9 to 12: choose a range"):
        propagate_keyframes(
            tiny,
            empty,
            request()[1],
            again=Again(previous=whole, span=FrameRange(start=10, stop=12)),
        )
