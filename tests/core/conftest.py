"""The model that whole edits are tested on."""

from __future__ import annotations

import pytest

from vivid_core.cogvideox.model import CogVideoX

from .random_model import random_model


@pytest.fixture(scope="session")
def tiny() -> CogVideoX:
    return random_model()
