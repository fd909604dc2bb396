"""Colour error against OpenCV's Lab."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vivid_core.metrics.color import color_error, rgb_to_lab


def test_lab_equals_opencv():
    rgb = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(0))
    rgb[0, :20] *= 0.05  # the straight part of both curves
    expected = cv2.cvtColor(rgb.numpy(), cv2.COLOR_RGB2Lab)
    np.testing.assert_allclose(rgb_to_lab(rgb).numpy(), expected, atol=0.6)
    np.testing.assert_allclose(rgb_to_lab(torch.ones(3)).numpy(), [100, 0, 0], atol=0.02)


def test_it_compares_mean_colours_inside_the_mask():
    truth = torch.zeros(2, 4, 4, 3)
    edit = torch.rand(2, 4, 4, 3)
    mask = torch.zeros(2, 4, 4)
    mask[:, :2] = 1
    edit[:, 0], edit[:, 1] = torch.tensor([0.3, 0, 0.4]), torch.tensor([0.3, 0, 0.4]) + 0.2
    edit[:, 1] -= torch.tensor([0.2, 0.2, 0.2])
    error = color_error(edit, truth, mask)
    assert error.rgb == pytest.approx(255 * 0.5, abs=1e-3)
    assert color_error(truth, truth, mask).lab == 0
    black_to_white = color_error(truth + 1, truth, mask)
    assert black_to_white.lab == pytest.approx(100, abs=0.02)
