"""Background error looks outside the mask only."""

from __future__ import annotations

import pytest
import torch

from vivid_core.metrics.background import background_error


def test_the_largest_and_the_mean_difference_outside():
    source, mask = torch.rand(2, 6, 6, 3) * 0.5, torch.zeros(2, 6, 6)
    mask[:, 2:4, 2:4] = 1
    edit = source.clone()
    edit[:, 2:4, 2:4] += 0.4
    assert background_error(source, edit, mask).maximum == 0
    edit[1, 0, 0, 2] += 0.25
    error = background_error(source, edit, mask)
    assert error.maximum == pytest.approx(0.25)
    assert error.mean == pytest.approx(0.25 / (2 * 32 * 3))


def test_a_mask_of_everything_leaves_nothing_to_spoil():
    source = torch.rand(1, 4, 4, 3)
    assert background_error(source, source + 1, torch.ones(1, 4, 4)).maximum == 0
