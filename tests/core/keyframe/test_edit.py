"""Candidates of one frame: cheap, reproducible, and the source around the mask."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vivid_core.edit.cost import estimate_cost
from vivid_core.edit.job import Material, plan_edit
from vivid_core.errors import CaptionError, InputError, MaskError
from vivid_core.keyframe.edit import batch_size, candidate_sheet, edit_keyframe
from vivid_core.runtime import Progress, Runtime
from vivid_core.settings import Settings
from vivid_core.video import Clip, MaskTrack

from ..painter import Painter

CAPTIONS = ("a red circle", "a blue square")


def request(**changes) -> tuple[Material, Settings]:
    picture = torch.rand(1, 32, 48, 3, generator=torch.Generator().manual_seed(0))
    clip = Clip(frames=picture.expand(9, -1, -1, -1))
    mask = torch.zeros(9, 32, 48)
    mask[2:, 8:20, 10:30] = 1
    options = {"task": "add", "caption": CAPTIONS[0], "steps": 2, "seed": 5}
    return Material(clip=clip, mask=MaskTrack.fit(mask, clip)), Settings(**(options | changes))


def test_captions_in_turn_and_seeds_rising(tiny):
    result = edit_keyframe(tiny, *request(), frame=4, captions=CAPTIONS, candidates=2)
    made = [(candidate.caption, candidate.seed) for candidate in result.candidates]
    assert made == [(caption, seed) for caption in CAPTIONS for seed in (5, 6)]
    pixels = [candidate.pixels for candidate in result.candidates]
    assert all(not torch.equal(a, b) for i, a in enumerate(pixels) for b in pixels[:i])


def test_around_the_mask_every_candidate_is_the_source(tiny):
    asked = request(grow=2)
    result = edit_keyframe(tiny, *asked, frame=4, candidates=3)
    outside = result.mask == 0
    assert 0 < outside.sum() < outside.numel()
    for candidate in result.candidates:
        assert torch.equal(candidate.pixels[outside], asked[0].clip.frames[4][outside])


@pytest.mark.parametrize("sampler", ["ddim", "dpm"])
def test_a_candidate_is_the_same_alone_and_in_a_batch(tiny, sampler):
    asked = request(sampler=sampler)
    batch = edit_keyframe(tiny, *asked, frame=4, candidates=3).candidates
    alone = edit_keyframe(tiny, *request(sampler=sampler, seed=batch[2].seed), frame=4).candidates[
        0
    ]
    assert torch.allclose(batch[2].pixels, alone.pixels, atol=1e-4)


def test_more_candidates_than_a_batch_holds(tiny):
    many = batch_size(tiny, (32, 32), request()[1]) + 1
    seen: list[Progress] = []
    result = edit_keyframe(
        tiny, *request(steps=1), frame=4, candidates=many, runtime=Runtime(report=seen.append)
    )
    assert len(result.candidates) == many
    assert {p.windows for p in seen if p.stage == "denoise"} == {2}


def test_the_report_names_both_costs(tiny):
    result = edit_keyframe(tiny, *request(), frame=4)
    whole = estimate_cost(tiny, plan_edit(tiny, *request()))
    assert result.cost.pflops == whole.pflops > result.candidate_pflops
    ratio = f"{whole.pflops / result.candidate_pflops:.0f} times as much"
    assert ratio in result.report


def test_of_unknown_costs_the_report_names_the_frames():
    result = edit_keyframe(Painter(counts=False), *request(), frame=4)
    assert result.cost is None
    assert "makes 1 frame(s) for a candidate, 7 for the edit of the clip" in result.report


def test_the_sheet_shows_every_candidate(tiny):
    few = edit_keyframe(tiny, *request(steps=1), frame=4, candidates=2)
    more = replace(few, candidates=few.candidates * 3)
    assert candidate_sheet(more).shape[0] > candidate_sheet(few).shape[0]
    assert candidate_sheet(more).shape[1] > candidate_sheet(few).shape[1]


def test_what_cannot_be_made_is_refused(tiny):
    with pytest.raises(InputError, match="frame: is 9, the clip has frames 0 to 8"):
        edit_keyframe(tiny, *request(), frame=9)
    with pytest.raises(MaskError, match="empty on frame 1: choose one of frames 2 to 8"):
        edit_keyframe(tiny, *request(), frame=1)
    with pytest.raises(CaptionError, match="caption"):
        edit_keyframe(tiny, *request(), frame=4, captions=["a red circle", " "])
    with pytest.raises(InputError, match="candidates"):
        edit_keyframe(tiny, *request(), frame=4, candidates=0)
