"""Colours pulled to those of a first frame, inside the mask only."""

from __future__ import annotations

import pytest
import torch

from vivid_core.edit.color import LARGEST_SHIFT, ColorStats, pull_colors
from vivid_core.edit.composite import composite

SIZE = (3, 24, 24)


def region() -> torch.Tensor:
    mask = torch.zeros(SIZE)
    mask[:, 6:18, 6:18] = 1
    return mask


def texture(seed: int) -> torch.Tensor:
    values = torch.rand(*SIZE, 3, generator=torch.Generator().manual_seed(seed))
    return 0.35 + 0.3 * values


def test_a_drift_of_mean_and_contrast_is_taken_back():
    source, mask = texture(0), region()
    first = composite(source, texture(1), mask, feather=0)
    drifted = composite(source, (texture(1) - 0.5) * 0.9 + 0.55, mask, feather=0)
    target = ColorStats.of(first, mask > 0)
    pulled = pull_colors(drifted, source, mask, target, feather=0)
    assert torch.allclose(pulled, first, atol=1e-4)


@pytest.mark.parametrize("feather", [0, 3])
def test_outside_stays_exactly(feather):
    source, mask = texture(0), region()
    edited = composite(source, texture(1) * 0.5, mask, feather=feather)
    target = ColorStats(mean=(0.9, 0.1, 0.5), spread=(0.3, 0.01, 0.1))
    pulled = pull_colors(edited, source, mask, target, feather=feather)
    assert torch.equal(pulled[mask == 0], source[mask == 0])
    assert not torch.equal(pulled, edited)


def test_at_a_feathered_border_the_edit_changes_only_by_its_share():
    source, mask = torch.full((*SIZE, 3), 0.2), region()
    edited = composite(source, torch.full((*SIZE, 3), 0.6), mask, feather=3)
    found = ColorStats.of(edited, mask > 0)
    target = ColorStats(mean=tuple(m + 0.04 for m in found.mean), spread=found.spread)
    step = pull_colors(edited, source, mask, target, feather=3) - edited
    assert torch.allclose(step[0, 12, 12], torch.tensor(0.04), atol=1e-5)
    assert torch.allclose(step[0, 6, 12], torch.tensor(0.01), atol=1e-5)


def test_a_true_change_of_scene_is_not_undone():
    source, mask = texture(0), region()
    edited = composite(source, torch.full((*SIZE, 3), 0.2), mask, feather=0)
    target = ColorStats(mean=(0.9, 0.9, 0.9), spread=(0.0, 0.0, 0.0))
    pulled = pull_colors(edited, source, mask, target, feather=0)
    assert float((pulled - edited).abs().max()) <= LARGEST_SHIFT + 1e-6


def test_nothing_selected_changes_nothing():
    source = texture(0)
    target = ColorStats(mean=(0.5,) * 3, spread=(0.1,) * 3)
    assert torch.equal(pull_colors(source, source, torch.zeros(SIZE), target, feather=2), source)
