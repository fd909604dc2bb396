"""One frame at several strengths of guidance: candidates like those of keyframes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.edit.job import Material
from vivid_core.errors import InputError
from vivid_core.instruct.sweep import Sweep, sweep_guidance, sweep_sheet
from vivid_core.keyframe.library import CandidateLibrary, Choice, pick
from vivid_core.runtime import Progress, Runtime
from vivid_core.settings import Settings
from vivid_core.video import Clip, MaskTrack

ASKED = Settings(task="instruct", caption="make the red circle blue", steps=2, seed=3)


def everywhere(frames: int = 3) -> Material:
    generator = torch.Generator().manual_seed(1)
    clip = Clip(frames=(torch.rand(frames, 32, 32, 3, generator=generator) * 255).round() / 255)
    return Material(clip=clip, mask=MaskTrack.of_everything(clip))


@given(
    text=st.tuples(st.floats(0, 20), st.floats(0, 20)),
    video=st.tuples(st.floats(0, 20), st.floats(0, 20)),
    count=st.integers(1, 64),
)
def test_values_go_from_end_to_end_in_even_steps(text, video, count):
    scales = Sweep(text=text, video=video, count=count).scales
    assert len(scales) == count
    for (low, high), values in zip((text, video), zip(*scales, strict=True), strict=True):
        assert values[0] == low
        assert values[-1] == pytest.approx(high if count > 1 else low)
        steps = [b - a for a, b in zip(values, values[1:], strict=False)]
        assert all(step == pytest.approx(steps[0], abs=1e-9) for step in steps)


def test_the_papers_six_values_are_the_default():
    assert [text for text, _ in Sweep().scales] == [3, 4, 5, 6, 7, 8]
    assert {video for _, video in Sweep().scales} == {1.2}
    with pytest.raises(InputError, match="count: is 0"):
        Sweep(count=0)


@pytest.mark.parametrize("scales", [(3.0, 101.0), (-1.0, 3.0), (float("nan"), 3.0)])
@pytest.mark.parametrize("name", ["text", "video"])
def test_scales_that_no_model_takes_are_refused_at_once(name, scales):
    with pytest.raises(InputError, match=f"{name} guidance: must be 0 to 100"):
        Sweep(**{name: scales})


def test_each_candidate_is_of_one_frame_and_noise_and_tells_its_guidance(instructed, tmp_path):
    seen: list[Progress] = []
    material, sweep = everywhere(), Sweep(text=(3.0, 8.0), count=3)
    runtime = Runtime(report=seen.append)
    result = sweep_guidance(instructed, material, ASKED, frame=1, sweep=sweep, runtime=runtime)
    about = [candidate.about for candidate in result.candidates]
    assert about == ["text 3, video 1.2", "text 5.5, video 1.2", "text 8, video 1.2"]
    assert {candidate.seed for candidate in result.candidates} == {3}
    first, *others = [candidate.pixels for candidate in result.candidates]
    assert not any(torch.equal(first, other) for other in others)
    assert {p.window for p in seen if p.stage == "denoise"} == {0, 1, 2}
    again = sweep_guidance(instructed, material, ASKED, frame=1, sweep=Sweep(count=1))
    assert torch.equal(again.candidates[0].pixels, first)
    sheet = sweep_sheet(result)
    assert sheet.shape[1] > 3 * 32
    _is_understood_by_pick_keyframe(result, tmp_path)


def _is_understood_by_pick_keyframe(result, folder: Path) -> None:
    library = CandidateLibrary(folder)
    library.keep("sweep", result.candidates, frame=result.frame, task="instruct")
    batch = torch.stack([candidate.pixels for candidate in result.candidates])
    picked = pick(batch, Choice(number=2), library)
    assert picked.record is not None
    assert (picked.record.frame, picked.record.task) == (1, "instruct")
    assert picked.record.caption == ASKED.caption


def test_a_model_with_one_scale_takes_the_texts(tiny):
    asked = Settings(task="modify", caption="a red circle", steps=1)
    result = sweep_guidance(tiny, everywhere(1), asked, sweep=Sweep(count=2))
    assert [candidate.about for candidate in result.candidates] == ["text 3", "text 8"]


def test_a_frame_outside_the_clip_is_refused(instructed):
    with pytest.raises(InputError, match="frame: is 3, the clip has frames 0 to 2"):
        sweep_guidance(instructed, everywhere(), ASKED, frame=3)
