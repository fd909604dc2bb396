"""Procedural background textures, evaluated at world coordinates.

Every pattern is a pure function of continuous coordinates, so that a moving camera sees one
rigid world: what a frame hides, another frame shows exactly. Edges are softened over one pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

GROUND_COLORS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    # name: (dark, light); muted on purpose, so that object colours stand out
    "grey": ((62, 64, 70), (172, 174, 178)),
    "brown": ((74, 52, 40), (176, 148, 120)),
    "beige": ((120, 108, 92), (226, 216, 196)),
    "teal": ((38, 70, 74), (134, 172, 170)),
    "olive": ((64, 68, 40), (164, 168, 124)),
    "navy": ((30, 38, 66), (128, 140, 172)),
}
PATTERNS: dict[str, str] = {
    "stripes": "striped cloth",
    "checker": "checkered floor",
    "bricks": "brick wall",
    "waves": "wavy sand",
    "dots": "dotted carpet",
    "planks": "wooden planks",
}
CONTRAST_RANGE = (0.60, 0.96)  # share of the dark-light distance that a scene uses


@dataclass(frozen=True, kw_only=True)
class Texture:
    """One background: a pattern, its colours and its scale. Colours are RGB in 0..1."""

    pattern: str
    color_name: str
    dark: tuple[float, float, float]
    light: tuple[float, float, float]
    period: float  # pixels of a 64-pixel frame
    angle: float  # radians
    phase: tuple[float, float]
    shade: tuple[float, float, float]  # amplitude, frequency x, frequency y of slow lighting

    @property
    def words(self) -> str:
        return f"{self.color_name} {PATTERNS[self.pattern]}"

    def color_at(self, x: Floats, y: Floats, softness: float) -> Floats:
        """RGB [..., 3] at world coordinates; `softness` is the width of one pixel there."""
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        u = (cos * x - sin * y) / np.float32(self.period) + np.float32(self.phase[0])
        v = (sin * x + cos * y) / np.float32(self.period) + np.float32(self.phase[1])
        blend = _PATTERN_FUNCTIONS[self.pattern](u, v, softness / self.period)
        amplitude, fx, fy = self.shade
        light = 1.0 + amplitude * np.sin(fx * x + fy * y + 7.0 * self.phase[0])
        dark_rgb = np.asarray(self.dark, np.float32)
        light_rgb = np.asarray(self.light, np.float32)
        color = dark_rgb + blend[..., None] * (light_rgb - dark_rgb)
        return np.clip(color * light[..., None], 0.0, 1.0).astype(np.float32)


def draw_texture(rng: np.random.Generator) -> Texture:
    """Draw a random background."""
    pattern = str(rng.choice(list(PATTERNS)))
    color_name = str(rng.choice(list(GROUND_COLORS)))
    dark, light = (np.asarray(c, np.float32) / 255 for c in GROUND_COLORS[color_name])
    contrast = rng.uniform(*CONTRAST_RANGE)
    middle, half = (dark + light) / 2, (light - dark) / 2 * contrast
    period_low, period_high = _PERIODS[pattern]
    straight = pattern in ("bricks", "planks")
    return Texture(
        pattern=pattern,
        color_name=color_name,
        dark=tuple((middle - half).tolist()),
        light=tuple((middle + half).tolist()),
        period=float(rng.uniform(period_low, period_high)),
        angle=float(rng.uniform(-0.12, 0.12) if straight else rng.uniform(0, np.pi)),
        phase=(float(rng.uniform(0, 50)), float(rng.uniform(0, 50))),
        shade=(0.08, float(rng.uniform(-0.06, 0.06)), float(rng.uniform(-0.06, 0.06))),
    )


_PERIODS = {
    "stripes": (11.0, 17.0),
    "checker": (17.0, 26.0),
    "bricks": (11.0, 15.0),
    "waves": (12.0, 18.0),
    "dots": (11.0, 15.0),
    "planks": (10.0, 15.0),
}


def _ramp(distance: Floats, softness: float) -> Floats:
    """1 where the distance is positive, 0 where negative, a linear ramp one pixel wide between."""
    return np.clip(distance / softness + 0.5, 0.0, 1.0)


def _square_wave(u: Floats, softness: float, duty: float = 0.5) -> Floats:
    """Period-1 wave: 1 on a share `duty` of the period."""
    return _ramp(duty / 2 - np.abs(u - np.floor(u) - 0.5), softness)


def _hash01(i: Floats, j: Floats | float) -> Floats:
    """A fixed pseudo-random value in 0..1 for each integer cell."""
    value = np.sin(i * 12.9898 + np.asarray(j, np.float32) * 78.233) * 43758.547
    return value - np.floor(value)


def _stripes(u: Floats, v: Floats, softness: float) -> Floats:
    return _square_wave(u, softness)


def _checker(u: Floats, v: Floats, softness: float) -> Floats:
    a, b = _square_wave(u, softness), _square_wave(v, softness)
    return a + b - 2 * a * b


def _bricks(u: Floats, v: Floats, softness: float) -> Floats:
    row = np.floor(v)
    along = u / 2 + 0.5 * np.mod(row, 2)
    brick = _square_wave(along, softness / 2, 0.9) * _square_wave(v, softness, 0.8)
    return brick * (0.72 + 0.28 * _hash01(np.floor(along), row))


def _waves(u: Floats, v: Floats, softness: float) -> Floats:
    return _square_wave(u + 0.22 * np.sin(2.4 * v), softness * 1.1)


def _dots(u: Floats, v: Floats, softness: float) -> Floats:
    row = np.floor(v)
    shifted = u + 0.5 * np.mod(row, 2)
    du, dv = shifted - np.floor(shifted) - 0.5, v - row - 0.5
    return 1.0 - _ramp(0.33 - np.hypot(du, dv), softness)


def _planks(u: Floats, v: Floats, softness: float) -> Floats:
    tone = 0.35 + 0.65 * _hash01(np.floor(u), 3.0)
    return tone * _square_wave(u, softness, 0.86)


_PATTERN_FUNCTIONS = {
    "stripes": _stripes,
    "checker": _checker,
    "bricks": _bricks,
    "waves": _waves,
    "dots": _dots,
    "planks": _planks,
}
