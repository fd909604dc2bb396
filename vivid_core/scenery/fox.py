"""A walking fox, drawn from rounded limbs: coverage, fur and shading for one point of its walk.

Lengths are units of a view 320 high; x points where the fox looks, y up, the origin lies on the
ground under the middle of its body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np
from jaxtyping import Float32

from .noise import Plane, mix, ramp

Color = tuple[float, float, float]
Place = tuple[float, float]

STRIDE = 66.0  # ground covered in one cycle of the legs
STANCE = 0.62  # share of the cycle that a foot stands
LIFT = 9.0  # how high a foot swings
LEFT, RIGHT, BELOW, ABOVE = -118.0, 84.0, -14.0, 100.0  # what it may cover
SHADOW_CENTER, SHADOW_RADII, SHADOW_DEPTH = -3.0, (54.0, 7.0), 0.55
WARMTH = np.array([0.72, 1.0, 1.12], np.float32)  # shade on fur stays warm
LIGHT = np.array([-0.35, 0.72, 0.6]) / np.linalg.norm([-0.35, 0.72, 0.6])


@dataclass(frozen=True, kw_only=True)
class Coat:
    """Colours of a fox, RGB in 0..1, and what it is called."""

    words: str
    back: Color
    side: Color
    belly: Color
    socks: Color


COATS = (
    Coat(
        words="a red fox",
        back=(0.62, 0.27, 0.09),
        side=(0.88, 0.46, 0.15),
        belly=(1.0, 0.79, 0.55),
        socks=(0.27, 0.14, 0.09),
    ),
    Coat(
        words="a golden fox",
        back=(0.72, 0.45, 0.15),
        side=(0.95, 0.70, 0.32),
        belly=(0.99, 0.96, 0.88),
        socks=(0.36, 0.22, 0.12),
    ),
    Coat(
        words="a grey fox",
        back=(0.27, 0.27, 0.30),
        side=(0.56, 0.55, 0.56),
        belly=(0.95, 0.93, 0.90),
        socks=(0.14, 0.13, 0.14),
    ),
    Coat(
        words="a white fox",
        back=(0.82, 0.83, 0.87),
        side=(0.96, 0.96, 0.97),
        belly=(1.0, 1.0, 1.0),
        socks=(0.72, 0.72, 0.76),
    ),
)


@dataclass(frozen=True)
class Limb:
    """A rounded cone between two places; `span` is what of its chain it is (0 root, 1 tip)."""

    start: Place
    stop: Place
    radii: tuple[float, float]
    span: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Solid:
    """Limbs grown together: signed distance (negative inside), height towards the viewer, and
    how far along its chain each point is."""

    distance: Plane
    height: Plane
    along: Plane


@dataclass(frozen=True)
class Painted:
    """Colour [h, w, 3] with coverage [h, w], both in 0..1."""

    color: Float32[np.ndarray, "h w 3"]
    coverage: Plane


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Where a fox is drawn: coordinates of each pixel, a pixel's size, and fur noise (-1..1)."""

    x: Plane
    y: Plane
    pixel: float
    fur: Plane


def draw_fox(canvas: Canvas, coat: Coat, walked: float) -> Painted:
    """The fox after it walked this many units."""
    cycle = walked / STRIDE
    bob = 1.3 * np.cos(4 * np.pi * cycle + 0.6)
    pitch = 0.018 * np.sin(4 * np.pi * cycle)
    parts = [
        _leg(canvas, coat, cycle + 0.50, hind=True, far=True, bob=bob),
        _leg(canvas, coat, cycle + 0.75, hind=False, far=True, bob=bob),
        _tail(canvas, coat, cycle, bob),
        _far_ear(canvas, coat, cycle, bob),
        _body(canvas, coat, cycle, bob, pitch),
    ]
    color = np.zeros((*canvas.x.shape, 3), np.float32)
    coverage = np.zeros(canvas.x.shape, np.float32)
    for part in parts:
        alpha = part.coverage[..., None]
        color = color * (1 - alpha) + part.color * alpha
        coverage = coverage * (1 - part.coverage) + part.coverage
    safe = np.maximum(coverage, 1e-4)[..., None]
    return Painted(color=np.clip(color / safe, 0, 1), coverage=coverage)


def draw_shadow(canvas: Canvas, walked: float) -> Plane:
    """How much light the ground loses, 0..1; exactly 0 outside an ellipse round the feet."""
    wide, high = SHADOW_RADII
    across = ((canvas.x - SHADOW_CENTER) / wide) ** 2 + ((canvas.y + 1.5) / high) ** 2
    dark = SHADOW_DEPTH * np.clip(1 - across, 0, 1) ** 1.3
    for x, y in _feet(walked / STRIDE):
        near = ((canvas.x - x) / 10) ** 2 + ((canvas.y + 1.0) / 4.5) ** 2
        dark = np.maximum(dark, 0.6 * np.clip(1 - near, 0, 1) / (1 + 0.3 * y))
    return dark.astype(np.float32)


def _feet(cycle: float) -> list[Place]:
    roots = ((-32.0, 0.0), (24.0, 0.25), (-32.0, 0.5), (24.0, 0.75))
    return [(x + _step(cycle + phase)[0], _step(cycle + phase)[1]) for x, phase in roots]


def _step(cycle: float) -> Place:
    """Where a foot is relative to below its joint: standing still on the ground, then swinging."""
    phase, reach = cycle % 1.0, STANCE * STRIDE / 2
    if phase < STANCE:
        return reach - phase * STRIDE, 0.0
    swing = (phase - STANCE) / (1 - STANCE)
    eased = swing * swing * (3 - 2 * swing)
    return -reach + 2 * reach * eased, LIFT * float(np.sin(np.pi * swing))


def _rounded(canvas: Canvas, limb: Limb) -> Solid:
    """One rounded cone: distance to its axis less the radius there."""
    (ax, ay), (bx, by) = limb.start, limb.stop
    dx, dy = bx - ax, by - ay
    px, py = canvas.x - np.float32(ax), canvas.y - np.float32(ay)
    t = np.clip((px * dx + py * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1).astype(np.float32)
    radius = limb.radii[0] + t * np.float32(limb.radii[1] - limb.radii[0])
    off = np.hypot(px - t * np.float32(dx), py - t * np.float32(dy))
    return Solid(
        distance=off - radius,
        height=np.sqrt(np.maximum(radius**2 - off**2, 0)),
        along=limb.span[0] + t * np.float32(limb.span[1] - limb.span[0]),
    )


def _grow_together(first: Solid, second: Solid, softness: float) -> Solid:
    """Smooth union (Quilez, polynomial smooth minimum)."""
    share = np.clip(0.5 + 0.5 * (first.distance - second.distance) / softness, 0, 1)
    taller = np.clip(0.5 + 0.5 * (second.height - first.height) / softness, 0, 1)
    apart = second.distance - first.distance
    return Solid(
        distance=first.distance + share * apart - softness * share * (1 - share),
        height=first.height + taller * (second.height - first.height),
        along=first.along + share * (second.along - first.along),
    )


def _chain(canvas: Canvas, limbs: Sequence[Limb], softness: float = 0.8) -> Solid:
    """Limbs that follow each other with equal radii where they meet."""
    solids = [_rounded(canvas, limb) for limb in limbs]
    return reduce(lambda one, other: _grow_together(one, other, softness), solids)


def _coverage(canvas: Canvas, distance: Plane, tufts: float) -> Plane:
    ragged = distance - tufts * canvas.fur
    return np.clip(0.5 - ragged / (1.2 * canvas.pixel), 0, 1).astype(np.float32)


def _shade(canvas: Canvas, solid: Solid, color: Float32[np.ndarray, "h w 3"]) -> np.ndarray:
    """Light from above on the rounded form, fur strands, darker below, a bright upper rim."""
    soft = cv2.GaussianBlur(solid.height, (0, 0), 1.3 / canvas.pixel)
    grow_y, grow_x = np.gradient(soft)
    step_x, step_y = canvas.x[0, 1] - canvas.x[0, 0], canvas.y[1, 0] - canvas.y[0, 0]
    slope_x, slope_y = -grow_x / step_x, -grow_y / step_y
    limit = np.maximum(1, np.hypot(slope_x, slope_y) / 1.6)
    slope_x, slope_y = slope_x / limit, slope_y / limit
    facing = slope_x * LIGHT[0] + slope_y * LIGHT[1] + LIGHT[2]
    light = facing / np.sqrt(1 + slope_x**2 + slope_y**2)
    edge = 0.62 + 0.38 * ramp(solid.distance, 0.3, -4.0)
    level = edge * (0.46 + 0.74 * np.clip(light, 0, 1))
    rim = ramp(solid.distance, -6.0, -2.0) * ramp(slope_y, 0.2, 1.2)
    strands = 1 + 0.13 * canvas.fur
    lit = color * strands[..., None] * level[..., None] ** WARMTH
    return (lit + 0.08 * rim[..., None] * np.array([1.0, 0.9, 0.7])).astype(np.float32)


def _joint(start: Place, stop: Place, lengths: tuple[float, float], bend: float) -> Place:
    """The knee of two bones between two places (law of cosines); `bend` is +1 or -1."""
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    span = min(float(np.hypot(dx, dy)), sum(lengths) - 0.05)
    first, second = lengths
    along = (first**2 - second**2 + span**2) / (2 * span)
    off = bend * float(np.sqrt(max(first**2 - along**2, 0)))
    ux, uy = dx / span, dy / span
    return start[0] + along * ux - off * uy, start[1] + along * uy + off * ux


def _leg_limbs(cycle: float, hind: bool, bob: float) -> list[Limb]:
    step_x, step_y = _step(cycle)
    root = (-32.0, 41.0 + bob) if hind else (24.0, 40.0 + bob)
    foot = (root[0] + step_x, step_y + 3.4)
    if hind:
        knee = _joint(root, foot, (21.0, 21.5), 1.0)
        hock = _joint(knee, foot, (12.5, 12.0), -1.0)
        radii, bones = (12.5, 7.6, 4.2, 3.4), (root, knee, hock, foot)
    else:
        knee = _joint(root, foot, (20.0, 19.5), -1.0)
        middle = ((knee[0] + foot[0]) / 2, (knee[1] + foot[1]) / 2)
        radii, bones = (9.5, 5.4, 4.0, 3.4), (root, knee, middle, foot)
    spans = (0.0, 0.4, 0.7, 1.0)
    chain = [
        Limb(bones[i], bones[i + 1], (radii[i], radii[i + 1]), (spans[i], spans[i + 1]))
        for i in range(3)
    ]
    toe = (foot[0] + 5.0, foot[1] - 0.6)
    return [*chain, Limb(foot, toe, (3.4, 2.8), (1.0, 1.0))]


def _leg_color(coat: Coat, solid: Solid) -> np.ndarray:
    return mix(coat.side, coat.socks, ramp(solid.along, 0.42, 0.72))


def _leg(canvas: Canvas, coat: Coat, cycle: float, *, hind: bool, far: bool, bob: float) -> Painted:
    solid = _chain(canvas, _leg_limbs(cycle, hind, bob))
    color = _shade(canvas, solid, _leg_color(coat, solid))
    if far:
        color = color * 0.58
    return Painted(color=color, coverage=_coverage(canvas, solid.distance, 0.5))


def _tail(canvas: Canvas, coat: Coat, cycle: float, bob: float) -> Painted:
    sway = [np.sin(2 * np.pi * (cycle - 0.16 * i)) for i in range(5)]
    places = [
        (-40.0, 48.0 + bob),
        (-56.0, 41.0 + 1.2 * sway[1]),
        (-75.0, 34.5 + 3.0 * sway[2]),
        (-95.0, 36.0 + 5.0 * sway[3]),
        (-108.0, 42.5 + 7.0 * sway[4]),
    ]
    radii = (6.5, 9.0, 11.5, 8.5, 1.5)
    limbs = [
        Limb(places[i], places[i + 1], (radii[i], radii[i + 1]), (i / 4, i / 4 + 0.25))
        for i in range(4)
    ]
    solid = _chain(canvas, limbs, 2.0)
    side = mix(coat.back, coat.side, ramp(solid.height, 2, 9))
    color = mix(side, coat.belly, ramp(solid.along + 0.05 * canvas.fur, 0.76, 0.86))
    lit = _shade(canvas, solid, color)
    return Painted(color=lit, coverage=_coverage(canvas, solid.distance, 1.5))


def _nod(cycle: float, bob: float) -> Place:
    """How far the head is from where it is at rest."""
    return 0.8 * float(np.sin(4 * np.pi * cycle)), bob + 1.2 * float(np.cos(4 * np.pi * cycle))


def _far_ear(canvas: Canvas, coat: Coat, cycle: float, bob: float) -> Painted:
    x, y = _nod(cycle, bob)
    solid = _rounded(canvas, Limb((55 + x, 72 + y), (57.5 + x, 91 + y), (6.4, 0.8)))
    dark = mix(coat.back, coat.socks, ramp(solid.along, 0.35, 0.9))
    color = 0.7 * _shade(canvas, solid, dark)
    return Painted(color=color, coverage=_coverage(canvas, solid.distance, 0.4))


def _body(canvas: Canvas, coat: Coat, cycle: float, bob: float, pitch: float) -> Painted:
    """Trunk, near legs, neck and head in one, with its markings."""
    nod_x, nod_y = _nod(cycle, bob)
    tip = pitch * 60
    trunk = [
        Limb((-32, 46 + bob - tip), (-6, 47 + bob), (15.0, 12.5), (0, 0)),
        Limb((-6, 47 + bob), (22, 45.5 + bob + tip), (12.5, 17.0), (0, 0)),
        Limb((25, 50 + bob), (46 + nod_x, 65 + nod_y), (14.0, 9.5), (0, 0)),
    ]
    solid = _chain(canvas, trunk, 5.0)
    for legs in (_leg_limbs(cycle, True, bob), _leg_limbs(cycle + 0.25, False, bob)):
        solid = _grow_together(solid, _chain(canvas, legs), 5.0)
    head = [_rounded(canvas, limb) for limb in _head_limbs(nod_x, nod_y)]
    solid = reduce(lambda one, other: _grow_together(one, other, 3.0), head, solid)
    color = _markings(canvas, coat, solid, nod_x, nod_y)
    lit = _shade(canvas, solid, color)
    lit = _face(canvas, coat, lit, nod_x, nod_y)
    return Painted(color=lit, coverage=_coverage(canvas, solid.distance, 0.7))


def _head_limbs(x: float, y: float) -> list[Limb]:
    return [
        Limb((49 + x, 68 + y), (53 + x, 67.5 + y), (11.5, 10.5), (0, 0)),
        Limb((57 + x, 65 + y), (75 + x, 61.2 + y), (7.4, 2.4), (0, 0)),
        Limb((46 + x, 61.5 + y), (48 + x, 58 + y), (7.5, 4.5), (0, 0)),
        Limb((45.5 + x, 74 + y), (42.5 + x, 93 + y), (7.2, 0.8), (0, 0)),
    ]


def _markings(canvas: Canvas, coat: Coat, solid: Solid, x: float, y: float) -> np.ndarray:
    """Dark back, lighter side, pale chest, cheek and belly, dark socks and ear tip."""
    ragged = canvas.y + 2.5 * canvas.fur
    color = mix(coat.side, coat.back, ramp(ragged, 47, 61) * ramp(canvas.x, 48, 36))
    belly = ramp(ragged, 38, 32) * ramp(canvas.x, -26, -8) * ramp(canvas.x, 26, 16)
    color = mix(color, coat.belly, 0.75 * belly * ramp(solid.along, 0.12, 0.0))
    chest = ramp(np.hypot((canvas.x - 42) / 10, (ragged - 46) / 17), 1.05, 0.75)
    jaw = (canvas.x - 46 - x) * -0.17 + 64.3 + y
    cheek = ramp(ragged - jaw, 1.2, -1.2) * ramp(canvas.x - x, 40, 46)
    color = mix(color, coat.belly, np.maximum(chest, cheek * ramp(canvas.y, 49, 55)))
    color = mix(color, coat.socks, ramp(solid.along, 0.42, 0.72))
    tip = ramp(canvas.y - y, 81, 90)
    return mix(color, coat.socks, tip * ramp(canvas.x, 52, 48))


def _face(canvas: Canvas, coat: Coat, lit: np.ndarray, x: float, y: float) -> np.ndarray:
    """Nose, eye with its glint, and the inside of the ear."""
    soft = 1.2 * canvas.pixel

    def spot(cx: float, cy: float, wide: float, high: float) -> Plane:
        ring = np.hypot((canvas.x - cx - x) / wide, (canvas.y - cy - y) / high)
        return np.clip(0.5 - (ring - 1) * min(wide, high) / soft, 0, 1).astype(np.float32)

    inner = spot(45.6, 80.0, 2.6, 6.5)
    lit = mix(lit, np.asarray(coat.belly) * 0.72, 0.7 * inner)
    lit = mix(lit, (0.06, 0.05, 0.05), spot(76.2, 62.2, 2.9, 2.4))
    lit = mix(lit, (0.08, 0.05, 0.04), spot(58.0, 69.4, 2.5, 2.1))
    return mix(lit, (1.0, 1.0, 0.95), spot(58.7, 70.2, 0.75, 0.7))
