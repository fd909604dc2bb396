"""A scene at a size people look at: a koi swims over a pebble bed while the camera drifts.

Made of arithmetic alone, so that tracking, filling and every workflow can be shown on something
that looks like footage with nothing downloaded. What is to be known is known exactly: the koi's
coverage, its shadow, and the bed without both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .noise import fractal

Floats = NDArray[np.floating[Any]]

BASE_HEIGHT = 320.0  # all lengths below are pixels of a frame of this height
LENGTH = 112.0  # of the koi, from its mouth to the root of its tail
REACH = 0.95 * LENGTH  # from the middle of the koi, that nothing of it lies beyond
ROOM = 48.0  # of bed around what the camera sees
PEBBLES = 0.030  # for each pixel of bed
WATER = (0.90, 0.98, 0.94)  # tint
PATCHES: dict[str, tuple[float, float, float]] = {  # of the koi; RGB in 0..1
    "orange": (0.93, 0.40, 0.10),
    "red": (0.82, 0.16, 0.11),
    "golden": (0.96, 0.68, 0.16),
    "black": (0.15, 0.14, 0.17),
}
STONES = np.array(  # RGB, 0..255
    [
        [134, 124, 108],
        [110, 105, 97],
        [158, 146, 124],
        [92, 94, 92],
        [124, 102, 80],
        [146, 142, 136],
        [102, 110, 96],
        [172, 162, 146],
        [86, 78, 70],
    ],
    np.float32,
)
LIGHT = np.array([-0.50, -0.62, 0.62], np.float32)  # towards the lamp: x, y, up
SHADOW_SHIFT = (4.0, 6.0)
SHADOW_BLUR = 3.0  # sigma
SHADOW_DEPTH = 0.42
FIN_OPACITY = 0.86


@dataclass(frozen=True, kw_only=True)
class Pond:
    """A pond of `frames` frames of height x width pixels; another seed, another koi and bed.

    `pebbles` lie on each pixel of the bed, in a frame of height 320.
    """

    seed: int
    frames: int = 49
    height: int = 320
    width: int = 480
    pebbles: float = PEBBLES

    @property
    def words(self) -> str:
        """The koi as a caption names it, without its article."""
        return f"white and {self._color} koi"

    def render(self) -> Floats:
        """The clip, float32 [T, H, W, 3] in 0..1."""
        return np.stack([self._frame(t) for t in range(self.frames)])

    def background(self) -> Floats:
        """The clip without the koi and its shadow, [T, H, W, 3]: the truth of a deletion."""
        return np.stack([self._ground(t) for t in range(self.frames)])

    def mask(self) -> Floats:
        """Coverage of the koi, [T, H, W] in 0..1; its shadow is not part of it."""
        return np.stack([self._koi(t)[1] for t in range(self.frames)])

    def shadow(self) -> Floats:
        """How much of the light the koi takes from the bed, [T, H, W] in 0..1."""
        return np.stack([self._shadow(self._koi(t)[1]) for t in range(self.frames)])

    # --- what a seed decides ---

    @cached_property
    def _draws(self) -> Floats:
        return np.random.default_rng(self.seed).uniform(0.0, 1.0, 16)

    @property
    def _color(self) -> str:
        return list(PATCHES)[int(self._draws[0] * 1.6 + (self.seed % 3)) % len(PATCHES)]

    @property
    def _scale(self) -> float:
        return self.height / BASE_HEIGHT

    def _share(self, t: float) -> float:
        """How much of the clip has passed at a frame, -0.5 to 0.5."""
        return t / max(self.frames - 1, 1) - 0.5

    # --- the bed and the camera ---

    def _camera(self, t: int) -> tuple[float, float]:
        """Where the frame's top left corner lies in the bed, in its pixels: a drift by hand."""
        a, b, c = (2 * math.pi * value for value in self._draws[1:4])
        share = self._share(t)
        x = 30.0 * math.sin(1.5 * share + 0.4 * math.sin(a)) + 1.1 * math.sin(0.31 * t + b)
        y = 9.0 * math.sin(2.1 * share + c) + 0.9 * math.sin(0.43 * t + a)
        return self._scale * (ROOM + x), self._scale * (ROOM + y)

    @cached_property
    def _bed(self) -> Floats:
        """The whole bed, painted once; the camera moves over it."""
        room = math.ceil(2 * ROOM * self._scale)
        size = (self.height + room, self.width + room)
        return paint_bed(size, self._scale, self.pebbles, seed=self.seed)

    def _ground(self, t: int) -> Floats:
        x, y = self._camera(t)
        shift = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        size = (self.width, self.height)
        return cv2.warpAffine(self._bed, shift, size, flags=cv2.INTER_CUBIC).clip(0, 1)

    # --- the koi ---

    def _frame(self, t: int) -> Floats:
        color, cover = self._koi(t)
        ground = self._ground(t) * (1.0 - self._shadow(cover)[..., None])
        return ground + cover[..., None] * (color - ground)

    def _shadow(self, cover: Floats) -> Floats:
        dx, dy = (part * self._scale for part in SHADOW_SHIFT)
        shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        moved = cv2.warpAffine(cover, shift, (self.width, self.height))
        return SHADOW_DEPTH * cv2.GaussianBlur(moved, (0, 0), SHADOW_BLUR * self._scale)

    def _swim(self, t: float) -> tuple[float, float, float]:
        """Middle of the koi in the frame (base pixels), and its heading in radians."""
        bend, rise, turn = self._draws[4:7]
        wide = BASE_HEIGHT * self.width / self.height
        side = -1.0 if self._draws[7] < 0.5 else 1.0

        def place(at: float) -> tuple[float, float]:
            share = self._share(at)
            x = wide * (0.5 + side * 0.58 * share)
            y = BASE_HEIGHT * (0.5 + (0.16 + 0.1 * bend) * math.sin(2.6 * share + 3.0 * rise))
            return x, y + 6.0 * (turn - 0.5) * share

        (x, y), (ahead_x, ahead_y) = place(t), place(t + 0.5)
        return x, y, math.atan2(ahead_y - y, ahead_x - x)

    def _koi(self, t: int) -> tuple[Floats, Floats]:
        """Colour [H, W, 3] and coverage [H, W] of the koi at a frame."""
        x, y, heading = self._swim(t)
        color = np.zeros((self.height, self.width, 3), np.float32)
        cover = np.zeros((self.height, self.width), np.float32)
        at = tuple(
            slice(*(min(max(0, round((c + d) * self._scale)), most) for d in (-REACH, REACH)))
            for c, most in ((y, self.height), (x, self.width))
        )
        rows, columns = np.mgrid[at].astype(np.float32)
        if rows.size == 0:
            return color, cover
        right = (columns + 0.5) / self._scale - x
        down = (rows + 0.5) / self._scale - y
        cos, sin = math.cos(heading), math.sin(heading)
        along = 0.5 - (cos * right + sin * down) / LENGTH  # 0 at the mouth, 1 where the tail starts
        across = -sin * right + cos * down
        patch = np.array(PATCHES[self._color], np.float32)
        color[at], cover[at] = _paint_koi(along, across, 0.42 * t, patch, self._draws[8:])
        return color, cover


def paint_bed(size: tuple[int, int], scale: float, pebbles: float, *, seed: int) -> Floats:
    """Sand under pebbles that lie on each other, [height, width, 3] in 0..1."""
    height, width = size
    rng = np.random.default_rng(seed + 1)
    coarse = _fractal(height, width, 90 * scale, rng)
    grain = _fractal(height, width, 3.0 * scale, rng)
    bed = np.array([126, 116, 96], np.float32) * (0.72 + 0.2 * coarse + 0.12 * grain)[..., None]
    count = int(pebbles * height * width / scale**2)
    # Small ones last would hide the large: sorted, with some of each size on top.
    radii = np.sort(3.2 + 15.0 * rng.power(0.55, count) ** 3.2 * rng.uniform(0.6, 1, count))
    order = np.concatenate([radii[: count // 2], rng.permutation(radii[count // 2 :])])
    for radius in order:
        _lay_stone(bed, radius * scale, rng)
    moss = np.clip(_fractal(height, width, 60 * scale, rng) - 0.55, 0, 1)[..., None]
    bed = bed * (1 - moss) + moss * bed * np.array([0.62, 0.92, 0.52], np.float32)
    light = 1.0 + 0.3 * _fractal(height, width, 160 * scale, rng)
    fine = 1 + 0.10 * (_fractal(height, width, 2.2 * scale, rng) - 0.5)
    tinted = bed / 255 * np.asarray(WATER, np.float32) * (light * fine)[..., None]
    return np.clip(tinted, 0, 1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class _Outline:
    """Of a pebble: an ellipse with three bumps. Angles are radians."""

    radius: float
    flat: float  # short axis / long axis
    tilt: float
    lobes: float  # height of the bumps, in radii
    phase: float

    def distance(self, dx: Floats, dy: Floats) -> tuple[Floats, Floats, Floats]:
        """From the middle, in radii (1 is the outline), and the place along both axes."""
        u = (math.cos(self.tilt) * dx + math.sin(self.tilt) * dy) / self.radius
        v = (-math.sin(self.tilt) * dx + math.cos(self.tilt) * dy) / (self.radius * self.flat)
        bumps = 1 + self.lobes * np.sin(3 * np.arctan2(v, u) + self.phase)
        return np.hypot(u, v) / bumps, u, v


def _lay_stone(bed: Floats, radius: float, rng: np.random.Generator) -> None:
    """One pebble with its own shadow onto the bed, in place."""
    height, width = bed.shape[:2]
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    flat, tilt = rng.uniform(0.62, 0.98), rng.uniform(0, math.pi)
    color = STONES[rng.integers(len(STONES))] * rng.uniform(0.80, 1.12)
    lobes, phase = rng.uniform(0, 0.09), rng.uniform(0, 6.28)
    reach = math.ceil(1.35 * radius) + 2
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    part = bed[top : int(y) + reach, left : int(x) + reach]
    if part.size == 0:
        return
    rows, columns = np.mgrid[0 : part.shape[0], 0 : part.shape[1]].astype(np.float32)
    right, down = columns + left - x, rows + top - y
    stone = _Outline(radius=radius, flat=flat, tilt=tilt, lobes=lobes, phase=phase)
    far, _, _ = stone.distance(right - 0.22 * radius, down - 0.28 * radius)
    part *= (1 - 0.45 * np.clip(1.6 * (1.15 - far), 0, 1))[..., None]
    near, u, v = stone.distance(right, down)
    cover = np.clip((1 - near) * radius * flat + 0.5, 0, 1)[..., None]
    slope = np.clip(near, 0, 1) ** 2.2
    nx = slope * (math.cos(tilt) * u - math.sin(tilt) * v)
    ny = slope * (math.sin(tilt) * u + math.cos(tilt) * v)
    up = np.sqrt(np.clip(1 - 0.8 * (nx**2 + ny**2), 0.05, 1))
    lit = 0.55 + 0.62 * np.clip(nx * LIGHT[0] + ny * LIGHT[1] + up * LIGHT[2], 0, None)
    veins = 1 + 0.07 * np.sin(7 * u + 3 * np.sin(4 * v + phase))
    shaded = color * (lit * veins)[..., None]
    part += cover * (shaded - part)


def _paint_koi(
    along: Floats, across: Floats, beat: float, patch: Floats, draws: Floats
) -> tuple[Floats, Floats]:
    """Colour and coverage at places along the koi (its lengths) and across it (base pixels)."""
    bend = _bend(along, beat)
    side = across - bend
    half = LENGTH * _half_width(along)
    across_body = side / np.maximum(half, 1e-3)
    inside = np.minimum(along, 1.0 - along) * LENGTH
    body = np.clip(np.minimum(half - np.abs(side), inside) + 0.5, 0, 1)
    body *= (half > 0.3).astype(np.float32)
    color = _skin(along, across_body, side, patch, draws)
    tail, tail_color = _tail(along, side, beat, patch)
    cover, shade = tail, tail_color
    for edge in (-1.0, 1.0):
        fin, fin_color = _fin(along, side, edge, beat, patch)
        shade = _over(fin, fin_color, cover, shade)
        cover = fin + cover * (1 - fin)
    shade = _over(body, color, cover, shade)
    cover = body + cover * (1 - body)
    return shade.astype(np.float32), cover.astype(np.float32)


def _over(top: Floats, color: Floats, cover: Floats, below: Floats) -> Floats:
    """The colour where a part lies over others (both with coverages), not multiplied by it."""
    whole = np.maximum(top + cover * (1 - top), 1e-6)
    share = (top / whole)[..., None]
    return below + share * (color - below)


def _bend(along: Floats, beat: float) -> Floats:
    """How far the spine swings to the side, in base pixels: more towards the tail."""
    strength = 1.2 + 9.5 * np.clip(along - 0.15, 0, None) ** 1.6
    return strength * np.sin(beat - 4.6 * along)


def _half_width(along: Floats) -> Floats:
    """Half of the body's width, in lengths."""
    s = np.clip(along, 0, 1)
    return 0.158 * np.power(np.sin(np.pi * np.power(s, 0.62)), 0.78) * (1 - 0.42 * s) + 0.010 * s


def _skin(along: Floats, v: Floats, side: Floats, patch: Floats, draws: Floats) -> Floats:
    """White with patches, scales, an eye on each side, lit from above."""
    a, b, c, d = draws[:4] * 6.28
    field = (
        np.sin(8.2 * along + a + 0.9 * np.sin(2.4 * v + b))
        + 0.55 * np.sin(15.0 * along + c + 1.6 * v)
        + 0.35 * np.sin(4.2 * v + d)
    )
    share = np.clip(4.0 * (field + 0.05) + 0.5, 0, 1)[..., None]
    white = np.array([0.965, 0.94, 0.90], np.float32)
    base = white + share * (patch - white)
    rows = np.sin(64 * along) * np.sin(0.85 * side + 3.14159 * np.floor(64 * along / np.pi))
    scaled = base * (1 + 0.045 * rows * ((along > 0.24) & (along < 0.92)))[..., None]
    round_ = np.sqrt(np.clip(1 - 0.92 * np.clip(v, -1, 1) ** 2, 0, 1))
    lit = 0.50 + 0.54 * round_ - 0.09 * np.clip(v, -1, 1)
    shine = 0.30 * np.exp(-((v + 0.22) ** 2) / 0.018) * np.exp(-((along - 0.36) ** 2) / 0.06)
    color = scaled * lit[..., None] + shine[..., None]
    ridge = np.exp(-((v) ** 2) / 0.006) * ((along > 0.34) & (along < 0.66))
    color = color * (1 - 0.22 * ridge)[..., None]
    eye = np.hypot((along - 0.085) * LENGTH, np.abs(side) - 0.62 * LENGTH * _half_width(along))
    return np.clip(color, 0, 1) * np.clip((eye - 1.2) / 1.3, 0.08, 1)[..., None]


def _tail(along: Floats, side: Floats, beat: float, patch: Floats) -> tuple[Floats, Floats]:
    """Two lobes behind the body that lag behind its beat."""
    s = (along - 0.93) / 0.34
    lag = 5.0 * np.clip(s, 0, 1) * np.sin(beat - 6.4)
    off = np.abs(side - lag) / LENGTH
    outer = 0.022 + 0.135 * np.clip(s, 0, 1) ** 0.8
    notch = 0.72 + 1.9 * off  # the middle is shorter than the lobes
    edge = np.minimum(outer - off, 0.34 * np.minimum(s, notch - s))
    cover = np.clip(edge * LENGTH + 0.5, 0, 1) * FIN_OPACITY
    rays = 0.84 + 0.12 * np.sin(150 * off / np.maximum(0.3 + s, 0.2))
    pale = 0.45 * patch + 0.55 * np.array([0.97, 0.92, 0.86], np.float32)
    return cover, pale * (rays * (0.98 - 0.22 * np.clip(s, 0, 1)))[..., None]


def _fin(
    along: Floats, side: Floats, edge: float, beat: float, patch: Floats
) -> tuple[Floats, Floats]:
    """A breast fin: a rounded fan that paddles."""
    swing = 0.95 + 0.24 * math.sin(0.8 * beat + edge)
    x = (along - 0.27) * LENGTH
    y = edge * side - 0.62 * LENGTH * float(_half_width(np.array([0.27], np.float32))[0])
    u = (math.cos(swing) * x + math.sin(swing) * y) / 27.0
    v = (-math.sin(swing) * x + math.cos(swing) * y) / 27.0
    fan = 0.34 * np.power(np.clip(u, 0, 1), 0.7) * np.sqrt(np.clip(1.02 - u, 0, 1)) * 1.6
    cover = np.clip(np.minimum(fan - np.abs(v), u) * 27.0 + 0.5, 0, 1) * (fan > 0) * FIN_OPACITY
    rays = 0.88 + 0.10 * np.sin(40 * v / np.maximum(u, 0.15))
    pale = 0.25 * patch + 0.75 * np.array([0.97, 0.93, 0.88], np.float32)
    return cover, pale * rays[..., None]


def _fractal(height: int, width: int, cell: float, rng: np.random.Generator) -> Floats:
    """Smooth noise in 0..1 whose coarsest features are about `cell` pixels wide."""
    size = (height, width)
    return fractal(rng, size, (float(height), float(width)), (cell, cell), octaves=3)
