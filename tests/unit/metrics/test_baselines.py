"""The fills change the hole and nothing else."""

from __future__ import annotations

import pytest
import torch

from vivid_core.metrics.baselines import fill_mean_color, fill_telea
from vivid_core.metrics.psnr import psnr

FILLS = [fill_telea, fill_mean_color]


def ramp_with_hole() -> tuple[torch.Tensor, torch.Tensor]:
    ramp = torch.linspace(0.2, 0.7, 32).expand(2, 32, 32)[..., None].expand(2, 32, 32, 3).clone()
    mask = torch.zeros(2, 32, 32)
    mask[0, 10:18, 10:18] = 1
    return ramp, mask


@pytest.mark.parametrize("fill", FILLS)
def test_only_the_hole_changes_and_its_content_is_not_looked_at(fill):
    frames, mask = ramp_with_hole()
    frames[0, 10:18, 10:18] = torch.rand(8, 8, 3)
    before = frames.clone()
    filled = fill(frames, mask)
    assert torch.equal(frames, before)
    assert torch.equal(filled[mask == 0], frames[mask == 0])
    frames[0, 10:18, 10:18] = 0
    assert torch.equal(fill(frames, mask), filled)


def test_telea_continues_a_ramp_and_the_mean_does_not():
    frames, mask = ramp_with_hole()
    assert psnr(fill_telea(frames, mask), frames, mask) > 32
    assert psnr(fill_mean_color(frames, mask), frames, mask) < 27


@pytest.mark.parametrize("fill", FILLS)
def test_a_hole_of_the_whole_frame_gives_no_nan(fill):
    frames = torch.rand(1, 8, 8, 3)
    assert torch.isfinite(fill(frames, torch.ones(1, 8, 8))).all()
