"""Worlds whose camera path, masks and hidden parts are known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pytest
import torch

from vivid_core.tiny.scenes.shapes import BASE_SIZE, Camera, Scene, Thing
from vivid_core.tiny.scenes.textures import Texture

HEIGHT, WIDTH = 144, 216
CAMERA = Camera(
    start=(20.0, -30.0),
    swing=(14.0, 8.0),
    rate=0.06,
    phase=-0.3,
    zoom_swing=0.06,
    roll_swing=0.04,
)


@dataclass(frozen=True)
class World:
    """A scene whose thing 0 is a patch of the background; things after it move by themselves."""

    scene: Scene

    @cached_property
    def frames(self) -> torch.Tensor:
        """What the camera sees; the patch marks a place and is not drawn."""
        return torch.from_numpy(self.scene.render(without=(0,))).float().clamp(0, 1)

    @cached_property
    def backdrop(self) -> torch.Tensor:
        """The same without any thing."""
        everything = tuple(range(len(self.scene.things)))
        return torch.from_numpy(self.scene.render(without=everything)).float().clamp(0, 1)

    @cached_property
    def patch(self) -> torch.Tensor:
        return torch.from_numpy(self.scene.mask(0, visible=False)).float()

    @cached_property
    def mover(self) -> torch.Tensor:
        """Mask of the moving thing, two pixels wider than its soft edge."""
        seen = self.scene.mask(1, visible=False)[:, None] > 0
        return torch.nn.functional.max_pool2d(torch.from_numpy(seen).float(), 5, 1, 2)[:, 0]

    def true_matrix(self, t: int, s: int) -> np.ndarray:
        """Homography of the background from frame t to frame s."""
        return np.linalg.inv(self._to_world(s)) @ self._to_world(t)

    def _to_world(self, t: int) -> np.ndarray:
        x, y, zoom, roll = self.scene.camera.pose(t)
        unit = BASE_SIZE / min(self.scene.height, self.scene.width)
        center = np.array(
            [
                [unit, 0, unit * (0.5 - self.scene.width / 2)],
                [0, unit, unit * (0.5 - self.scene.height / 2)],
                [0, 0, 1],
            ]
        )
        cos, sin = math.cos(roll) / zoom, math.sin(roll) / zoom
        return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]]) @ center


def build_world(
    pattern: str = "bricks",
    *,
    frames: int = 13,
    moving: bool = False,
    camera: Camera = CAMERA,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> World:
    texture = Texture(
        pattern=pattern,
        color_name="grey",
        dark=(0.24, 0.25, 0.28),
        light=(0.70, 0.68, 0.66),
        period=13.0,
        angle=0.1,
        phase=(3.2, 7.1),
        shade=(0.08, 0.03, -0.04),
    )
    x, y, *_ = camera.pose(0)
    patch = Thing(
        shape="star",
        color="red",
        radius=13.0,
        center=(x + 4, y - 3),
        swing=(0.0, 0.0),
        rate=0.1,
        path_phase=0.0,
        tilt=0.2,
        spin=0.0,
        anchored=True,
    )
    step = 90.0 / (frames - 1)  # crosses the frame from left to right, through the middle
    crossing = replace(
        patch,
        shape="circle",
        color="blue",
        radius=12.0,
        center=(-45.0 + 8 * step, 0.0),
        swing=(1000.0 * step, 0.0),
        rate=0.001,
        anchored=False,
    )
    things = (patch, crossing) if moving else (patch,)
    scene = Scene(
        texture=texture,
        camera=camera,
        things=things,
        target=0,
        frames=frames,
        height=size[0],
        width=size[1],
    )
    return World(scene)


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    """Builds a world by pattern, length, and whether something crosses it."""
    return build_world
