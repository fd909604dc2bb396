"""Dense inverse search: direction, units, repeatability, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivid_core.errors import InputError, SizeError
from vivid_core.flow.dis import DisFlow
from vivid_core.flow.engine import FlowEngine


def noise(seed: int = 0) -> torch.Tensor:
    """A cloudy picture with detail everywhere."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 3, 40, 50))).float()
    smooth = torch.nn.functional.interpolate(coarse, (120, 150), mode="bicubic")
    return smooth[0].permute(1, 2, 0).clamp(0, 1).contiguous()


@pytest.mark.parametrize("preset", ["fast", "medium"])
def test_flow_says_where_pixels_went_in_pixels(preset):
    first = noise()
    second = torch.roll(first, (2, 5), (0, 1))  # down 2, right 5
    flow = DisFlow(preset).estimate(first, second)
    assert flow.shape == (120, 150, 2)
    assert flow.dtype == torch.float32
    middle = flow[30:-30, 30:-30].reshape(-1, 2).median(dim=0).values
    assert middle.tolist() == pytest.approx([5, 2], abs=0.15)


def test_the_same_frames_give_the_same_flow_whatever_ran_before():
    engine, first = DisFlow(), noise()
    second = torch.roll(first, 3, 1)
    flow = engine.estimate(first, second)
    engine.estimate(noise(1), noise(2))
    assert torch.equal(engine.estimate(first, second), flow)


def test_frames_that_do_not_fit_are_refused():
    engine = DisFlow()
    with pytest.raises(InputError, match="one is 150x120 and the other 150x100"):
        engine.estimate(noise(), noise()[:100])
    with pytest.raises(SizeError, match="150x8 is too small.*at least 16x16"):
        engine.estimate(noise()[:8], noise()[:8])


def test_it_is_an_engine():
    assert isinstance(DisFlow(), FlowEngine)
