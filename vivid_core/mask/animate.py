"""Masks for things that are not there yet: painted shapes and paths become a mask every frame.

Shapes are blended by signed distance (Raya and Udupa 1990) after position and size are taken out,
so that a shape that travels stays whole between two keys.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, cast

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError, MaskError
from ..files.guarded import JsonError, decode_json
from .grow import Floats, select

Ease = Literal["linear", "smooth", "ease"]
Shape = Literal["ellipse", "box", "diamond"]
Doubles = NDArray[np.float64]
MAX_SCALE = 100.0
MOST_TEXT, MOST_POINTS = 2**20, 10_000  # of a path
_SMALLEST_FOLLOWED = 4  # pixels: a mask below that has no size to follow


@dataclass(frozen=True, kw_only=True)
class MaskKey:
    """A mask painted at one frame: [h, w], selected above 0.5."""

    frame: int
    mask: Shaped[Tensor, "h w"]


@dataclass(frozen=True, kw_only=True)
class PathPoint:
    """Where a shape's centre is at one frame.

    `x` and `y` are shares of the frame's width and height (0..1 inside it), `scale` multiplies
    the shape's size, `angle` turns it clockwise, in degrees.
    """

    frame: int
    x: float
    y: float
    scale: float = 1.0
    angle: float = 0.0

    def __post_init__(self) -> None:
        if self.frame < 0:
            raise InputError("path", f"frame {self.frame} is before the clip")
        if not all(math.isfinite(v) for v in (self.x, self.y, self.scale, self.angle)):
            raise InputError("path", f"the point at frame {self.frame} is not finite")
        if not 0 < self.scale <= MAX_SCALE:
            raise InputError(
                "path",
                f"scale must be above 0 and at most {MAX_SCALE:g}, got {self.scale:g} at frame "
                f"{self.frame}",
            )


def parse_path(text: str) -> tuple[PathPoint, ...]:
    """Points of a JSON list such as [{"frame": 0, "x": 0.2, "y": 0.8}], sorted by frame.

    Raises InputError that says which point is at fault.
    """
    try:
        entries: Any = decode_json(text, most_bytes=MOST_TEXT)
    except JsonError as error:
        raise InputError("path", f"the text {error}") from error
    if not isinstance(entries, list) or not entries:
        raise InputError("path", 'need a list of points such as [{"frame": 0, "x": 0.5, "y": 0.5}]')
    if len(cast(list[Any], entries)) > MOST_POINTS:
        raise InputError("path", f"has more than {MOST_POINTS:,} points: leave some out")
    points = [_point(i, entry) for i, entry in enumerate(cast(list[Any], entries))]
    points.sort(key=lambda point: point.frame)
    for before, after in zip(points, points[1:], strict=False):
        if before.frame == after.frame:
            raise InputError("path", f"has two points at frame {after.frame}: remove one")
    return tuple(points)


def _point(index: int, entry: Any) -> PathPoint:
    known = {f.name for f in fields(PathPoint)}
    if not isinstance(entry, dict):
        raise InputError("path", f"point {index} must be an object with frame, x and y")
    values = cast(dict[str, Any], entry)
    wrong = [k for k, v in values.items() if isinstance(v, bool) or not isinstance(v, int | float)]
    unknown = sorted(set(values) - known)
    missing = sorted({"frame", "x", "y"} - set(values))
    if unknown or missing or wrong:
        problem = (
            f"does not know {unknown[0][:40]!r}"
            if unknown
            else f"misses {missing[0]!r}"
            if missing
            else f"needs a number for {wrong[0][:40]!r}"
        )
        raise InputError("path", f"point {index} {problem}; it takes {', '.join(sorted(known))}")
    if values["frame"] != int(values["frame"]):
        raise InputError("path", f"point {index}: frame must be a whole number")
    return PathPoint(**values | {"frame": int(values["frame"])})


def draw_shape(
    shape: Shape, size: tuple[int, int], *, width: float, height: float
) -> Float[Tensor, "h w"]:
    """A shape in the middle of a frame of `size` (height, width); its own size in pixels."""
    if not (width > 0 and height > 0):
        raise InputError("shape", f"width and height must be above 0, got {width:g} x {height:g}")
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float64)
    y = np.abs(rows - (size[0] - 1) / 2) / (height / 2)
    x = np.abs(columns - (size[1] - 1) / 2) / (width / 2)
    inside = {"ellipse": x * x + y * y, "box": np.maximum(x, y), "diamond": x + y}[shape] <= 1
    if not inside.any():
        raise MaskError("shape", f"{width:g} x {height:g} pixels hold no pixel: make it larger")
    return torch.as_tensor(inside.astype(np.float32))


def animate_shape(
    shape: Shaped[Tensor, "h w"],
    path: Sequence[PathPoint],
    frames: int,
    *,
    ease: Ease = "smooth",
    motion: Float[Tensor, "t 3 3"] | None = None,
) -> Float[Tensor, "t h w"]:
    """The shape moved, scaled and turned along a path, in 0..1 with smooth edges.

    Before the first point and after the last it rests there. `ease`: "linear" keeps one speed
    between two points, "smooth" passes through the points without a jolt, "ease" slows down at
    every point. `motion` [frames, 3, 3] maps pixels of a common reference to each frame: the path
    is then drawn on what moves (the background, or another thing), each point where it is given
    in its own frame. Raises InputError for points outside the clip, MaskError for an empty shape.
    """
    source = _source(shape, "shape")
    size = np.array([shape.shape[1] - 1, shape.shape[0] - 1], np.float64)
    keys = [
        _Key(
            frame=point.frame,
            source=source,
            position=np.array([point.x, point.y]) * size,
            size=source.size * point.scale,
            angle=math.radians(point.angle),
        )
        for point in path
    ]
    return _animate(keys, frames, ease, motion, (int(shape.shape[0]), int(shape.shape[1])))


def animate_masks(
    painted: Sequence[MaskKey],
    frames: int,
    *,
    ease: Ease = "smooth",
    motion: Float[Tensor, "t 3 3"] | None = None,
) -> Float[Tensor, "t h w"]:
    """A mask for every frame from a few painted ones, in 0..1 with smooth edges.

    Between two of them, position and size are interpolated, and the shape by signed distance;
    outside of them the nearest one rests. `ease` and `motion` as in `animate_shape`. Raises
    InputError for frames outside the clip, MaskError for masks that are empty or differ in size.
    """
    if len({tuple(one.mask.shape) for one in painted}) > 1:
        raise MaskError("masks", "differ in size: give masks of the clip's own size")
    keys: list[_Key] = []
    for one in sorted(painted, key=lambda one: one.frame):
        source = _source(one.mask, f"mask at frame {one.frame}")
        keys.append(
            _Key(
                frame=one.frame,
                source=source,
                position=source.center,
                size=source.size,
                angle=0.0,
            )
        )
    size = (int(painted[0].mask.shape[0]), int(painted[0].mask.shape[1])) if painted else (1, 1)
    return _animate(keys, frames, ease, motion, size)


def follow_mask(track: Shaped[Tensor, "t h w"]) -> Float[Tensor, "t 3 3"]:
    """How the thing under a mask moves and grows: a `motion` for the functions above.

    Centre of mass and square root of the area; frames where the mask is (nearly) empty take
    values between their neighbours. Raises MaskError where it is empty on every frame.
    """
    frames = select(track)
    values: list[tuple[int, float, float, float]] = []
    for index, frame in enumerate(frames):
        area = int(frame.sum())
        if area >= _SMALLEST_FOLLOWED:
            rows, columns = np.nonzero(frame)
            values.append((index, float(columns.mean()), float(rows.mean()), math.log(area) / 2))
    if not values:
        raise MaskError("follow", "the mask to follow is empty on every frame")
    known = np.array(values, np.float64)
    times = np.arange(len(frames))
    x, y, size = (np.interp(times, known[:, 0], known[:, i]) for i in (1, 2, 3))
    motion = np.zeros((len(frames), 3, 3))
    motion[:, 0, 0] = motion[:, 1, 1] = np.exp(size - size[0])
    motion[:, 0, 2], motion[:, 1, 2], motion[:, 2, 2] = x, y, 1
    return torch.as_tensor(motion.astype(np.float32))


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A shape: signed distance to its edge (negative inside), centre (x, y), root of its area."""

    distance: Floats
    center: Doubles
    size: float


@dataclass(frozen=True, kw_only=True)
class _Key:
    """A shape, and where it is wanted at one frame."""

    frame: int
    source: _Source
    position: Doubles
    size: float
    angle: float


def _source(mask: Shaped[Tensor, "h w"], what: str) -> _Source:
    selected = select(mask[None])[0]
    if not selected.any():
        raise MaskError("masks", f"the {what} is empty: paint it white (white = edit)")
    rows, columns = np.nonzero(selected)
    # a frame of air around it, or a shape that touches the border would have no edge there
    padded = np.pad(selected, 1)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    outside = cv2.distanceTransform(1 - padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    distance = np.where(selected > 0, 0.5 - inside, outside - 0.5)
    return _Source(
        distance=distance.astype(np.float32),
        center=np.array([columns.mean(), rows.mean()]),
        size=math.sqrt(len(rows)),
    )


def _animate(
    keys: Sequence[_Key],
    frames: int,
    ease: Ease,
    motion: Tensor | None,
    size: tuple[int, int],
) -> Tensor:
    _check(keys, frames, motion)
    matrices = np.tile(np.eye(3), (frames, 1, 1)) if motion is None else _doubles(motion)
    route = _Route(keys, matrices, ease)
    masks = np.empty((frames, *size), np.float32)
    for frame in range(frames):
        distance = np.zeros(size, np.float32)
        for key, weight in route.blend(frame):
            distance += np.float32(weight) * route.distance(key, frame, size)
        masks[frame] = np.clip(0.5 - distance, 0, 1)
    return torch.as_tensor(masks)


def _check(keys: Sequence[_Key], frames: int, motion: Tensor | None) -> None:
    if not keys:
        raise InputError("masks", "need at least one mask or point")
    if motion is not None and len(motion) != frames:
        raise InputError("motion", f"has {len(motion)} frames but the clip has {frames}")
    seen: set[int] = set()
    for key in keys:
        if not 0 <= key.frame < frames:
            raise InputError(
                "frames", f"frame {key.frame} is outside the clip: it has 0 to {frames - 1}"
            )
        if key.frame in seen:
            raise InputError("frames", f"frame {key.frame} is given twice: keep one of them")
        seen.add(key.frame)


def _doubles(motion: Tensor) -> Doubles:
    return motion.detach().cpu().double().numpy()


class _Route:
    """Position, size and angle over time, held in the coordinates of the common reference."""

    def __init__(self, keys: Sequence[_Key], matrices: Doubles, ease: Ease) -> None:
        self.keys, self.matrices = keys, matrices
        self.ease: Ease = ease
        self.times = np.array([key.frame for key in keys], np.float64)
        self.values = np.array([self._at_reference(key) for key in keys])

    def _at_reference(self, key: _Key) -> list[float]:
        back = cast(Doubles, np.linalg.inv(self.matrices[key.frame]))
        x, y = _apply(back, key.position)
        return [x, y, math.log(key.size * _local_scale(back, key.position)), key.angle]

    def blend(self, frame: int) -> list[tuple[_Key, float]]:
        """The keys around a frame and their shares."""
        after = int(np.searchsorted(self.times, frame))
        if after == 0:
            return [(self.keys[0], 1.0)]
        if after == len(self.keys):
            return [(self.keys[-1], 1.0)]
        before, behind = self.keys[after - 1], self.keys[after]
        if before.source is behind.source:
            return [(behind, 1.0)]
        share = (frame - before.frame) / (behind.frame - before.frame)
        share = share if self.ease == "linear" else _slow_ends(share)
        return [(before, 1 - share), (behind, share)]

    def distance(self, key: _Key, frame: int, size: tuple[int, int]) -> Floats:
        """Signed distance, in pixels, to the key's shape as it lies at this frame."""
        x, y, log_size, angle = interpolate(self.times, self.values, frame, self.ease)
        matrix, here = self.matrices[frame], np.array([x, y])
        scale = math.exp(log_size) / key.source.size
        placed = matrix @ _similarity(key.source.center, here, scale, angle)
        warped = cv2.warpPerspective(
            key.source.distance,
            placed,
            (size[1], size[0]),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=float(max(size)),
        )
        return np.asarray(warped, np.float32) * np.float32(scale * _local_scale(matrix, here))


def interpolate(times: Doubles, values: Doubles, at: float, ease: Ease) -> Doubles:
    """Values [n, d] of rising times, at another time; held before the first and after the last.

    "smooth" is the cubic Hermite curve with finite-difference tangents (Catmull and Rom 1974),
    "ease" rests at every point.
    """
    if at <= times[0] or len(times) == 1:
        return values[0]
    if at >= times[-1]:
        return values[-1]
    i = int(np.searchsorted(times, at, side="right")) - 1
    span = times[i + 1] - times[i]
    share = float((at - times[i]) / span)
    if ease != "smooth":
        share = share if ease == "linear" else _slow_ends(share)
        return (1 - share) * values[i] + share * values[i + 1]
    start, end = _tangent(times, values, i) * span, _tangent(times, values, i + 1) * span
    square, cube = share**2, share**3
    return (
        (2 * cube - 3 * square + 1) * values[i]
        + (cube - 2 * square + share) * start
        + (3 * square - 2 * cube) * values[i + 1]
        + (cube - square) * end
    )


def _tangent(times: Doubles, values: Doubles, i: int) -> Doubles:
    low, high = max(0, i - 1), min(len(times) - 1, i + 1)
    return (values[high] - values[low]) / (times[high] - times[low])


def _slow_ends(share: float) -> float:
    return share * share * (3 - 2 * share)


def _similarity(source: Doubles, target: Doubles, scale: float, angle: float) -> Doubles:
    """Scale and turn around `source`, then move it to `target`; y points down."""
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, target - linear @ source
    return matrix


def _apply(matrix: Doubles, point: Doubles) -> tuple[float, float]:
    x, y, w = matrix @ np.array([point[0], point[1], 1.0])
    return float(x / w), float(y / w)


def _local_scale(matrix: Doubles, point: Doubles) -> float:
    """Root of how much areas grow at a point."""
    w = matrix[2] @ np.array([point[0], point[1], 1.0])
    return math.sqrt(abs(float(np.linalg.det(matrix) / w**3)))
