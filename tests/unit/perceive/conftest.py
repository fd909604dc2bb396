"""Frames with a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest


@pytest.fixture(scope="session")
def frame() -> Callable[[int, int], np.ndarray]:
    """Random pixels of a height and width."""
    return lambda h, w: np.random.default_rng(0).integers(0, 256, (h, w, 3), np.uint8)
