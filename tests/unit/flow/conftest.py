"""Two worlds, and the engine that finds motion in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vivid_core.flow.dis import DisFlow


@pytest.fixture(scope="session")
def still_world(make_world: Callable[..., Any]) -> Any:
    """Nothing crosses it."""
    return make_world()


@pytest.fixture(scope="session")
def crossed_world(make_world: Callable[..., Any]) -> Any:
    """A thing crosses it from left to right."""
    return make_world(moving=True)


@pytest.fixture(scope="session")
def engine() -> DisFlow:
    return DisFlow()
