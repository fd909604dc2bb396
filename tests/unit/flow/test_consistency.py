"""The forward-backward check is the published one."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.flow.consistency import find_consistent

HEIGHT, WIDTH = 20, 30
lengths = st.floats(-6, 6)


def constant(x: float, y: float) -> torch.Tensor:
    return torch.tensor([x, y], dtype=torch.float32).expand(HEIGHT, WIDTH, 2).contiguous()


def inside(x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    across = (columns + np.float32(x) >= -0.5) & (columns + np.float32(x) <= WIDTH - 0.5)
    return across & (rows + np.float32(y) >= -0.5) & (rows + np.float32(y) <= HEIGHT - 0.5)


@given(x=lengths, y=lengths)
def test_motion_and_its_opposite_agree_wherever_the_pixel_stays_in_the_frame(x, y):
    found = find_consistent(constant(x, y), constant(-x, -y)).numpy()
    assert np.array_equal(found, inside(x, y))


@given(x=lengths, y=lengths, error=st.floats(0, 3))
def test_the_limit_is_the_published_criterion(x, y, error):
    f, b = np.array([x, y]), np.array([error - x, -y])
    limit = 0.01 * (f @ f + b @ b) + 0.5
    if abs(error**2 - limit) > 1e-3:
        found = find_consistent(constant(x, y), constant(error - x, -y)).numpy()
        assert np.array_equal(found, inside(x, y) & (error**2 < limit))


def test_a_pixel_that_something_covers_is_not_consistent():
    forward, backward = constant(0, 0), constant(0, 0)
    backward[5:10, 5:10] = 4.0  # what is there in the second frame came from elsewhere
    found = find_consistent(forward, backward)
    assert not found[5:10, 5:10].any()
    assert int((~found).sum()) == 25
