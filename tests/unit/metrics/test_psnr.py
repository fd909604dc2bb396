"""PSNR over a clip and inside a hole."""

from __future__ import annotations

import math

import pytest
import torch

from vivid_core.errors import MaskError
from vivid_core.metrics.psnr import psnr


def test_a_constant_error_of_a_tenth_is_twenty_decibels():
    truth = torch.rand(2, 8, 8, 3) * 0.5
    assert psnr(truth + 0.1, truth) == pytest.approx(20, abs=1e-4)
    assert psnr(truth, truth) == math.inf


def test_only_the_hole_counts():
    truth = torch.zeros(2, 8, 8, 3)
    edit = truth.clone()
    mask = torch.zeros(2, 8, 8)
    mask[:, :2] = 1
    edit[:, :2] = 0.1
    assert psnr(edit, truth, mask) == pytest.approx(20, abs=1e-4)
    assert psnr(edit, truth) == pytest.approx(20 + 10 * math.log10(4), abs=1e-4)
    assert psnr(edit, truth, 1 - mask) == math.inf


def test_an_empty_hole_is_an_error_not_a_nan():
    with pytest.raises(MaskError, match="selects nothing to measure"):
        psnr(torch.zeros(1, 4, 4, 3), torch.zeros(1, 4, 4, 3), torch.zeros(1, 4, 4))
