"""A painted meadow: sky with clouds, hills, a line of trees, grass and flowers."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import ArrayLike

from .noise import Plane, fractal, mix, ramp

Color = tuple[float, float, float]
Picture = Float32[np.ndarray, "h w 3"]

HORIZON = 112.0  # units below the top of the view
BLADES, FLOWERS = 15.0, 0.16  # a unit of width
SUB = 4  # bits of a pixel that OpenCV draws to
LINE = cv2.LINE_AA


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of a season and an hour, RGB in 0..1."""

    sky: tuple[Color, Color]  # top, horizon
    cloud: Color
    hills: tuple[Color, Color, Color]  # from far to near
    trees: Color
    grass: tuple[Color, Color]  # far, near
    blade: tuple[Color, Color]  # dark, light
    flowers: tuple[Color, ...]
    light: Color


PALETTES = (
    Palette(  # a summer afternoon
        sky=((0.36, 0.60, 0.86), (0.93, 0.93, 0.86)),
        cloud=(1.0, 0.985, 0.95),
        hills=((0.62, 0.73, 0.82), (0.47, 0.63, 0.66), (0.40, 0.57, 0.42)),
        trees=(0.20, 0.36, 0.20),
        grass=((0.66, 0.74, 0.38), (0.25, 0.43, 0.14)),
        blade=((0.13, 0.30, 0.09), (0.58, 0.72, 0.27)),
        flowers=((0.98, 0.97, 0.92), (0.97, 0.82, 0.25), (0.72, 0.55, 0.85)),
        light=(1.03, 1.0, 0.93),
    ),
    Palette(  # a cool morning
        sky=((0.55, 0.70, 0.83), (0.90, 0.94, 0.95)),
        cloud=(0.99, 0.99, 1.0),
        hills=((0.72, 0.81, 0.86), (0.58, 0.71, 0.74), (0.44, 0.60, 0.53)),
        trees=(0.19, 0.35, 0.28),
        grass=((0.62, 0.75, 0.50), (0.20, 0.42, 0.22)),
        blade=((0.09, 0.28, 0.15), (0.50, 0.72, 0.38)),
        flowers=((0.96, 0.96, 1.0), (0.55, 0.60, 0.92), (0.95, 0.70, 0.82)),
        light=(0.98, 1.0, 1.02),
    ),
    Palette(  # a golden evening
        sky=((0.47, 0.55, 0.76), (1.0, 0.83, 0.60)),
        cloud=(1.0, 0.86, 0.74),
        hills=((0.72, 0.65, 0.68), (0.58, 0.54, 0.53), (0.47, 0.48, 0.33)),
        trees=(0.25, 0.29, 0.17),
        grass=((0.80, 0.71, 0.36), (0.33, 0.36, 0.13)),
        blade=((0.20, 0.25, 0.09), (0.80, 0.71, 0.30)),
        flowers=((0.99, 0.93, 0.82), (0.90, 0.36, 0.25), (0.98, 0.76, 0.30)),
        light=(1.08, 0.98, 0.84),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A rectangle of the world, in units, and how many pixels a unit has."""

    left: float
    top: float
    width: float
    height: float
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(np.ceil(self.height * self.scale)), int(np.ceil(self.width * self.scale))

    def rows(self) -> Plane:
        """World y of each row of pixels, [H, 1]."""
        return ((np.arange(self.size[0], dtype=np.float32) + 0.5) / self.scale + self.top)[:, None]

    def columns(self) -> Plane:
        """World x of each column, [1, W]."""
        return ((np.arange(self.size[1], dtype=np.float32) + 0.5) / self.scale + self.left)[None]

    def noise(self, rng: np.random.Generator, cell: tuple[float, float], octaves: int) -> Plane:
        return fractal(rng, self.size, (self.height, self.width), cell, octaves=octaves)

    def place(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Points [..., 2] of the sheet as OpenCV draws them."""
        across = (np.asarray(x) - self.left) * self.scale - 0.5
        down = (np.asarray(y) - self.top) * self.scale - 0.5
        return np.round(np.stack([across, down], -1) * 2**SUB).astype(np.int32)


def paint_meadow(rng: np.random.Generator, sheet: Sheet, palette: Palette) -> Picture:
    """The whole sheet, float32 in 0..1."""
    picture = _sky(rng, sheet, palette)
    for layer in range(3):
        _hill(rng, sheet, palette, layer, picture)
    _meadow(rng, sheet, palette, picture)
    drawn = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    _tree_line(rng, sheet, palette, drawn)
    _grass(rng, sheet, palette, drawn)
    light = np.asarray(palette.light, np.float32) * _light(rng, sheet)[..., None]
    return np.clip(drawn.astype(np.float32) / 255 * light, 0, 1)


def _sky(rng: np.random.Generator, sheet: Sheet, palette: Palette) -> Picture:
    down = np.broadcast_to(ramp(sheet.rows(), -20, HORIZON), sheet.size)
    sky = mix(*palette.sky, down)
    field = sheet.noise(rng, (42, 130), 5)
    body = ramp(field, 0.50, 0.68)
    lit = np.roll(field, round(3 * sheet.scale), axis=0)
    shade = ramp(lit - field, -0.05, 0.06)
    cloud = mix(palette.cloud, np.asarray(palette.sky[0]) * 0.35 + 0.55, 0.55 * shade)
    return mix(sky, cloud, 0.9 * body * (1 - 0.45 * down))


def _hill(
    rng: np.random.Generator, sheet: Sheet, palette: Palette, layer: int, picture: Picture
) -> None:
    """A ridge into the picture, in place; nearer ones are lower, rougher and greener."""
    width = sheet.size[1]
    extent = (1.0, sheet.width)
    rough = fractal(rng, (1, width), extent, (1.0, (150.0, 110.0, 90.0)[layer]), octaves=5)
    crest = HORIZON - (10.0, 1.0, -6.0)[layer] - (46.0, 36.0, 22.0)[layer] * (rough - 0.25)
    cover = np.clip((sheet.rows() - crest) * sheet.scale + 0.5, 0, 1)
    color = np.asarray(palette.hills[layer], np.float32)
    texture = sheet.noise(rng, (9, 16), 4) - 0.5
    depth = ramp(sheet.rows() - crest, 0, 60)
    shaded = color * (1 + (0.10, 0.22, 0.36)[layer] * texture[..., None])
    haze = mix(shaded, palette.sky[1], 0.45 * depth)
    picture[:] = mix(picture, haze, cover)


def _meadow(rng: np.random.Generator, sheet: Sheet, palette: Palette, picture: Picture) -> None:
    rows = sheet.rows()
    near = np.clip((rows - HORIZON) / 200, 0, 1) ** 0.8
    base = mix(*palette.grass, np.broadcast_to(near, sheet.size))
    wide = sheet.noise(rng, (26, 120), 4) - 0.5
    fine = sheet.noise(rng, (3.5, 7), 3) - 0.5
    ground = base * (1 + 0.55 * wide + 0.40 * fine)[..., None]
    edge = (
        HORIZON
        + 8
        + 7 * (fractal(rng, (1, sheet.size[1]), (1, sheet.width), (1, 120), octaves=3) - 0.5)
    )
    picture[:] = mix(picture, ground, np.clip((rows - edge) * sheet.scale + 0.5, 0, 1))


def _tree_line(
    rng: np.random.Generator, sheet: Sheet, palette: Palette, drawn: UInt8[np.ndarray, "h w 3"]
) -> None:
    """Clumps of round crowns along the far edge of the meadow, lit from above."""
    x = sheet.left - 10.0
    dark = np.asarray(palette.trees)
    while x < sheet.left + sheet.width + 10:
        x += float(rng.uniform(3, 9)) if rng.random() < 0.8 else float(rng.uniform(18, 70))
        tall = float(rng.uniform(7, 17))
        base = HORIZON + 10 + float(rng.uniform(-2, 2))
        tone = dark * rng.uniform(0.8, 1.25)
        for _ in range(46):
            angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
            across = reach * np.cos(angle) * tall * 0.48
            up = reach * np.sin(angle)
            light = 0.72 + 0.5 * max(0.0, up) + 0.18 * rng.uniform(-1, 1)
            color = np.clip(tone * light + 0.10 * max(0.0, up), 0, 1) * 255
            spot = sheet.place(np.float64(x + across), np.float64(base - tall * (0.55 + up * 0.45)))
            size = round(tall * float(rng.uniform(0.07, 0.15)) * sheet.scale * 2**SUB)
            cv2.circle(drawn, spot.tolist(), size, color.tolist(), -1, LINE, SUB)


def _depth(y: np.ndarray) -> np.ndarray:
    """How large things are at a height of the meadow: about 0 far, 1 near."""
    return np.clip((y - HORIZON - 4) / (320 - HORIZON), 0.02, 1.3)


def _grass(
    rng: np.random.Generator, sheet: Sheet, palette: Palette, drawn: UInt8[np.ndarray, "h w 3"]
) -> None:
    """Blades and flowers, from the far edge to the nearest."""
    bottom = sheet.top + sheet.height + 14
    count = round(BLADES * sheet.width)
    y = np.sort(HORIZON + 9 + (bottom - HORIZON - 9) * rng.random(count) ** 1.15)
    x = sheet.left + sheet.width * rng.random(count)
    size = _depth(y)
    tall = (1.5 + 13 * size) * rng.uniform(0.6, 1.25, count)
    lean = tall * rng.normal(0.10, 0.32, count)
    half = 0.22 + 0.62 * size
    dark, light = (np.asarray(c) for c in palette.blade)
    share = np.clip(rng.normal(0.45, 0.22, count), 0, 1)
    far = np.asarray(palette.grass[0])
    color = dark + (light - dark) * share[:, None]
    color = color + (far - color) * (0.75 * np.clip(1 - size * 1.7, 0, 1))[:, None]
    outline = np.stack(
        [
            sheet.place(x - half, y),
            sheet.place(x + lean * 0.35 - half * 0.6, y - tall * 0.55),
            sheet.place(x + lean, y - tall),
            sheet.place(x + lean * 0.35 + half * 0.6, y - tall * 0.55),
            sheet.place(x + half, y),
        ],
        axis=1,
    )
    flower = rng.random(count) < FLOWERS / BLADES
    for at, (shape, tint) in enumerate(zip(outline, (color * 255).tolist(), strict=True)):
        cv2.fillConvexPoly(drawn, shape, tint, LINE, SUB)
        if flower[at]:
            _flower(rng, sheet, palette, drawn, (x[at] + lean[at], y[at] - tall[at], size[at]))


def _flower(
    rng: np.random.Generator,
    sheet: Sheet,
    palette: Palette,
    drawn: UInt8[np.ndarray, "h w 3"],
    place: tuple[float, float, float],
) -> None:
    """Petals round a heart; x, y and size."""
    x, y, size = place
    petal = np.asarray(palette.flowers[int(rng.integers(len(palette.flowers)))])
    reach, turn = 0.8 + 2.6 * size, rng.uniform(0, 2)
    radius = round(0.62 * reach * sheet.scale * 2**SUB)
    for i in range(6):
        angle = turn + i * np.pi / 3
        spot = sheet.place(x + reach * np.cos(angle), y + 0.6 * reach * np.sin(angle))
        tone = petal * rng.uniform(0.84, 1.0) * 255
        cv2.circle(drawn, spot.tolist(), radius, tone.tolist(), -1, LINE, SUB)
    heart = (235.0, 178.0, 40.0) if petal.min() > 0.5 else (120.0, 84.0, 30.0)
    cv2.circle(drawn, sheet.place(x, y).tolist(), radius, heart, -1, LINE, SUB)


def _light(rng: np.random.Generator, sheet: Sheet) -> Plane:
    """Slow shadows of clouds on the ground, and a darker foreground."""
    rows = sheet.rows()
    clouds = ramp(sheet.noise(rng, (60, 220), 2), 0.35, 0.65)
    on_ground = ramp(rows, HORIZON, HORIZON + 30)
    near = 1 - 0.22 * ramp(rows, 255, 330)
    return near * (1 - 0.20 * (1 - clouds) * on_ground)
