"""Models that read instructions and that animate, with random weights."""

from __future__ import annotations

import pytest

from vivid_core.cogvideox.model import CogVideoX

from ..random_model import random_model


@pytest.fixture(scope="session")
def instructed() -> CogVideoX:
    """Of InsViE's layout."""
    return random_model("insvie")


@pytest.fixture(scope="session")
def animator() -> CogVideoX:
    """Of image-to-video's layout."""
    return random_model("i2v")
