"""BP: what an edit changes outside its mask, in steps of 255."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import MaskError
from vivid_core.metrics.background import background_l1


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """Frames, and a mask of their left half."""
    frames = torch.rand(3, 8, 10, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(3, 8, 10)
    mask[:, :, :5] = 1
    return frames, mask


def test_what_changes_inside_does_not_count():
    frames, mask = scene()
    edit = frames.clone()
    edit[:, :, :5] = 0.5
    assert background_l1(edit, frames, mask) == 0


@given(st.integers(0, 255))
def test_a_change_of_n_steps_outside_is_n(steps):
    frames, mask = scene()
    change = torch.full_like(frames, steps / 255)
    assert background_l1(frames * 0 + change, frames * 0, mask) == pytest.approx(steps, abs=1e-4)


def test_the_soft_border_of_a_mask_is_inside_and_the_noise_of_a_file_outside():
    frames, mask = scene()
    edit = frames.clone()
    edit[:, :, 5] = 0
    mask[:, :, 5] = 0.3
    mask[:, :, 6] = 0.02
    assert background_l1(edit, frames, mask) == 0
    edit[:, :, 6] = 1
    assert background_l1(edit, frames, mask) > 0


def test_a_mask_of_everything_leaves_nothing_to_measure():
    frames, mask = scene()
    with pytest.raises(MaskError, match="covers every pixel"):
        background_l1(frames, frames, torch.ones_like(mask))
