"""Deletes that copy what other frames show: exact outside, true inside, the model only for rest."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.edit.clip import edit_clip
from vivid_core.edit.filled import JOIN_MARGIN
from vivid_core.edit.job import Material
from vivid_core.edit.report import EditResult, report_data, report_text
from vivid_core.errors import InputError
from vivid_core.flow.dis import DisFlow
from vivid_core.flow.engine import Field, Frame, OtherFrame
from vivid_core.flow.fill import fill_background
from vivid_core.mask.grow import grow_mask
from vivid_core.settings import Settings
from vivid_core.tiny.scenes.shapes import Camera, Scene
from vivid_core.tiny.scenes.textures import Texture
from vivid_core.video import Clip, Keyframe, MaskTrack

Asked = tuple[Material, Settings]
OBJECT = torch.tensor([0.9, 0.1, 0.1])
STILL = Camera(
    start=(20.0, -30.0), swing=(0.0, 0.0), rate=0.06, phase=0.0, zoom_swing=0.0, roll_swing=0.0
)
MOVING = Camera(
    start=(20.0, -30.0), swing=(14.0, 8.0), rate=0.06, phase=-0.3, zoom_swing=0.06, roll_swing=0.04
)
ALWAYS = (slice(24, 40), slice(30, 46))  # rows, columns of a still frame: hidden on every frame
SOMETIMES = (slice(24, 40), slice(46, 66))  # beside it: hidden on three frames only


def draw_background(camera: Camera, size: tuple[int, int], frames: int = 9) -> torch.Tensor:
    """A wall of bricks [T, H, W, 3] with nothing in front of it."""
    texture = Texture(
        pattern="bricks",
        color_name="grey",
        dark=(0.24, 0.25, 0.28),
        light=(0.70, 0.68, 0.66),
        period=13.0,
        angle=0.1,
        phase=(3.2, 7.1),
        shade=(0.08, 0.03, -0.04),
    )
    scene = Scene(
        texture=texture,
        camera=camera,
        things=(),
        target=0,
        frames=frames,
        height=size[0],
        width=size[1],
    )
    return torch.from_numpy(scene.render()).float().clamp(0, 1)


def ask(truth: torch.Tensor, mask: torch.Tensor, keyframes=(), **changes) -> Asked:
    """Delete what a red object hides of the truth."""
    clip = Clip(frames=torch.where(mask[..., None] > 0.5, OBJECT, truth))
    options = {"task": "delete", "steps": 2, "fill": "auto"} | changes
    material = Material(clip=clip, mask=MaskTrack.fit(mask, clip), keyframes=tuple(keyframes))
    return material, Settings(**options)


def still_scene(always: bool = True, sometimes: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Truth and mask before a still camera: what is never seen is known."""
    truth = draw_background(STILL, (64, 96))
    mask = torch.zeros(9, 64, 96)
    if always:
        mask[(slice(None), *ALWAYS)] = 1
    if sometimes:
        mask[(slice(3, 6), *SOMETIMES)] = 1
    return truth, mask


@contextmanager
def count_calls(bundle: CogVideoX) -> Iterator[list[int]]:
    """One entry for each forward pass of the transformer."""
    calls: list[int] = []
    hook = bundle.transformer.register_forward_pre_hook(lambda module, args: calls.append(1))
    try:
        yield calls
    finally:
        hook.remove()


def edit_counted(bundle: CogVideoX, request: Asked) -> tuple[EditResult, int]:
    with count_calls(bundle) as calls:
        result = edit_clip(bundle, *request)
    return result, len(calls)


def psnr(result: torch.Tensor, true: torch.Tensor, where: torch.Tensor) -> float:
    return -10 * math.log10(max(1e-12, float((result - true).square()[where].mean())))


@pytest.mark.parametrize("grow", [0, 3, None])
@pytest.mark.parametrize("feather", [0, 2, 9])
def test_outside_the_effective_mask_of_the_user_nothing_changes(tiny, grow, feather):
    truth, mask = still_scene()
    asked = ask(truth, mask, grow=grow, feather=feather, steps=1)
    result = edit_clip(tiny, *asked)
    outside = result.effective_mask == 0
    assert torch.equal(result.effective_mask, grow_mask(mask, asked[1].growth(asked[0].clip.size)))
    assert torch.equal(result.frames[outside], asked[0].clip.frames[outside])
    assert result.report.max_difference_outside == 0
    assert not torch.equal(result.frames[~outside], asked[0].clip.frames[~outside])


def test_what_other_frames_show_comes_back_and_the_model_does_not_run(tiny):
    truth = draw_background(MOVING, (144, 216))
    mask = torch.zeros(9, 144, 216)
    mask[3:6, 50:90, 80:130] = 1
    result, calls = edit_counted(tiny, ask(truth, mask))
    report = result.report
    assert calls == 0
    assert psnr(result.frames, truth, mask > 0.5) > 30
    assert (report.windows, report.tokens) == (0, 0)
    assert (report.planned_pflops, report.spent_pflops) == (0, 0)
    assert (report.fill, report.filled_share, report.generated_share) == ("auto", 1, 0)
    assert not report.nothing_changed and report.mean_change_inside > 0.1
    text = report_text(report)
    assert "100.0% was filled from other frames and 0.0% generated" in text
    assert "the model did not run" in text
    assert json.loads(json.dumps(report_data(report)))["filled_share"] == 1


def test_the_model_changes_only_what_no_frame_shows_and_the_join_to_it(tiny):
    truth, mask = still_scene()
    asked = ask(truth, mask, feather=2)
    result, calls = edit_counted(tiny, asked)
    assert calls > 0
    hole = result.effective_mask
    filled = fill_background(asked[0].clip.frames, hole, DisFlow())
    rest = torch.minimum(grow_mask(filled.never_seen, 2 + JOIN_MARGIN), hole) > 0
    assert torch.allclose(result.frames[~rest], filled.frames[~rest], atol=1 / 65535)
    assert not torch.isclose(result.frames, filled.frames)[filled.never_seen > 0].all(-1).any()
    assert not torch.equal(result.frames[rest], asked[0].clip.frames[rest])
    far = (hole > 0) & ~rest
    assert far.sum() > 0.5 * 3 * 16 * 20  # most of what is hidden on three frames only
    assert psnr(result.frames, truth, far) > 30
    shares = result.report.filled_share, result.report.generated_share
    assert shares == pytest.approx((float(far.sum() / hole.sum()), float(rest.sum() / hole.sum())))


def test_what_is_never_seen_is_what_is_hidden_on_every_frame(tiny):
    truth, mask = still_scene()
    result = edit_clip(tiny, *ask(truth, mask, grow=0))
    hidden = torch.zeros_like(mask)
    hidden[(slice(None), *ALWAYS)] = 1
    generated = round(result.report.generated_share * float(mask.sum()))
    reach = 2 + JOIN_MARGIN + 1  # of the default feather's join, and one pixel of doubt
    assert float(hidden.sum()) <= generated
    assert generated <= float(torch.minimum(grow_mask(hidden, reach), mask).sum())


def test_windows_without_a_rest_are_not_run_and_not_planned(tiny):
    """Two shots: in the first everything is shown at some time, in the second nothing."""
    truth = draw_background(STILL, (64, 96), frames=17)
    truth[9:] *= 0.4
    mask = torch.zeros(17, 64, 96)
    mask[(slice(3, 6), *ALWAYS)] = 1
    mask[(slice(9, 17), *ALWAYS)] = 1
    result, calls = edit_counted(tiny, ask(truth, mask, grow=0))
    whole, calls_whole = edit_counted(tiny, ask(truth, mask, grow=0, fill="off"))
    assert 0 < calls < calls_whole
    assert result.report.planned_pflops < whole.report.planned_pflops
    assert result.report.spent_pflops < whole.report.spent_pflops
    assert any("cuts before frame 9" in warning for warning in result.report.warnings)
    assert psnr(result.frames[:9], truth[:9], mask[:9] > 0.5) > 30


def test_nothing_to_copy_generates_everything_and_says_so(tiny):
    truth, mask = still_scene(sometimes=False)
    asked = ask(truth, mask, grow=0)
    result = edit_clip(tiny, *asked)
    whole = edit_clip(tiny, *ask(truth, mask, grow=0, fill="off"))
    assert torch.equal(result.frames, whole.frames)
    assert (result.report.filled_share, result.report.generated_share) == (0, 1)
    assert "0.0% was filled from other frames and 100.0% generated" in report_text(result.report)


def test_a_keyframe_is_a_frame_to_copy_from(tiny):
    truth, mask = still_scene(sometimes=False)
    keyframe = Keyframe(frame=4, pixels=truth[4])
    result, calls = edit_counted(tiny, ask(truth, mask, keyframes=(keyframe,), grow=0, feather=0))
    assert calls == 0
    assert torch.allclose(result.frames[4], truth[4], atol=1 / 65535)
    assert psnr(result.frames, truth, mask > 0.5) > 30


def test_keyframes_on_every_frame_leave_nothing_to_do(tiny):
    truth, mask = still_scene()
    keyframes = tuple(Keyframe(frame=t, pixels=truth[t]) for t in range(9))
    result, calls = edit_counted(tiny, ask(truth, mask, keyframes=keyframes, grow=0, feather=0))
    assert calls == 0
    assert torch.allclose(result.frames, truth, atol=1 / 65535)


def test_another_engine_can_find_the_motion(tiny):
    class StillCamera:
        """Knows that nothing moves."""

        def __init__(self) -> None:
            self.pairs = 0

        def estimate(self, first: Frame, second: OtherFrame) -> Field:
            self.pairs += 1
            return torch.zeros(*first.shape[:2], 2)

    truth, mask = still_scene(always=False)
    engine = StillCamera()
    result = edit_clip(tiny, *ask(truth, mask), flow_engine=engine)
    assert engine.pairs > 0
    assert result.report.filled_share == 1
    assert psnr(result.frames, truth, mask > 0.5) > 30


def test_the_same_request_gives_the_same_bits_and_leaves_its_tensors_alone(tiny):
    truth, mask = still_scene()
    asked = ask(truth, mask)
    frames, given = asked[0].clip.frames.clone(), asked[0].mask.values.clone()
    first = edit_clip(tiny, *asked).frames
    torch.rand(7)
    edit_clip(tiny, *ask(truth, mask, seed=5))
    assert torch.equal(edit_clip(tiny, *asked).frames, first)
    assert torch.equal(asked[0].clip.frames, frames)
    assert torch.equal(asked[0].mask.values, given)


@pytest.mark.parametrize(
    ("frames", "size", "reason"),
    [(1, (64, 96), "a single frame"), (4, (12, 40), "40x12 is too small")],
)
def test_a_clip_without_motion_to_find_is_generated_whole_with_a_warning(
    tiny, frames, size, reason
):
    truth = draw_background(STILL, size, frames=frames)
    mask = torch.zeros(frames, *size)
    mask[:, 3:9, 10:20] = 1
    result = edit_clip(tiny, *ask(truth, mask))
    whole = edit_clip(tiny, *ask(truth, mask, fill="off"))
    assert torch.equal(result.frames, whole.frames)
    assert (result.report.fill, result.report.generated_share) == ("off", 1)
    assert any(reason in warning for warning in result.report.warnings)
    assert not any(reason in warning for warning in whole.report.warnings)


def test_an_inverted_mask_is_named_once(tiny):
    truth = draw_background(STILL, (64, 96))
    result = edit_clip(tiny, *ask(truth, torch.ones(9, 64, 96), steps=1))
    assert sum("inverted" in warning for warning in result.report.warnings) == 1


@pytest.mark.parametrize("task", ["add", "modify"])
def test_fill_and_rest_are_for_delete_and_ignored_otherwise(tiny, task):
    truth, mask = still_scene()
    wanted = {"task": task, "caption": "a red circle", "steps": 1}
    plain = edit_clip(tiny, *ask(truth, mask, **wanted, fill="off"))
    asked = edit_clip(tiny, *ask(truth, mask, **wanted, fill="auto", rest="classical"))
    assert torch.equal(asked.frames, plain.frames)
    assert (asked.report.fill, asked.report.rest) == ("off", "model")


def test_a_model_that_takes_no_mask_is_refused_even_where_it_would_not_run(tiny):
    from vivid_core.cogvideox.layout import layout_named

    truth, mask = still_scene(always=False)
    with pytest.raises(InputError, match="apply a VIVID adapter"):
        edit_clip(tiny.with_(layout=layout_named("t2v")), *ask(truth, mask))
