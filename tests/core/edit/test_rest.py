"""What no frame shows, filled classically or left: no model runs, nothing outside changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivid_core.edit.clip import edit_clip
from vivid_core.edit.cost import estimate_cost
from vivid_core.edit.job import plan_edit
from vivid_core.edit.report import report_text
from vivid_core.errors import InputError
from vivid_core.flow.dis import DisFlow
from vivid_core.runtime import Progress, Runtime
from vivid_core.settings import Settings

from .test_filled import ALWAYS, SOMETIMES, ask, edit_counted, psnr, still_scene


@pytest.mark.parametrize("fill", ["auto", "off"])
def test_classical_fills_without_the_model_and_stays_still(tiny, fill):
    truth, mask = still_scene()
    asked = ask(truth, mask, fill=fill, rest="classical", grow=0)
    result, calls = edit_counted(tiny, asked)
    assert calls == 0
    outside = mask == 0
    assert torch.equal(result.frames[outside], asked[0].clip.frames[outside])
    assert psnr(result.frames, truth, mask > 0.5) > 18  # the object itself: 6
    always = result.frames[(slice(None), *ALWAYS)]
    assert (always[1:] - always[:-1]).abs().mean() < 2 / 255
    report = result.report
    assert (report.windows, report.planned_pflops, report.spent_pflops) == (0, 0, 0)
    assert (report.rest, report.generated_share) == ("classical", 0)
    copied = 0.0 if fill == "off" else 3 * 20 * 16 / float(mask.sum())
    assert report.filled_share == pytest.approx(copied, abs=0.02)
    assert report.filled_share + report.rest_share == pytest.approx(1)
    text = report_text(report)
    assert "classically, from the frame around it" in text
    assert "nothing was generated: the model did not run" in text


def test_leave_keeps_the_source_where_no_frame_shows_more(tiny):
    truth, mask = still_scene()
    asked = ask(truth, mask, rest="leave", grow=0)
    result, calls = edit_counted(tiny, asked)
    assert calls == 0
    always = (slice(None), *ALWAYS)
    assert torch.allclose(result.frames[always], asked[0].clip.frames[always], atol=1 / 65535)
    revealed = torch.zeros_like(mask)
    revealed[(slice(3, 6), *SOMETIMES)] = 1
    assert psnr(result.frames, truth, revealed > 0.5) > 30
    assert "left as it was" in report_text(result.report)


def test_leaving_everything_is_refused():
    with pytest.raises(InputError, match="rest: 'leave' with fill 'off' would leave everything"):
        Settings(task="delete", fill="off", rest="leave")


@pytest.mark.parametrize("rest", ["classical", "leave"])
def test_what_needs_no_model_costs_nothing(tiny, rest):
    truth, mask = still_scene()
    estimate = estimate_cost(tiny, plan_edit(tiny, *ask(truth, mask, rest=rest)))
    assert estimate is not None
    assert (estimate.pflops, estimate.windows) == (0, 0)
    assert "nothing is left for the model to do" in estimate.text


@pytest.mark.parametrize("size", [(64, 96), (12, 40)])
def test_a_single_frame_is_filled_from_itself(tiny, size):
    truth = torch.linspace(0.2, 0.8, size[1]).expand(1, size[0], -1)[..., None].repeat(1, 1, 1, 3)
    mask = torch.zeros(1, *size)
    mask[:, 3:9, 10:20] = 1
    result = edit_clip(tiny, *ask(truth, mask, rest="classical", grow=0))
    assert psnr(result.frames, truth, mask > 0.5) > 30
    assert any("filled classically" in warning for warning in result.report.warnings)


class CountedFlow(DisFlow):
    """DIS that counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def estimate(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().estimate(first, second)


@pytest.mark.parametrize("rest", ["model", "classical"])
def test_another_seed_and_other_steps_do_not_fill_again(tiny, tmp_path: Path, rest):
    truth, mask = still_scene()
    runtime, engine = Runtime(cache=tmp_path), CountedFlow()
    first = edit_clip(tiny, *ask(truth, mask, rest=rest), runtime, flow_engine=engine)
    calls = engine.calls
    again = edit_clip(
        tiny, *ask(truth, mask, rest=rest, seed=3, steps=1), runtime, flow_engine=engine
    )
    assert 0 < calls == engine.calls
    assert again.report.filled_share == first.report.filled_share
    same = edit_clip(tiny, *ask(truth, mask, rest=rest), runtime, flow_engine=engine)
    assert torch.equal(same.frames, first.frames)
    edit_clip(tiny, *ask(truth, mask, rest=rest, grow=1), runtime, flow_engine=engine)
    assert engine.calls > calls


def test_a_fill_that_is_all_there_is_says_so(tiny):
    truth, mask = still_scene()
    told: list[Progress] = []
    edit_clip(tiny, *ask(truth, mask, rest="classical"), Runtime(report=told.append))
    fills = [progress for progress in told if progress.stage == "fill"]
    assert fills and all(progress.alone for progress in fills)
    told.clear()
    edit_clip(tiny, *ask(truth, mask), Runtime(report=told.append))
    assert not any(progress.alone for progress in told)
