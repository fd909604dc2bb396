"""What no frame shows is made once: it stays on the background, and meets its surroundings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vivid_core.flow.fill import fill_background
from vivid_core.flow.rest import Gaps, fill_classically
from vivid_core.flow.spatial import fill_spatially
from vivid_core.metrics.baselines import fill_telea
from vivid_core.metrics.flicker import temporal_flicker
from vivid_core.video import FrameRange

LOGO = (slice(None), slice(60, 76), slice(90, 130))


def logo(frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames with a bar painted over them, and its mask."""
    mask = torch.zeros(frames.shape[:3])
    mask[LOGO] = 1
    broken = frames.clone()
    broken[mask > 0.5] = torch.tensor([0.9, 0.1, 0.1])
    return broken, mask


def psnr(result: torch.Tensor, true: torch.Tensor, where: torch.Tensor) -> float:
    return -10 * math.log10(float((result - true).square()[where].mean()))


@pytest.fixture(scope="module")
def noisy(still_world) -> torch.Tensor:
    """A tripod's view with a camera's noise."""
    noise = torch.randn(8, 144, 216, 3, generator=torch.Generator().manual_seed(0))
    return (still_world.frames[:1] + 0.02 * noise).clamp(0, 1)


def test_it_is_stiller_than_frame_by_frame_and_no_worse(noisy, engine):
    broken, mask = logo(noisy)
    found = fill_background(broken, mask, engine, classical=True)
    telea = fill_telea(broken, mask)
    assert torch.equal(found.never_seen, mask)
    assert torch.equal(found.frames[mask < 0.5], broken[mask < 0.5])
    assert temporal_flicker(found.frames, mask) < 0.5 * temporal_flicker(telea, mask)
    inside = mask > 0.5
    assert psnr(found.frames, noisy, inside) > psnr(telea, noisy, inside) - 0.5


def test_it_follows_the_light(still_world, engine):
    gains = torch.linspace(0.7, 1.1, 6)[:, None, None, None]
    true = (still_world.frames[:1] * gains).clamp(0, 1)
    broken, mask = logo(true)
    found = fill_background(broken, mask, engine, classical=True)
    means = [found.frames[t][mask[t] > 0.5].mean() for t in (0, -1)]
    truths = [true[t][mask[t] > 0.5].mean() for t in (0, -1)]
    assert means[1] / means[0] == pytest.approx(float(truths[1] / truths[0]), rel=0.1)


def test_it_goes_on_over_stretches(still_world, engine):
    """A shot of two stretches: the second goes on with what the first made."""
    frames = still_world.frames[:1].expand(100, -1, -1, -1).contiguous()
    broken, mask = logo(frames)
    found = fill_background(
        broken, mask, engine, classical=True, shots=[FrameRange(start=0, stop=100)]
    )
    joined = found.frames[LOGO]
    assert float((joined[1:] - joined[:-1]).abs().amax()) < 0.02


def test_without_a_path_each_frame_is_filled_from_itself(still_world):
    broken, mask = logo(still_world.frames[:3])
    frames, left = broken.numpy().copy(), (mask > 0.5).numpy()
    gaps = Gaps(frames=frames, left=left.copy(), hidden=left & False, start=0)
    last = fill_classically(gaps, None, None)
    assert last is not None and last.t == 2
    assert not gaps.left.any()
    for t in range(3):
        assert np.array_equal(frames[t], fill_spatially(broken[t].numpy(), left[t]))


def test_where_nothing_is_open_nothing_is_done(still_world):
    frames = still_world.frames[:2].numpy().copy()
    none = np.zeros(frames.shape[:3], np.bool_)
    gaps = Gaps(frames=frames, left=none.copy(), hidden=none, start=0)
    assert fill_classically(gaps, None, None) is None
    assert np.array_equal(frames, still_world.frames[:2].numpy())
