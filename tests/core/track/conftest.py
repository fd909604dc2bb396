"""Scenes with known masks, at a size that is quick to follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from vivid_core.tiny.scenes.shapes import Thing, draw_scene
from vivid_core.track.flow import FlowTracker
from vivid_core.track.frames import ClipFrames
from vivid_core.track.prompts import FramePrompt, ObjectPrompts, PaintedMask, Prompts
from vivid_core.video import Clip

STILL = {
    "rate": 0.1, "path_phase": 0.0, "tilt": 0.0, "spin": 0.0, "anchored": False,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Known:
    """A rendered scene and the true masks of its things, nearest last."""

    frames: np.ndarray  # uint8 [T, H, W, 3]
    masks: tuple[np.ndarray, ...]  # bool [T, H, W] each

    @property
    def source(self) -> ClipFrames:
        return ClipFrames(Clip(frames=torch.from_numpy(self.frames.astype(np.float32) / 255)))

    def prompts(self, *places: tuple[int, int]) -> Prompts:
        """The true mask of thing i on frame n, for each (i, n); thing i is object i + 1."""
        things = sorted({thing for thing, _ in places})
        return Prompts(
            objects=tuple(
                ObjectPrompts(
                    id=thing + 1,
                    frames=tuple(
                        FramePrompt(frame=n, mask=PaintedMask.of(self.masks[i][n]))
                        for i, n in sorted(places)
                        if i == thing
                    ),
                )
                for thing in things
            )
        )


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def known(scene) -> Known:
    masks = tuple(scene.mask(index) > 0.5 for index in range(len(scene.things)))
    return Known(frames=(scene.render() * 255).round().astype(np.uint8), masks=masks)


@pytest.fixture(scope="session")
def two_things() -> Known:
    """Two things that do not meet, 40 frames of 64x96."""
    red = Thing(
        shape="square", color="red", radius=9.0, center=(-24.0, 4.0), swing=(10.0, 4.0), **STILL
    )
    cyan = Thing(
        shape="circle", color="cyan", radius=10.0, center=(22.0, -6.0), swing=(6.0, 8.0), **STILL
    )
    scene = draw_scene(12, frames=40, height=64, width=96)
    return known(replace(scene, things=(red, cyan), target=0))


@pytest.fixture(scope="session")
def make_occlusion() -> Callable[..., Known]:
    """A red circle (thing 0) that a blue square hides completely; with or without a twin."""

    def make(*, twin: bool) -> Known:
        red = Thing(
            shape="circle", color="red", radius=8.5, center=(2.0, 0.0), swing=(0.0, 0.0), **STILL
        )
        far = replace(red, radius=8.0, center=(-30.0, -20.0))
        blue = replace(
            red, shape="square", color="blue", radius=20.0, center=(-5.0, 0.0), rate=0.05,
            swing=(70.0, 0.0),
        )  # fmt: skip
        scene = draw_scene(1, frames=24, height=64, width=96)
        return known(replace(scene, things=(red, far, blue) if twin else (red, blue), target=0))

    return make


class CountingEngine(FlowTracker):
    """The flow engine, noting how many frames were prepared."""

    def __init__(self) -> None:
        super().__init__()
        self.views = 0

    def view(self, pixels):
        self.views += 1
        return super().view(pixels)


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()
