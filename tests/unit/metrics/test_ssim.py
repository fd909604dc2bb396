"""SSIM: the paper's formula, beside another way of computing it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter

from vivid_core.errors import MaskError
from vivid_core.metrics.ssim import ssim

RADIUS = 5  # pixels of the window on each side
PICTURES = hnp.arrays(np.float32, (1, 12, 14, 3), elements=st.floats(0, 1, width=32))


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def reference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The map of one channel, by SciPy (Wang et al. 2004, equation 13)."""

    def blur(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, radius=RADIUS, mode="reflect")

    mean_a, mean_b = blur(a), blur(b)
    covariance = blur(a * b) - mean_a * mean_b
    spread = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return above / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))


def test_it_agrees_with_the_formula_everywhere_and_inside_a_mask():
    a, b = noise(0, 2, 20, 24, 3), noise(1, 2, 20, 24, 3)
    maps = np.stack(
        [
            np.stack([reference(x[..., c], y[..., c]) for c in range(3)], -1).mean(-1)
            for x, y in zip(a.double().numpy(), b.double().numpy(), strict=True)
        ]
    )
    assert ssim(a, b) == pytest.approx(maps.mean(), abs=1e-9)
    mask = torch.zeros(2, 20, 24)
    mask[1, 4:9, 3:20] = 1
    assert ssim(a, b, mask) == pytest.approx(maps[1, 4:9, 3:20].mean(), abs=1e-9)


@given(PICTURES, PICTURES)
def test_it_is_symmetric_at_most_one_and_one_for_equals(a, b):
    first, second = torch.from_numpy(a), torch.from_numpy(b)
    assert ssim(first, second) == pytest.approx(ssim(second, first), abs=1e-9)
    assert ssim(first, second) <= 1 + 1e-9
    assert ssim(first, first) == pytest.approx(1)


def test_blur_costs_more_than_the_same_change_of_brightness():
    """What PSNR cannot tell."""
    frames = noise(2, 1, 32, 32, 3)
    flat = frames.mean(dim=(1, 2), keepdim=True).expand_as(frames)
    error = (flat - frames).square().mean().sqrt()
    assert ssim(flat, frames) < 0.2 < ssim(frames + error, frames)


def test_a_mask_that_selects_nothing_is_refused():
    frames = noise(0, 1, 12, 12, 3)
    with pytest.raises(MaskError):
        ssim(frames, frames, torch.zeros(1, 12, 12))
