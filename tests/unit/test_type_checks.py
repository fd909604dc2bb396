"""Annotated shapes and types of vivid_core are checked at run time in every test."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from jaxtyping import TypeCheckError

from vivid_core.runtime import Progress
from vivid_core.video import Clip, FrameRange, MaskTrack


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4, 1)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(TypeCheckError):
        MaskTrack(values=torch.zeros(shape))


def test_a_wrong_precision_is_refused() -> None:
    with pytest.raises(TypeCheckError):
        Clip(frames=torch.zeros(1, 4, 4, 3, dtype=torch.int64))


def test_a_wrong_type_is_refused() -> None:
    with pytest.raises(TypeCheckError):
        Progress(stage="sleep", done=0, total=1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeCheckError):
        FrameRange(start=0, stop=1.5)  # pyright: ignore[reportArgumentType]


def test_the_packs_nodes_cannot_shadow_those_of_comfyui() -> None:
    """They would if the root were on sys.path: run `pytest`, not `python -m pytest`."""
    assert importlib.util.find_spec("nodes") is None
