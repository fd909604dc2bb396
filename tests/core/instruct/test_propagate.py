"""An edited frame carried along the source's own noise, on a tiny random image-to-video model."""

from __future__ import annotations

import pytest
import torch

from vivid_core.edit.clip import run_edit
from vivid_core.edit.job import Material
from vivid_core.errors import InputError
from vivid_core.instruct.propagate import plan_inversion
from vivid_core.runtime import Progress, Runtime
from vivid_core.settings import Settings
from vivid_core.video import Clip, Keyframe, MaskTrack

ASKED = Settings(task="propagate", steps=20, guidance=1.0)
SAME = 0.02  # of the range: mean difference of an edit that is none from what the VAE makes of it


def clip_of(frames: int = 9) -> Clip:
    """One noisy picture that slowly brightens, 8 bit."""
    picture = torch.rand(32, 32, 3, generator=torch.Generator().manual_seed(1)) * 0.8
    steps = torch.linspace(0, 0.1, frames).view(-1, 1, 1, 1)
    return Clip(frames=((picture + steps) * 255).round() / 255)


def led(clip: Clip, *edited: tuple[int, torch.Tensor]) -> Material:
    keyframes = tuple(Keyframe(frame=frame, pixels=pixels) for frame, pixels in edited)
    return Material(clip=clip, mask=MaskTrack.of_everything(clip), keyframes=keyframes)


def through_the_vae(model, clip: Clip) -> torch.Tensor:
    from vivid_core.cogvideox.vae import decode, encode

    pixels = clip.frames.permute(3, 0, 1, 2)[None] * 2 - 1
    with torch.no_grad():
        made = decode(model.vae, encode(model.vae, pixels), frames=len(clip))
    return ((made[0].permute(1, 2, 3, 0) + 1) / 2).clamp(0, 1)


def test_without_an_edit_the_source_comes_back(animator):
    """As well as the VAE can show it."""
    clip = clip_of()
    job = plan_inversion(animator, led(clip, (0, clip.frames[0])), ASKED)
    made = run_edit(animator, job).frames
    expected = through_the_vae(animator, clip)
    assert torch.equal(made[0], clip.frames[0])
    assert float((made[1:] - expected[1:]).abs().mean()) < SAME


def test_the_clip_follows_the_edited_frame_whatever_the_seed(animator):
    clip, asked = clip_of(), Settings(task="propagate", steps=3, guidance=1.0)
    seeded = Settings(task="propagate", steps=3, guidance=1.0, seed=7)
    white, black = torch.ones(32, 32, 3), torch.zeros(32, 32, 3)
    seen: list[Progress] = []
    job = plan_inversion(animator, led(clip, (0, white)), asked)
    one = run_edit(animator, job, Runtime(report=seen.append)).frames
    same = run_edit(animator, plan_inversion(animator, led(clip, (0, white)), seeded)).frames
    other = run_edit(animator, plan_inversion(animator, led(clip, (0, black)), asked)).frames
    assert torch.equal(one, same)
    assert not torch.equal(one[1:], other[1:])
    assert [p.done for p in seen if p.stage == "denoise"] == [1, 2, 3, 4, 5, 6]
    assert {p.total for p in seen if p.stage == "denoise"} == {6}


def test_spent_work_is_planned_work(animator):
    asked = Settings(task="propagate", steps=2, guidance=3.0)
    clip = clip_of()
    job = plan_inversion(animator, led(clip, (0, clip.frames[0])), asked)
    report = run_edit(animator, job).report
    assert report.spent_pflops == pytest.approx(report.planned_pflops)


def test_a_frame_in_the_middle_leads_both_ways(animator):
    clip, asked = clip_of(17), Settings(task="propagate", steps=2, guidance=1.0)
    job = plan_inversion(animator, led(clip, (8, torch.ones(32, 32, 3))), asked)
    assert [(w.start, w.stop, w.reverse) for w in job.windows] == [
        (0, 9, True),
        (8, 17, False),
    ]


def test_what_cannot_be_followed_is_told(animator):
    clip = clip_of()
    with pytest.raises(InputError, match="edited: is missing"):
        plan_inversion(animator, led(clip), ASKED)
    cut = torch.cat([clip.frames, clip.frames.flip(1, 3) ** 3 * 0.3])
    two = Clip(frames=(cut * 255).round() / 255)
    with pytest.raises(InputError, match="edited: there is none in frames 9 to 17.*each shot"):
        plan_inversion(animator, led(two, (0, clip.frames[0])), ASKED)
    one = Settings(task="propagate", steps=1)
    with pytest.raises(InputError, match="steps: must be 2 or more to invert"):
        run_edit(animator, plan_inversion(animator, led(clip, (0, clip.frames[0])), one))
