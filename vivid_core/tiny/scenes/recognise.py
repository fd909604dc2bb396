"""A rule-based recogniser for procedural scenes: which colour and shape is in the mask?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .shapes import COLORS, SHAPES, shape_distance

FRAMES_LOOKED_AT = 3  # spread evenly over the clip
SHADINGS = (0.8, 0.9, 1.0, 1.1, 1.2)  # scenes light their things by this much
COLOR_TOLERANCE = 0.25  # of an RGB cube of side 1; muted backgrounds keep a larger distance
HIDDEN_WEIGHT = 0.15  # of pixels of other things: they may hide a part, or be seen through a hole
MIN_PIXELS = 6  # fewer in a frame are no object
TEMPLATE_CELLS = 32
TEMPLATE_REACH = 1.2  # radii from the centre; a star's points reach 1.12
ANGLES = np.linspace(-0.5, 0.5, 9, dtype=np.float32)  # scenes tilt their things by less
# A whole thing covers 1.6 to 2.7 r^2, a half-hidden one half of that.
RADII = np.geomspace(0.58, 1.3, 11)  # of the square root of the visible area
SHIFTS = np.linspace(-0.6, 0.6, 9)  # radii
FINE_RADII, FINE_SHIFTS = np.array([0.96, 1.0, 1.04]), np.linspace(-0.1, 0.1, 5)

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]  # index into COLORS, -1 where no palette colour is near


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """What was seen; nothing, where no palette colour is found. `score` is the mean best IoU."""

    color: str | None = None
    shape: str | None = None
    score: float = 0.0

    @property
    def words(self) -> str:
        return f"{self.color} {self.shape}"


def recognise(frames: Floats, mask: Floats) -> Recognition:
    """Name the thing inside the mask: frames [T, H, W, 3] in 0..1, mask [T, H, W] (above 0.5).

    The colour is the palette colour with most pixels, the middle of the mask counting more than
    its rim, and a colour that goes on outside the mask less, since that is another thing. The
    shape is the template that overlaps those pixels best over place, size and tilt; pixels of
    other things hardly count against it, those beyond the frame not at all.
    """
    times = np.unique(np.linspace(0, len(frames) - 1, FRAMES_LOOKED_AT).round().astype(int))
    labels, inside = nearest_colors(frames[times]), mask[times] > 0.5
    color = _winning_color(labels, inside)
    if color is None:
        return Recognition()
    scores = [
        _score_shapes(*_split(label, hole, color))
        for label, hole in zip(labels, inside, strict=True)
    ]
    seen = [score for score in scores if score is not None]
    if not seen:
        return Recognition()
    mean = np.mean(seen, axis=0)
    return Recognition(
        color=list(COLORS)[color], shape=SHAPES[int(mean.argmax())], score=float(mean.max())
    )


def nearest_colors(frames: Floats) -> Labels:
    """The palette colour of each pixel under any of the scenes' shadings, or -1."""
    palette = np.asarray(list(COLORS.values()), np.float32) / 255
    distance = np.full((*frames.shape[:-1], len(palette)), np.inf, np.float32)
    for shading in SHADINGS:
        shaded = np.clip(palette * np.float32(shading), 0, 1)
        difference = frames[..., None, :] - shaded
        distance = np.minimum(distance, np.linalg.norm(difference, axis=-1))
    return np.where(distance.min(axis=-1) < COLOR_TOLERANCE, distance.argmin(axis=-1), -1)


def _winning_color(labels: Labels, inside: NDArray[np.bool_]) -> int | None:
    holes = inside.astype(np.uint8)
    # Padding: beyond the frame is outside too, or a mask that fills a frame has no rim.
    depth = np.stack(
        [cv2.distanceTransform(np.pad(h, 1), cv2.DIST_L2, 5)[1:-1, 1:-1] for h in holes]
    )
    chosen = inside & (labels >= 0)
    if chosen.sum() < MIN_PIXELS:
        return None
    votes = np.bincount(labels[chosen], depth[chosen], minlength=len(COLORS))
    within, anywhere = (
        np.bincount(labels[where], minlength=len(COLORS)) for where in (chosen, labels >= 0)
    )
    return int((votes * within / np.maximum(anywhere, 1)).argmax())


def _split(label: Labels, hole: NDArray[np.bool_], color: int) -> tuple[Floats, Floats]:
    """Where the thing is seen (0 or 1), and how sure each pixel is about that (0 to 1)."""
    thing = (label == color) & hole
    sure = np.where(thing | (label < 0), np.float32(1), np.float32(HIDDEN_WEIGHT))
    return thing.astype(np.float32), sure


def _score_shapes(thing: Floats, sure: Floats) -> Floats | None:
    """Best IoU of each shape in one frame; None where the thing is not visible."""
    area = float(thing.sum())
    if area < MIN_PIXELS:
        return None
    y, x = (float(axis.mean()) for axis in np.nonzero(thing))
    places = _spread(np.array([x, y, np.sqrt(area)]), RADII, SHIFTS)
    scores = _overlaps(thing, sure, places)
    best = scores.argmax(axis=0)
    fine = np.concatenate([_spread(places[i], FINE_RADII, FINE_SHIFTS) for i in np.unique(best)])
    return np.maximum(scores.max(axis=0), _overlaps(thing, sure, fine).max(axis=0))


def _spread(place: Floats, radii: Floats, shifts: Floats) -> Floats:
    """Candidate places [n, 3] (x, y, radius) around one; radii and shifts are relative."""
    x, y, radius = place
    r, dx, dy = (a.ravel() for a in np.meshgrid(radii * radius, shifts, shifts, indexing="ij"))
    return np.stack([x + dx * r, y + dy * r, r], axis=1).astype(np.float32)


def _overlaps(thing: Floats, sure: Floats, places: Floats) -> Floats:
    """IoU [places, shapes] of the thing with each shape there, at its best tilt."""
    templates = _templates()
    seen, surely = (_sample(image, places) for image in (thing, sure))
    shared = seen @ templates.T
    union = seen.sum(axis=1, keepdims=True) + surely @ templates.T - shared
    # A place that leaves out parts of the thing must pay for them too.
    cell = 2 * TEMPLATE_REACH * places[:, 2:] / TEMPLATE_CELLS
    missed = np.maximum(thing.sum() / cell**2 - seen.sum(axis=1, keepdims=True), 0)
    scores = shared / np.maximum(union + missed, 1)
    return scores.reshape(len(places), len(SHAPES), len(ANGLES)).max(axis=2)


def _sample(image: Floats, places: Floats) -> Floats:
    """The image over the template's cells at each place, [places, cells]; 0 beyond the frame."""
    u, v = (a.ravel() for a in _cells())
    x = np.rint(places[:, :1] + places[:, 2:] * u).astype(np.int32) + 1
    y = np.rint(places[:, 1:2] + places[:, 2:] * v).astype(np.int32) + 1
    height, width = image.shape
    padded = np.pad(image, 1).ravel()
    return padded[np.clip(y, 0, height + 1) * (width + 2) + np.clip(x, 0, width + 1)]


@lru_cache(maxsize=1)
def _cells() -> tuple[Floats, Floats]:
    """Coordinates of the template's cells, in radii."""
    centers = (np.arange(TEMPLATE_CELLS, dtype=np.float32) + 0.5) / TEMPLATE_CELLS
    x, y = np.meshgrid(*[(2 * centers - 1) * np.float32(TEMPLATE_REACH)] * 2)
    return x, y


@lru_cache(maxsize=1)
def _templates() -> Floats:
    """Every shape at every tilt, [shapes * angles, cells], 0 or 1."""
    x, y = _cells()
    turned = [(np.cos(a) * x + np.sin(a) * y, np.cos(a) * y - np.sin(a) * x) for a in ANGLES]
    drawn = [shape_distance(shape, u, v, 1.0) < 0 for shape in SHAPES for u, v in turned]
    return np.stack(drawn).reshape(len(drawn), -1).astype(np.float32)
