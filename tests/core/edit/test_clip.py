"""Edits end to end on a tiny random model: promises that hold whatever the weights are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.edit.clip import edit_clip
from vivid_core.edit.job import Material
from vivid_core.edit.report import report_text
from vivid_core.errors import CaptionError, InputError, MaskError
from vivid_core.runtime import Progress, Runtime
from vivid_core.settings import Settings
from vivid_core.video import Clip, Keyframe, MaskTrack

Asked = tuple[Material, Settings]


def still_noise(frames: int, height: int, width: int, seed: int) -> torch.Tensor:
    """One noisy picture that slowly brightens, 8 bit: nothing that looks like a cut."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.rand(height, width, 3, generator=generator) * 0.8
    steps = torch.linspace(0, 0.1, frames).view(-1, 1, 1, 1)
    return ((picture + steps) * 255).round() / 255


def request(frames=9, height=32, width=32, seed=0, mask=None, keyframes=(), **changes) -> Asked:
    clip = Clip(frames=still_noise(frames, height, width, seed))
    if mask is None:
        mask = torch.zeros(frames, height, width)
        mask[:, height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = 1
    options = {"task": "add", "caption": "a red circle", "steps": 2, "seed": seed}
    material = Material(clip=clip, mask=MaskTrack.fit(mask, clip), keyframes=tuple(keyframes))
    return material, Settings(**(options | changes))


@settings(max_examples=12)
@given(
    frames=st.integers(1, 20),
    height=st.integers(5, 50),
    width=st.integers(5, 50),
    focus=st.sampled_from(["auto", "native", "enlarge", "off"]),
    task=st.sampled_from(["add", "modify", "delete"]),
)
def test_any_size_and_length_comes_back_with_nothing_changed_outside(
    tiny, frames, height, width, focus, task
):
    asked = request(frames, height, width, focus=focus, task=task, steps=1)
    result = edit_clip(tiny, *asked)
    source, outside = asked[0].clip.frames, result.effective_mask == 0
    assert result.frames.shape == source.shape
    assert torch.equal(result.frames[outside], source[outside])
    assert result.report.max_difference_outside == 0
    assert (result.frames >= 0).all() and (result.frames <= 1).all()
    assert (result.effective_mask >= (asked[0].mask.values > 0.5)).all()


@pytest.mark.parametrize("sampler", ["ddim", "dpm"])
def test_the_same_seed_gives_the_same_bits_whatever_ran_before(tiny, sampler):
    first = edit_clip(tiny, *request(sampler=sampler)).frames
    torch.rand(7)
    edit_clip(tiny, *request(seed=5, sampler=sampler))
    assert torch.equal(edit_clip(tiny, *request(sampler=sampler)).frames, first)


def test_a_clip_of_three_lines_is_edited(tiny):
    """2000x3: scaled to the model and back, at its own size."""
    mask = torch.zeros(1, 3, 2000)
    mask[:, :, 400:700] = 1
    asked = request(frames=2, height=3, width=2000, mask=mask, steps=1)
    result = edit_clip(tiny, *asked)
    assert result.frames.shape == asked[0].clip.frames.shape
    outside = result.effective_mask <= 0.5
    assert torch.equal(result.frames[outside], asked[0].clip.frames[outside])
    assert not torch.equal(result.frames, asked[0].clip.frames)


def test_another_seed_gives_another_result(tiny):
    material, settings = request()
    first = edit_clip(tiny, material, settings).frames
    assert not torch.equal(first, edit_clip(tiny, material, replace(settings, seed=9)).frames)


def test_the_callers_tensors_stay_as_they_were(tiny):
    asked = request()
    frames, mask = asked[0].clip.frames.clone(), asked[0].mask.values.clone()
    edit_clip(tiny, *asked)
    assert torch.equal(asked[0].clip.frames, frames)
    assert torch.equal(asked[0].mask.values, mask)


def test_a_keyframe_is_kept_inside_the_mask_and_ignored_outside(tiny):
    keyframe = still_noise(1, 32, 32, seed=4)[0]
    asked = request(keyframes=(Keyframe(frame=3, pixels=keyframe),), feather=0)
    result = edit_clip(tiny, *asked)
    inside = result.effective_mask[3] == 1
    assert torch.equal(result.frames[3][inside], keyframe[inside])
    assert torch.equal(result.frames[3][~inside], asked[0].clip.frames[3][~inside])


def test_a_finished_keyframe_is_kept_to_its_border_and_another_one_blended(tiny):
    pixels = still_noise(1, 32, 32, seed=4)[0]
    for finished in (True, False):
        keyframe = Keyframe(frame=0, pixels=pixels, finished=finished)
        asked = request(keyframes=(keyframe,), feather=4)
        result = edit_clip(tiny, *asked)
        inside = result.effective_mask[0] == 1
        assert torch.equal(result.frames[0][inside], pixels[inside]) is finished
        assert torch.equal(result.frames[0][~inside], asked[0].clip.frames[0][~inside])


def test_a_keyframe_steers_the_other_frames(tiny):
    dark = request(keyframes=(Keyframe(frame=0, pixels=torch.zeros(32, 32, 3)),))
    light = request(keyframes=(Keyframe(frame=0, pixels=torch.ones(32, 32, 3)),))
    a, b = edit_clip(tiny, *dark).frames[1:], edit_clip(tiny, *light).frames[1:]
    assert not torch.equal(a, b)


def test_progress_names_every_step_with_a_preview(tiny):
    seen: list[Progress] = []
    edit_clip(tiny, *request(frames=17, steps=3), Runtime(report=seen.append))
    steps = [p for p in seen if p.stage == "denoise"]
    assert [(p.window, p.done) for p in steps] == [(w, d) for w in (0, 1) for d in (1, 2, 3)]
    assert all(p.windows == 2 and p.preview is not None for p in steps)
    assert all(0 <= float(p.preview.min()) <= float(p.preview.max()) <= 1 for p in steps)


def test_cancel_stops_within_one_step_and_passes_through(tiny):
    class Cancelled(BaseException):
        pass

    steps = []

    def check() -> None:
        if len(steps) >= 2:
            raise Cancelled

    def note(progress: Progress) -> None:
        if progress.stage == "denoise":
            steps.append(progress.done)

    with pytest.raises(Cancelled):
        edit_clip(tiny, *request(steps=50), Runtime(report=note, check_cancelled=check))
    assert len(steps) == 2


def test_empty_frames_are_copied_and_windows_without_a_mask_cost_nothing(tiny):
    mask = torch.zeros(25, 32, 32)
    mask[20:, 8:16, 8:16] = 1
    seen: list[int] = []
    asked = request(frames=25, mask=mask)
    result = edit_clip(tiny, *asked, Runtime(report=lambda p: seen.append(p.window)))
    assert set(seen[1:]) == {0}
    assert result.report.windows == 1
    assert torch.equal(result.frames[:20], asked[0].clip.frames[:20])


def test_the_report_is_honest_about_an_edit_that_changed_nothing(tiny):
    asked = request(frames=1)
    unchanged = Keyframe(frame=0, pixels=asked[0].clip.frames[0])
    asked = request(frames=1, keyframes=(unchanged,))
    report = edit_clip(tiny, *asked).report
    assert report.nothing_changed
    assert "NOTHING CHANGED" in report_text(report)


def test_unknown_words_are_named(tiny):
    report = edit_clip(tiny, *request(caption="a shiny red zeppelin")).report
    assert any("shiny, zeppelin" in warning for warning in report.warnings)


def test_a_negative_caption_is_read_only_where_guidance_needs_it(tiny):
    for guidance, told in ((1.0, False), (2.0, True)):
        report = edit_clip(
            tiny, *request(caption="a red circle", negative="zeppelin", guidance=guidance)
        ).report
        assert any("zeppelin" in warning for warning in report.warnings) is told


def test_a_mostly_white_mask_warns_of_inversion(tiny):
    report = edit_clip(tiny, *request(mask=torch.ones(9, 32, 32))).report
    assert any("inverted" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 1001}, "steps"),
        ({"caption": " "}, "caption"),
        ({"guidance": -1.0}, "guidance"),
        ({"feather": -1}, "feather"),
        ({"mask": torch.zeros(9, 32, 32)}, "mask"),
        ({"mask": torch.ones(4, 32, 32)}, "mask"),
        ({"mask": torch.ones(9, 32, 30)}, "mask"),
        ({"mask": torch.full((9, 32, 32), torch.nan)}, "mask"),
    ],
)
def test_bad_requests_name_the_argument(changes, argument):
    with pytest.raises(InputError) as caught:
        request(**changes)
    assert argument in caught.value.argument


@pytest.mark.parametrize(
    ("keyframe", "problem"),
    [
        (Keyframe(frame=9, pixels=torch.zeros(32, 32, 3)), "at frame 9, the clip has frames 0 to"),
        (Keyframe(frame=0, pixels=torch.zeros(16, 32, 3)), "is 32x16, the clip is 32x32"),
        (Keyframe(frame=1, pixels=torch.zeros(32, 32, 3)), "empty on frame 1: .* 3 to 8"),
    ],
)
def test_a_keyframe_that_does_not_fit_is_refused(tiny, keyframe, problem):
    mask = torch.zeros(9, 32, 32)
    mask[3:, 4:9, 4:9] = 1
    with pytest.raises(InputError, match=f"keyframe: .*{problem}"):
        edit_clip(tiny, *request(mask=mask, keyframes=(keyframe,)))


def test_nan_pixels_are_refused():
    with pytest.raises(InputError, match="NaN"):
        Clip(frames=torch.full((1, 4, 4, 3), torch.nan))


def test_a_caption_of_5000_words_is_refused_with_the_limit(tiny):
    limit = tiny.max_text_tokens
    with pytest.raises(CaptionError, match=f"5000 words .* reads {limit} tokens: shorten it"):
        edit_clip(tiny, *request(caption="red " * 5000))


def test_a_single_mask_serves_every_frame_and_an_empty_one_none():
    clip = Clip(frames=torch.rand(4, 8, 8, 3))
    one = torch.zeros(8, 8)
    one[2:4] = 1
    assert MaskTrack.fit(one, clip).values.shape == (4, 8, 8)
    with pytest.raises(MaskError, match="white = edit"):
        MaskTrack.fit(torch.zeros(8, 8), clip)


def test_a_model_without_a_mask_input_says_what_to_load(tiny):
    from vivid_core.cogvideox.layout import layout_named

    with pytest.raises(InputError, match="apply a VIVID adapter"):
        edit_clip(tiny.with_(layout=layout_named("t2v")), *request())
    with pytest.raises(InputError, match="only deletes"):
        edit_clip(tiny.with_(layout=layout_named("void")), *request())
