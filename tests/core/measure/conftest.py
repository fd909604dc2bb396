"""A tiny CLIP, and a small edit whose figures can be told by thinking."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from vivid_core.measure.edited import Edited
from vivid_core.video import Clip, MaskTrack

from ...tiny_clip import save_tiny_clip


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny-clip")


def draw(frames: int, size: tuple[int, int], *, step: int = 0) -> torch.Tensor:
    """A random pattern that moves `step` pixels to the right from frame to frame."""
    height, width = size
    noise = torch.rand(height // 4, 2 * width // 4, 3, generator=torch.Generator().manual_seed(3))
    wide = noise.repeat_interleave(4, dim=0).repeat_interleave(4, dim=1)
    return torch.stack([wide.roll(step * t, dims=1)[:, :width] for t in range(frames)])


@pytest.fixture
def make_edited() -> Callable[..., Edited]:
    """An edit of 6 frames of 48x64 at 30 a second, masked in the middle; `edit` from the source."""

    def make(change: Any = None, *, step: int = 1, frames: int = 6, **more: Any) -> Edited:
        source = Clip(frames=draw(frames, (48, 64), step=step), fps=Fraction(30))
        mask = torch.zeros(frames, 48, 64)
        mask[:, 12:36, 20:44] = 1
        edit = source.frames.clone()
        if change is not None:
            change(edit)
        given = {"task": "modify", "caption": "a red ball", "edit": edit} | more
        return Edited(source=source, mask=MaskTrack.fit(mask, source), **given)

    return make
