"""A thing cut out of its frame: its own pixels, nothing else's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import MaskError
from vivid_core.perceive.crop import masked_crop


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.9))
def test_a_crop_holds_all_selected_pixels_and_blank(seed, share):
    random = np.random.default_rng(seed)
    frame = random.integers(1, 256, (14, 17, 3), np.uint8)
    mask = random.random((14, 17)) < share
    mask[4, 5] = True
    crop = masked_crop(frame, mask)
    assert (crop > 0).all(axis=2).sum() == mask.sum()
    assert crop.astype(int).sum() == frame[mask].astype(int).sum()


def test_a_small_thing_gets_a_small_crop(frame):
    mask = np.zeros((100, 100), bool)
    mask[40:60, 50:75] = True
    assert masked_crop(frame(100, 100), mask).shape == (24, 29, 3)


@pytest.mark.parametrize("mask", [np.zeros((6, 8), bool), np.ones((5, 8), bool)])
def test_an_empty_or_foreign_mask_is_refused(frame, mask):
    with pytest.raises(MaskError):
        masked_crop(frame(6, 8), mask)
