"""A fox walks through a meadow under a panning camera; masks, shadow and clean ground are known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float, Float32

from ..errors import InputError
from .fox import (
    ABOVE,
    BELOW,
    COATS,
    LEFT,
    RIGHT,
    STRIDE,
    Canvas,
    Coat,
    Painted,
    draw_fox,
    draw_shadow,
)
from .ground import PALETTES, Palette, Picture, Sheet, paint_meadow
from .noise import Plane, fractal, wave
from .sound import Track, wind_and_steps

VIEW_HEIGHT, VIEW_WIDTH = 320.0, 480.0  # units
MARGIN = 22.0  # units of ground painted round what the camera is meant to see
SHARPNESS, LARGEST_SHEET = 1.7, 1500.0  # painted pixels for each of the frame; rows at most
PACE, FARTHEST, CAMERA_SHARE = 4.6, 300.0, 0.42  # units a frame, in all, and of it panned
GROUND_LINE = 262.0  # where the fox walks, units below the top of the view
SMALLEST_SIDE = 16
Frames = Float32[np.ndarray, "t h w 3"]
Masks = Float32[np.ndarray, "t h w"]


@dataclass(frozen=True, kw_only=True)
class Meadow:
    """A clip that can be rendered with and without its fox, [T, H, W, 3] in 0..1.

    `frames` differ from `background` nowhere but in `footprint`. `camera` [T, 2, 3] takes pixels
    (x, y) of a frame to the world, in units of a view 320 high.
    """

    caption: str
    frames: int
    height: int
    width: int
    seed: int
    palette: Palette
    coat: Coat
    mirrored: bool
    camera: Float[np.ndarray, "t 2 3"]
    walk: Float[np.ndarray, " t"]  # world x of the fox

    @property
    def unit(self) -> float:
        """Pixels of a frame in a unit."""
        return self.height / VIEW_HEIGHT

    @cached_property
    def size(self) -> float:
        """Of the fox; smaller in narrow frames, so that it fits."""
        return min(1.0, self.width / self.unit / VIEW_WIDTH)

    @cached_property
    def _sheet(self) -> Sheet:
        corners = np.array([[0, 0, 1], [self.width, 0, 1], [0, self.height, 1]], np.float64).T
        last = np.array([[self.width], [self.height], [1]], np.float64)
        seen = self.camera @ np.concatenate([corners, last], axis=1)
        (left, top), (right, bottom) = seen.min(axis=(0, 2)), seen.max(axis=(0, 2))
        scale = min(SHARPNESS * self.unit, max(self.unit, LARGEST_SHEET / VIEW_HEIGHT))
        return Sheet(
            left=float(left) - MARGIN,
            top=float(top) - MARGIN,
            width=float(right - left) + 2 * MARGIN,
            height=float(bottom - top) + 2 * MARGIN,
            scale=scale,
        )

    @cached_property
    def _ground(self) -> Picture:
        rng = np.random.default_rng([self.seed, 320])
        painted = paint_meadow(rng, self._sheet, self.palette)
        blur = 0.42 * self._sheet.scale / self.unit  # what a lens does to detail below a pixel
        return cv2.GaussianBlur(painted, (0, 0), blur)

    @cached_property
    def _fur(self) -> Plane:
        """Strands along the body, -1..1, over the fox's own area at two pixels a unit."""
        high, wide = ABOVE - BELOW, RIGHT - LEFT
        rng = np.random.default_rng([self.seed, 7])
        shape = (int(high * 2), int(wide * 2))
        fine = fractal(rng, shape, (high, wide), (2.2, 5.0), octaves=2)
        coarse = fractal(rng, shape, (high, wide), (7.0, 16.0), octaves=2)
        return np.clip(3.2 * (fine - 0.5) + 1.6 * (coarse - 0.5), -1, 1).astype(np.float32)

    def render(self) -> Frames:
        """The clip with the fox and its shadow."""
        frames = self.background()
        for t in range(self.frames):
            rows, columns, canvas = self._canvas(t)
            fox = draw_fox(canvas, self.coat, self._walked(t))
            part = frames[t, rows, columns]
            part *= 1 - self._shadow(t, canvas)[..., None]
            color = fox.color * np.asarray(self.palette.light, np.float32)
            part += (np.clip(color, 0, 1) - part) * fox.coverage[..., None]
        return frames

    def background(self) -> Frames:
        """The truth for deletion: the clip as if there had been no fox."""
        return np.stack([self._view(t) for t in range(self.frames)])

    def mask(self) -> Masks:
        """Coverage of the fox alone, in 0..1."""
        masks = np.zeros((self.frames, self.height, self.width), np.float32)
        for t in range(self.frames):
            rows, columns, canvas = self._canvas(t)
            masks[t, rows, columns] = self._fox(t, canvas).coverage
        return masks

    def footprint(self) -> Masks:
        """1 wherever the fox or its shadow change anything, else 0."""
        masks = np.zeros((self.frames, self.height, self.width), np.float32)
        for t in range(self.frames):
            rows, columns, canvas = self._canvas(t)
            touched = (self._fox(t, canvas).coverage > 0) | (self._shadow(t, canvas) > 0)
            masks[t, rows, columns] = touched
        return masks

    def sound(self, fps: float) -> Track:
        """Wind, birds and the fox's steps at this many frames a second, [2, samples] in -1..1."""
        steps = [t / fps for t in range(1, self.frames) if self._steps(t) > self._steps(t - 1)]
        return wind_and_steps(self.seed, self.frames / fps, steps)

    def _steps(self, t: int) -> int:
        """How often a foot has come down until frame t."""
        return int(self._walked(t) / STRIDE * 4)

    def _fox(self, t: int, canvas: Canvas) -> Painted:
        return draw_fox(canvas, self.coat, self._walked(t))

    def _shadow(self, t: int, canvas: Canvas) -> Plane:
        return draw_shadow(canvas, self._walked(t))

    def _walked(self, t: int) -> float:
        """Units of its own size that the fox has walked."""
        return float(abs(self.walk[t] - self.walk[0])) / self.size + 20.0

    def _view(self, t: int) -> Picture:
        """What the camera sees of the ground in frame t."""
        to_sheet = np.array(
            [
                [self._sheet.scale, 0, -self._sheet.left * self._sheet.scale - 0.5],
                [0, self._sheet.scale, -self._sheet.top * self._sheet.scale - 0.5],
                [0, 0, 1],
            ]
        )
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        matrix = to_sheet @ np.vstack([self.camera[t], [0, 0, 1]]) @ half
        return cv2.warpAffine(
            self._ground,
            matrix[:2],
            (self.width, self.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _canvas(self, t: int) -> tuple[slice, slice, Canvas]:
        """The rows and columns of frame t that the fox may cover, as it is drawn there."""
        matrix = self.camera[t]
        rows, columns = self._bounds(t)
        px = np.arange(columns.start, columns.stop, dtype=np.float32)[None] + 0.5
        py = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5
        side = -1.0 if self.mirrored else 1.0
        x = (matrix[0, 0] * px + matrix[0, 1] * py + matrix[0, 2] - self.walk[t]) * side
        y = GROUND_LINE - (matrix[1, 0] * px + matrix[1, 1] * py + matrix[1, 2])
        x, y = (x / self.size).astype(np.float32), (y / self.size).astype(np.float32)
        fur = cv2.remap(
            self._fur,
            (x - LEFT) * 2,
            (ABOVE - y) * 2,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return rows, columns, Canvas(x=x, y=y, pixel=1 / (self.unit * self.size), fur=fur)

    def _bounds(self, t: int) -> tuple[slice, slice]:
        ends = (-RIGHT, -LEFT) if self.mirrored else (LEFT, RIGHT)
        across = self.walk[t] + np.array(ends) * self.size
        down = GROUND_LINE - np.array([ABOVE, BELOW]) * self.size
        corners = np.array([[x, y, 1.0] for x in across for y in down]).T
        back = np.linalg.inv(np.vstack([self.camera[t], [0, 0, 1]])) @ corners
        (left, top), (right, bottom) = back[:2].min(axis=1), back[:2].max(axis=1)
        return (
            slice(max(0, int(top)), min(self.height, int(bottom) + 2)),
            slice(max(0, int(left)), min(self.width, int(right) + 2)),
        )


def draw_meadow(seed: int = 0, *, frames: int = 49, height: int = 320, width: int = 480) -> Meadow:
    """The meadow of a seed: its season, the fox's coat and way, the camera's path.

    Raises InputError for sides under 16 pixels or no frames.
    """
    if frames < 1 or min(height, width) < SMALLEST_SIDE:
        raise InputError(
            "size",
            f"{frames} frames of {width}x{height} cannot be drawn: ask for at least one frame of "
            f"{SMALLEST_SIDE}x{SMALLEST_SIDE}",
        )
    rng = np.random.default_rng([seed, 49])
    mirrored = seed % 2 == 1
    wide = width * VIEW_HEIGHT / height
    walk, pan = _paths(frames, wide, -1.0 if mirrored else 1.0)
    coat = COATS[seed % len(COATS)]
    return Meadow(
        caption=coat.words,
        frames=frames,
        height=height,
        width=width,
        seed=seed,
        palette=PALETTES[seed % len(PALETTES)],
        coat=coat,
        mirrored=mirrored,
        camera=_camera(rng, pan, (height, width)),
        walk=walk,
    )


def _paths(frames: int, wide: float, side: float) -> tuple[np.ndarray, np.ndarray]:
    """World x of the fox and of the camera, which follows it at less than its pace."""
    size = min(1.0, wide / VIEW_WIDTH)
    way = min(PACE * (frames - 1), FARTHEST) * size
    share = np.linspace(-0.5, 0.5, frames) if frames > 1 else np.zeros(1)
    ahead = (-LEFT - RIGHT) / 2 * size  # its middle lies behind its origin
    return side * (share * way + ahead), side * share * way * CAMERA_SHARE


def _camera(
    rng: np.random.Generator, pan: np.ndarray, size: tuple[int, int]
) -> Float[np.ndarray, "t 2 3"]:
    """A pan held by hand: frame pixels to the world."""
    height, width = size
    times = np.arange(len(pan), dtype=np.float64)
    unit = height / VIEW_HEIGHT
    x = pan + 1.6 * wave(rng, times, 37)
    y = VIEW_HEIGHT / 2 + 2.6 * wave(rng, times, 31)
    roll = 0.006 * wave(rng, times, 43)
    near = (1 + 0.012 * wave(rng, times, 60)) / unit
    a, b = near * np.cos(roll), near * np.sin(roll)
    cx, cy = width / 2, height / 2
    rows = [[a, -b, x - a * cx + b * cy], [b, a, y - b * cx - a * cy]]
    return np.moveaxis(np.array(rows), -1, 0)
