"""Work told as time on this machine: what is measured, and the words of the report."""

from __future__ import annotations

import math
import re
import time
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.edit.cost import CostEstimate, estimate_cost
from vivid_core.edit.job import plan_unseen
from vivid_core.edit.speed import matmul_speed
from vivid_core.inpainter import USUAL_SHARE
from vivid_core.settings import Settings
from vivid_core.tiny import load_tiny

from ..painter import Painter

CPU = torch.device("cpu")
LONGEST_MEASURE = 5.0  # seconds: 0.2 is meant; other programs may run


@pytest.fixture(scope="module")
def tiny() -> CogVideoX:
    return load_tiny()


def plan(model: Any, *, speed: float | None, mask: Any = None, **settings: Any) -> CostEstimate:
    asked = Settings(**{"task": "delete"} | settings)
    job = plan_unseen(model, asked, frames=17, size=(64, 64), mask=mask)
    cost = estimate_cost(model, job, speed=speed)
    assert cost is not None
    return cost


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_machine_is_measured_once_and_soon(dtype: torch.dtype) -> None:
    matmul_speed.cache_clear()
    begun = time.perf_counter()
    speed = matmul_speed(CPU, dtype)
    measured = time.perf_counter()
    assert math.isfinite(speed) and speed > 1e6  # any computer of this century
    assert measured - begun < LONGEST_MEASURE
    assert matmul_speed(CPU, dtype) == speed
    assert time.perf_counter() - measured < (measured - begun) / 2


def test_measuring_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    matmul_speed.cache_clear()
    torch.manual_seed(0)
    matmul_speed(CPU, torch.float32)
    assert torch.equal(torch.rand(1), expected)


@settings(max_examples=5)  # each plans twice
@given(speed=st.floats(1e6, 1e18), steps=st.integers(1, 1000))
def test_time_is_never_nothing_and_follows_the_speed(
    tiny: CogVideoX, speed: float, steps: int
) -> None:
    cost, twice = plan(tiny, speed=speed, steps=steps), plan(tiny, speed=2 * speed, steps=steps)
    assert cost.seconds is not None and twice.seconds is not None
    assert 0 < cost.seconds < math.inf
    assert cost.seconds == pytest.approx(2 * twice.seconds)
    assert cost.seconds > cost.pflops * 1e15 / speed  # no network is as fast as a matrix product


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "under a second"),
        (3.2, "about 3 seconds"),
        (119, "about 119 seconds"),
        (125, "about 2 minutes"),
        (90 * 60, "about 90 minutes"),
        (16.2 * 3600, "about 16 hours"),
        (7 * 86400, "about 7 days"),
    ],
)
def test_the_report_says_how_long_it_takes_here(
    tiny: CogVideoX, seconds: float, words: str
) -> None:
    effort = plan(tiny, speed=1.0, steps=20).work.effort_pflops
    first = plan(tiny, speed=effort * 1e15 / seconds, steps=20).text.splitlines()[0]
    assert re.match(rf"Cost: [\d.]+ [GT]FLOPs, {words} on this machine \(", first)


@pytest.mark.parametrize(
    ("speed", "words"), [(6.5e14, "650"), (4.14e13, "41"), (2.5e12, "2.5"), (6e10, "0.06")]
)
def test_the_report_says_what_was_measured(tiny: CogVideoX, speed: float, words: str) -> None:
    assert f"({words} TFLOPS measured)" in plan(tiny, speed=speed).text


def test_nobody_is_told_a_time_that_was_not_measured(tiny: CogVideoX) -> None:
    cost = plan(tiny, speed=None)
    assert cost.seconds is None and "machine" not in cost.text


def test_an_edit_with_nothing_to_do_takes_no_time(tiny: CogVideoX) -> None:
    mask = torch.zeros(17, 64, 64)
    mask[0] = 1
    one = plan(tiny, speed=1e12, mask=mask)
    assert one.seconds is not None and one.seconds < (plan(tiny, speed=1e12).seconds or 0)


def test_a_model_that_knows_only_its_work_is_taken_to_reach_the_usual_share() -> None:
    model = Painter()
    cost = plan(model, speed=1e12)
    assert cost.seconds == pytest.approx(cost.pflops * 1e15 / 1e12 / USUAL_SHARE)
