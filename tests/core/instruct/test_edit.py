"""Edits by instruction on a tiny random model: promises that hold whatever the weights are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.chain.journal import Journal
from vivid_core.edit.clip import edit_clip, run_edit
from vivid_core.edit.job import Material, plan_edit
from vivid_core.errors import CaptionError, InputError
from vivid_core.inpainter import Region
from vivid_core.runtime import Progress, Runtime
from vivid_core.settings import Settings
from vivid_core.video import Clip, Keyframe, MaskTrack

ASKED = Settings(
    task="instruct", caption="make the red circle blue", steps=2, guidance=(7.5, 1.2), seed=3
)


def clip_of(frames: int = 9, height: int = 32, width: int = 32) -> Clip:
    """One noisy picture that slowly brightens, 8 bit: nothing that looks like a cut."""
    picture = torch.rand(height, width, 3, generator=torch.Generator().manual_seed(1)) * 0.8
    steps = torch.linspace(0, 0.1, frames).view(-1, 1, 1, 1)
    return Clip(frames=((picture + steps) * 255).round() / 255)


def everywhere(clip: Clip, **given: object) -> Material:
    return Material(clip=clip, mask=MaskTrack.of_everything(clip), **given)


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 32, 32), (7, 21, 50), (20, 32, 32)])
def test_any_size_and_length_comes_back_whole(instructed, frames, height, width):
    clip = clip_of(frames, height, width)
    result = edit_clip(instructed, everywhere(clip), ASKED)
    assert result.frames.shape == clip.frames.shape
    assert bool((result.frames != clip.frames).flatten(1).any(dim=1).all())
    assert not any("inverted" in warning for warning in result.report.warnings)


def test_with_a_mask_the_edit_is_confined_to_it(instructed):
    clip, mask = clip_of(), torch.zeros(9, 32, 32)
    mask[:, 8:20, 10:24] = 1
    result = edit_clip(instructed, Material(clip=clip, mask=MaskTrack(values=mask)), ASKED)
    outside = mask == 0
    assert torch.equal(result.frames[outside], clip.frames[outside])
    assert not torch.equal(result.frames, clip.frames)
    assert result.report.max_difference_outside == 0


def test_a_mask_on_the_task_of_everything_still_warns_of_inversion(instructed):
    mask = torch.ones(9, 32, 32)
    mask[:, :8] = 0
    material = Material(clip=clip_of(), mask=MaskTrack(values=mask))
    warnings = edit_clip(instructed, material, ASKED).report.warnings
    assert any("inverted" in warning for warning in warnings)


def test_the_last_frame_of_a_window_leads_the_next(instructed):
    """Frames 0 to 8, then 8 to 16, of which 8 is finished: another first window, another second."""
    clip = clip_of(17)
    job = plan_edit(instructed, everywhere(clip), ASKED)
    assert [(w.start, w.stop, w.known) for w in job.windows] == [(0, 9, ()), (8, 17, (8,))]
    first = edit_clip(instructed, everywhere(clip), ASKED).frames
    given = tuple(Keyframe(frame=8, pixels=torch.full((32, 32, 3), v)) for v in (0.0, 1.0))
    dark, light = (
        edit_clip(instructed, everywhere(clip, keyframes=(keyframe,)), ASKED).frames
        for keyframe in given
    )
    assert not torch.equal(dark[9:], light[9:])
    assert not torch.equal(dark[9:], first[9:])
    assert bool((dark[8] == 0).all())


def test_a_known_first_frame_is_held_and_the_source_is_read_as_it_was(instructed):
    """What is held is the edited frame; what is read beside the noise is the source."""
    clip = clip_of()
    seen: list[Region] = []

    class Watched(type(instructed)):
        def inpaint(self, region, *rest, **named):
            seen.append(region)
            return super().inpaint(region, *rest, **named)

    watched = Watched(**{name: getattr(instructed, name) for name in instructed.__dict__})
    white = Keyframe(frame=0, pixels=torch.ones(32, 32, 3))
    edit_clip(watched, everywhere(clip, keyframes=(white,)), ASKED)
    (region,) = seen
    assert region.starts_finished
    assert bool((region.pixels[0] == 1).all())
    assert torch.equal(region.before, clip.frames)


def test_a_cut_starts_afresh(instructed):
    one, other = clip_of(9).frames, clip_of(9).frames.flip(1, 3) ** 3 * 0.3
    two = (torch.cat([one, other]) * 255).round() / 255
    alone = edit_clip(instructed, everywhere(Clip(frames=one)), ASKED).frames
    job = plan_edit(instructed, everywhere(Clip(frames=two)), ASKED)
    assert [(w.start, w.known) for w in job.windows] == [(0, ()), (9, ())]
    both = run_edit(instructed, job).frames
    assert torch.equal(both[:9], alone)


def test_a_stopped_edit_goes_on_and_gives_the_same_pixels(instructed, tmp_path: Path):
    class Stop(Exception):
        pass

    clip = clip_of(17)
    job = plan_edit(instructed, everywhere(clip), ASKED)
    whole = run_edit(instructed, job).frames

    def stop(progress: Progress) -> None:
        if progress.window == 1:
            raise Stop

    with pytest.raises(Stop):
        run_edit(instructed, job, Runtime(report=stop), store=Journal(tmp_path, Fraction(8)))
    windows: list[int] = []
    note = Runtime(report=lambda p: windows.append(p.window) if p.stage == "denoise" else None)
    again = run_edit(instructed, job, note, store=Journal(tmp_path, Fraction(8))).frames
    assert set(windows) == {1}
    assert torch.equal(again, whole)


def test_both_scales_and_the_formula_change_the_result(instructed):
    material = everywhere(clip_of())
    results = [
        edit_clip(instructed, material, replace(ASKED, **change)).frames
        for change in (
            {},
            {"guidance": (4.0, 1.2)},
            {"guidance": (7.5, 2.0)},
            {"guidance_formula": "paper"},
            {"seed": 4},
        )
    ]
    for i, one in enumerate(results):
        assert not any(torch.equal(one, other) for other in results[:i])
    plain = edit_clip(instructed, material, replace(ASKED, guidance=7.5)).frames
    assert torch.equal(plain, results[0])  # the video's own scale where none is given


def test_bad_instructions_are_refused(instructed):
    with pytest.raises(CaptionError, match="instruction: is empty: say what to change"):
        replace(ASKED, caption=" ")
    with pytest.raises(CaptionError, match="instruction: has 5000 words"):
        edit_clip(instructed, everywhere(clip_of()), replace(ASKED, caption="red " * 5000))
    with pytest.raises(InputError, match="guidance: has 3 scales, .* takes 2: caption, video"):
        edit_clip(instructed, everywhere(clip_of()), replace(ASKED, guidance=(1.0, 1.0, 1.0)))


def test_a_model_of_another_layout_says_where_it_goes(tiny, instructed, animator):
    material = everywhere(clip_of())
    with pytest.raises(InputError, match="vivid model.*Vivid Edit Video.*instruction adapter"):
        edit_clip(tiny, material, ASKED)
    masked = Settings(task="modify", caption="a red circle")
    with pytest.raises(InputError, match="insvie model.*Vivid Edit By Instruction.*VIVID"):
        edit_clip(instructed, material, masked)
    for asked in (masked, ASKED):
        with pytest.raises(InputError, match="i2v model.*Vivid Propagate Edit"):
            edit_clip(animator, material, asked)
