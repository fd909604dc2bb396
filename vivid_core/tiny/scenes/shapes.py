"""Procedural scenes: a textured world, a moving camera, moving shapes that occlude each other.

Captions, masks, the clean background and the optical flow are known exactly. The training data
of vivid-tiny, the sample clip of every bundled workflow, and the ground truth of the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .textures import Floats, Texture, draw_texture

BASE_SIZE = 64.0  # all lengths below are pixels of a frame whose shorter side is 64
HELD_OUT_SEED = 1_000_000  # seeds from here on are never trained on

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 36, 40),
    "orange": (246, 138, 22),
    "yellow": (250, 226, 48),
    "green": (36, 176, 62),
    "cyan": (36, 206, 226),
    "blue": (36, 72, 228),
    "purple": (136, 44, 196),
    "pink": (252, 112, 190),
}
Times = Sequence[int] | None  # frames of a scene; None: all of them
Place = Any  # coordinates of many points (Floats), or of one (np.float32)
ShapeName = Literal["circle", "square", "triangle", "star", "cross", "ring"]
SHAPES: tuple[ShapeName, ...] = ("circle", "square", "triangle", "star", "cross", "ring")
SMALL_RADIUS, LARGE_RADIUS = 10.0, 12.5
MIN_SHARE_SEEN = 0.35  # of 2 r^2, about the area of the smallest shape


def is_held_out(color: str, shape: str) -> bool:
    """Whether no training caption ever pairs this colour with this shape (8 of the 48 pairs)."""
    return (list(COLORS).index(color) + SHAPES.index(shape)) % 6 == 5


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One shape: what it is and how it moves. Lengths in pixels of a 64-pixel frame."""

    shape: ShapeName
    color: str
    radius: float
    center: tuple[float, float]  # frame coordinates at the middle frame (world, if anchored)
    swing: tuple[float, float]  # amplitude of the path
    rate: float  # radians a frame along the path
    path_phase: float
    tilt: float
    spin: float  # radians a frame
    anchored: bool  # fixed to the background instead of moving by itself

    @property
    def size_word(self) -> str:
        if self.radius < SMALL_RADIUS:
            return "small"
        return "large" if self.radius > LARGE_RADIUS else ""

    @property
    def words(self) -> str:
        """For example "small red circle"."""
        return " ".join(w for w in (self.size_word, self.color, self.shape) if w)

    @property
    def rgb(self) -> Floats:
        return np.asarray(COLORS[self.color], np.float32) / 255


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A smooth path: frame pixel -> world. Lengths in pixels of a 64-pixel frame."""

    start: tuple[float, float]
    swing: tuple[float, float]
    rate: float
    phase: float
    zoom_swing: float
    roll_swing: float

    def pose(self, t: float) -> tuple[float, float, float, float]:
        """World x, y of the frame centre, zoom, and roll in radians at frame t."""
        wave = math.sin(self.rate * t + self.phase)
        across = math.sin(0.8 * self.rate * t + 2.1 * self.phase)
        return (
            self.start[0] + self.swing[0] * wave,
            self.start[1] + self.swing[1] * across,
            1.0 + self.zoom_swing * math.sin(0.6 * self.rate * t + self.phase),
            self.roll_swing * across,
        )


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A world that can be rendered at any size and length, with any of its things left out.

    `target` is the index of the thing that captions and masks are about; things later in
    `things` are nearer to the camera.
    """

    texture: Texture
    camera: Camera
    things: tuple[Thing, ...]
    target: int
    frames: int
    height: int
    width: int

    @property
    def target_thing(self) -> Thing:
        return self.things[self.target]

    @cached_property
    def _grid(self) -> tuple[Floats, Floats]:
        """Frame coordinates relative to the centre, in 64-pixel units, of every pixel centre."""
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        scale = np.float32(BASE_SIZE / min(self.height, self.width))
        return (x + 0.5 - self.width / 2) * scale, (y + 0.5 - self.height / 2) * scale

    @property
    def _pixel(self) -> float:
        return BASE_SIZE / min(self.height, self.width)

    def render(self, *, without: tuple[int, ...] = (), times: Times = None) -> Floats:
        """Frames float32 [T, H, W, 3] in 0..1, leaving out the things at the given indices.

        `times` are the frames that are wanted, here and below; None: all of them.
        """
        kept = [i for i in range(len(self.things)) if i not in without]
        return np.stack([self._render_frame(t, kept) for t in self._times(times)])

    def background(self, *, times: Times = None) -> Floats:
        """The truth for deletion: the scene with its target left out, [T, H, W, 3]."""
        return self.render(without=(self.target,), times=times)

    def mask(
        self, index: int | None = None, *, visible: bool = True, times: Times = None
    ) -> Floats:
        """Coverage [T, H, W] in 0..1 of one thing (the target), visible part or the whole of it."""
        index = self.target if index is None else index
        return np.stack([self._mask_frame(t, index, visible) for t in self._times(times)])

    def _times(self, times: Times) -> Sequence[int]:
        return range(self.frames) if times is None else times

    def flow(self) -> Floats:
        """Exact forward optical flow [T-1, H, W, 2] in pixels: frame t to frame t+1."""
        return np.stack([self._flow_frame(t) for t in range(self.frames - 1)])

    def displacement(self, thing: Thing) -> tuple[float, float]:
        """How far a thing moves over the clip, x and y, in pixels of a 64-pixel frame."""
        first, last = self._placement(0, thing), self._placement(self.frames - 1, thing)
        return last[0] - first[0], last[1] - first[1]

    def _render_frame(self, t: int, kept: list[int]) -> Floats:
        image = self.texture.color_at(*self._to_world(t), self._pixel)
        for i in kept:
            x, y = self._to_thing(t, self.things[i])
            alpha = self._coverage(self.things[i], x, y)[..., None]
            shading = 1.0 - 0.10 * (x + y)[..., None] / self.things[i].radius
            color = np.clip(self.things[i].rgb * np.clip(shading, 0.8, 1.2), 0, 1)
            image = (1 - alpha) * image + alpha * color
        return image

    def _mask_frame(self, t: int, index: int, visible: bool) -> Floats:
        alpha = self._coverage(self.things[index], *self._to_thing(t, self.things[index]))
        if visible:
            for nearer in self.things[index + 1 :]:
                alpha = alpha * (1 - self._coverage(nearer, *self._to_thing(t, nearer)))
        return alpha

    def _flow_frame(self, t: int) -> Floats:
        gx, gy = self._grid
        next_x, next_y = self._from_world(t + 1, *self._to_world(t))
        for thing in self.things:
            x, y = self._to_thing(t, thing)
            on = self._coverage(thing, x, y) > 0.5
            tx, ty = self._from_thing(t + 1, thing, x, y)
            next_x, next_y = np.where(on, tx, next_x), np.where(on, ty, next_y)
        return np.stack([next_x - gx, next_y - gy], -1).astype(np.float32) / self._pixel

    def _to_world(self, t: int) -> tuple[Floats, Floats]:
        return _camera_to_world(self.camera, t, *self._grid)

    def _from_world(self, t: int, x: Place, y: Place) -> tuple[Place, Place]:
        cx, cy, zoom, roll = self.camera.pose(t)
        return _rotate((x - cx) * zoom, (y - cy) * zoom, -roll)

    def _placement(self, t: int, thing: Thing) -> tuple[float, float, float, float]:
        """Centre x, y, scale and angle of a thing in frame t."""
        x, y = thing.center
        angle = thing.tilt + thing.spin * (t - 8)
        if thing.anchored:
            _, _, zoom, roll = self.camera.pose(t)
            px, py = self._from_world(t, np.float32(x), np.float32(y))
            return float(px), float(py), zoom, thing.tilt - roll
        wave = math.sin(thing.rate * (t - 8) + thing.path_phase) - math.sin(thing.path_phase)
        return x + thing.swing[0] * wave, y + thing.swing[1] * wave, 1.0, angle

    def _to_thing(self, t: int, thing: Thing) -> tuple[Floats, Floats]:
        px, py, scale, angle = self._placement(t, thing)
        x, y = _rotate(self._grid[0] - px, self._grid[1] - py, -angle)
        return x / np.float32(scale), y / np.float32(scale)

    def _from_thing(self, t: int, thing: Thing, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        px, py, scale, angle = self._placement(t, thing)
        fx, fy = _rotate(x * scale, y * scale, angle)
        return fx + px, fy + py

    def _coverage(self, thing: Thing, x: Floats, y: Floats) -> Floats:
        distance = shape_distance(thing.shape, x, y, thing.radius)
        return np.clip(0.5 - distance / self._pixel, 0.0, 1.0).astype(np.float32)


def draw_scene(seed: int, *, frames: int = 17, height: int = 64, width: int = 64) -> Scene:
    """Draw the scene of a seed.

    Seeds below 1,000,000 (training) never show a held-out colour and shape pair; from there on
    the target always is one.
    """
    rng = np.random.default_rng([seed, 2411])
    while True:
        scene = _draw_any(rng, held_out=seed >= HELD_OUT_SEED, size=(frames, height, width))
        if _target_share_seen(scene) >= MIN_SHARE_SEEN:
            return scene


def _draw_any(rng: np.random.Generator, *, held_out: bool, size: tuple[int, int, int]) -> Scene:
    frames, height, width = size
    camera = _draw_camera(rng)
    texture = draw_texture(rng)
    aspect = (max(width / min(height, width), 1.0), max(height / min(height, width), 1.0))
    count = int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15]))
    target = int(rng.integers(count))
    things: list[Thing] = []
    for i in range(count):
        wanted = held_out and i == target
        things.append(_draw_thing(rng, camera, aspect, held_out=wanted, taken=things))
    return Scene(
        texture=texture,
        camera=camera,
        things=tuple(things),
        target=target,
        frames=frames,
        height=height,
        width=width,
    )


def _target_share_seen(scene: Scene) -> float:
    """Smallest share of its full area that the target shows in its first, middle, last frame."""
    small = replace(scene, height=scene.height // 2, width=scene.width // 2)
    area = 2.0 * (small.target_thing.radius / small._pixel) ** 2
    times = (0, scene.frames // 2, scene.frames - 1)
    return min(float(small._mask_frame(t, small.target, True).sum()) / area for t in times)


def _draw_camera(rng: np.random.Generator) -> Camera:
    speed, rate, heading = rng.uniform(0.25, 0.7), rng.uniform(0.05, 0.09), rng.uniform(0, 6.28)
    swing = speed / rate
    return Camera(
        start=(float(rng.uniform(-500, 500)), float(rng.uniform(-500, 500))),
        swing=(float(swing * np.cos(heading)), float(swing * np.sin(heading))),
        rate=float(rate),
        phase=float(rng.uniform(-0.6, 0.6)),
        zoom_swing=float(rng.uniform(-0.08, 0.08)),
        roll_swing=float(rng.uniform(-0.05, 0.05)),
    )


def _draw_thing(
    rng: np.random.Generator,
    camera: Camera,
    aspect: tuple[float, float],
    *,
    held_out: bool,
    taken: list[Thing],
) -> Thing:
    pairs: list[tuple[str, ShapeName]] = [
        (c, s) for c in COLORS for s in SHAPES if is_held_out(c, s) == held_out
    ]
    pairs = [p for p in pairs if p[0] not in {thing.color for thing in taken}]
    color, shape = pairs[int(rng.integers(len(pairs)))]
    anchored = bool(rng.random() < 0.3)
    center = (float(rng.uniform(-16, 16) * aspect[0]), float(rng.uniform(-16, 16) * aspect[1]))
    speed, rate, heading = rng.uniform(0.1, 1.1), rng.uniform(0.07, 0.12), rng.uniform(0, 6.28)
    if anchored:
        world = _camera_to_world(camera, 8, np.float32(center[0]), np.float32(center[1]))
        center = (float(world[0]), float(world[1]))
    return Thing(
        shape=shape,
        color=color,
        radius=float(rng.uniform(8.5, 14.0)),
        center=center,
        swing=(float(speed / rate * np.cos(heading)), float(speed / rate * np.sin(heading))),
        rate=float(rate),
        path_phase=float(rng.uniform(-0.5, 0.5)),
        tilt=float(rng.uniform(-0.3, 0.3)),
        spin=float(rng.uniform(-0.015, 0.015)),
        anchored=anchored,
    )


def _rotate(x: Place, y: Place, angle: float) -> tuple[Place, Place]:
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * x - sin * y, sin * x + cos * y


def _camera_to_world(camera: Camera, t: float, x: Place, y: Place) -> tuple[Place, Place]:
    cx, cy, zoom, roll = camera.pose(t)
    wx, wy = _rotate(x / np.float32(zoom), y / np.float32(zoom), roll)
    return wx + np.float32(cx), wy + np.float32(cy)


def shape_distance(shape: str, x: Floats, y: Floats, radius: float) -> Floats:
    """Signed distance (negative inside) to a shape of the given radius, in the units of x and y."""
    return _DISTANCES[shape](x, y, np.float32(radius))


def _circle(x: Floats, y: Floats, r: np.float32) -> Floats:
    return np.hypot(x, y) - 0.92 * r


def _square(x: Floats, y: Floats, r: np.float32) -> Floats:
    return np.maximum(np.abs(x), np.abs(y)) - 0.82 * r


def _triangle(x: Floats, y: Floats, r: np.float32) -> Floats:
    slanted = np.abs(x) * np.float32(np.sqrt(3) / 2) - y / 2
    return np.maximum(slanted, y) - 0.55 * r


def _star(x: Floats, y: Floats, r: np.float32) -> Floats:
    """Five points: the best of five wedges folded onto one (outer radius 1.1 r, inner 0.48 r)."""
    fold = 2 * math.pi / 5
    angle = np.arctan2(x, -y)
    angle = np.abs(angle - fold * np.round(angle / fold))
    length = np.hypot(x, y)
    px, py = length * np.sin(angle), length * np.cos(angle)
    outer, inner = np.float32(1.12) * r, np.float32(0.5) * r
    ix, iy = inner * np.float32(math.sin(fold / 2)), inner * np.float32(math.cos(fold / 2))
    ex, ey = ix, iy - outer
    return (px * -ey + (py - outer) * ex) / np.hypot(ex, ey)


def _cross(x: Floats, y: Floats, r: np.float32) -> Floats:
    ax, ay = np.abs(x), np.abs(y)
    arm, half = np.float32(1.02) * r, np.float32(0.34) * r
    return np.minimum(np.maximum(ax - arm, ay - half), np.maximum(ax - half, ay - arm))


def _ring(x: Floats, y: Floats, r: np.float32) -> Floats:
    return np.abs(np.hypot(x, y) - 0.72 * r) - 0.28 * r


_DISTANCES = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
}
