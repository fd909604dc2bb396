"""End-point error: the length of what two motions differ by."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import MaskError
from vivid_core.metrics.endpoint import endpoint_error

STEPS = st.floats(-50, 50, width=32)


@given(STEPS, STEPS)
def test_a_constant_difference_is_its_length(x, y):
    flow = torch.rand(2, 6, 7, 2)
    other = flow + torch.tensor([x, y])
    error = endpoint_error(other, flow, torch.ones(3, 6, 7))
    assert error == pytest.approx(math.hypot(x, y), rel=1e-4, abs=1e-5)


def test_only_pixels_of_the_mask_count_and_the_last_frame_starts_no_motion():
    flow, mask = torch.zeros(1, 6, 7, 2), torch.zeros(2, 6, 7)
    other = flow.clone()
    other[0, 0, 0] = 9
    mask[0, 3, 3] = 1
    assert endpoint_error(other, flow, mask) == 0
    with pytest.raises(MaskError):
        endpoint_error(other, flow, mask.flip(0))
