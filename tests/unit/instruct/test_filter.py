"""Whether an edited clip is kept, and every reason why not."""

from __future__ import annotations

import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.flow.dis import DisFlow
from vivid_core.instruct.filter import (
    Thresholds,
    count_reasons,
    filter_edit,
)


def moving(step: int, frames: int = 5, side: int = 48) -> torch.Tensor:
    """A pattern of 4x4 blocks that moves `step` pixels to the right from frame to frame."""
    noise = torch.rand(side // 4, 2 * side // 4, 3, generator=torch.Generator().manual_seed(3))
    wide = noise.repeat_interleave(4, dim=0).repeat_interleave(4, dim=1)
    return torch.stack([wide.roll(step * t, dims=1)[:, :side] for t in range(frames)])


class Judge:
    digest = "judge"

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self.pictures: list[int] = []

    def ask(self, picture, words: str) -> str:
        self.pictures.append(len(picture))
        return self._answer


def verdict(source: torch.Tensor, edit: torch.Tensor, answer: str = "", **limits: float):
    judge = Judge(answer) if answer else None
    return filter_edit(
        source, edit, "make it darker", Thresholds(**limits), flow=DisFlow(), judge=judge
    )


def test_an_edit_that_moves_as_its_source_and_is_liked_passes():
    source = moving(2)
    found = verdict(source, source * 0.8, "{'score': 4, 'problems': ''}")
    assert found.passed
    assert found.epe < 0.5
    assert found.report.startswith("passed\nscore: 4 of 5\n")


def test_every_reason_is_named():
    source = moving(2)
    still = source[:1].expand(5, -1, -1, -1)
    found = verdict(source, still * 0.8, "{'score': 2, 'problems': 'frozen'}", highest_epe=1.0)
    assert found.reasons == ("low score", "other motion")
    assert found.epe == pytest.approx(2, abs=0.7)
    assert "score: 2 of 5 (frozen)" in found.report
    assert verdict(source, source.clone()).reasons == ("nothing changed",)
    silent = verdict(source, source * 0.8, "hm")
    assert silent.reasons == ("no usable score",)
    assert "no usable score in 3 answers" in silent.report
    assert count_reasons([found, silent, silent, verdict(source, source * 0.8)]) == {
        "no usable score": 2,
        "low score": 1,
        "other motion": 1,
        "passed": 1,
    }


def test_one_frame_has_no_motion_and_needs_no_flow():
    source = moving(2, frames=1)
    found = verdict(source, source * 0.8)
    assert (found.passed, found.epe) == (True, None)
    assert "not measured, needs two frames" in found.report


def test_the_judge_sees_three_frames_of_each():
    source, judge = moving(1), Judge("{'score': 3}")
    limits = Thresholds()
    filter_edit(source, source * 0.8, "darker", limits, flow=DisFlow(), judge=judge)
    one = source[:1]
    filter_edit(one, one * 0.8, "darker", limits, flow=DisFlow(), judge=judge)
    assert judge.pictures == [6, 2]


def test_an_edit_of_another_size_or_length_is_refused():
    source = moving(1)
    with pytest.raises(InputError, match="edit: is 4 frames of 48x48, the source 5 of 48x48"):
        verdict(source, source[:4])
    for limits, name in (({"lowest_score": 6}, "lowest_score"), ({"highest_epe": -1.0}, "epe")):
        with pytest.raises(InputError, match=name):
            Thresholds(**limits)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_pixels_that_are_no_numbers_are_refused(value: float):
    source = moving(1)
    broken = source.clone()
    broken[2, 3, 4, 0] = value
    with pytest.raises(InputError, match="edit: holds pixels that are NaN or infinite"):
        verdict(source, broken)
    with pytest.raises(InputError, match="source: holds pixels that are NaN or infinite"):
        verdict(broken, source)
