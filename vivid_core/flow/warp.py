"""Warp images along homographies and flow, and compose both."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]  # homography [3, 3], of pixel centres at whole numbers (x, y, 1)
Places = NDArray[np.float32]  # [h, w, 2]: x, y in pixels to read from

LARGEST_SIDE = 32766  # OpenCV's remap counts in 16 bits


@lru_cache(maxsize=4)
def pixel_grid(height: int, width: int) -> Places:
    """x, y of every pixel centre, [h, w, 2]; to read only."""
    if max(height, width) > LARGEST_SIDE:
        raise InputError("frames", f"{width}x{height}: sides go up to {LARGEST_SIDE} pixels")
    y, x = np.mgrid[:height, :width].astype(np.float32)
    grid = np.stack([x, y], axis=-1)
    grid.setflags(write=False)
    return grid


def target_places(flow: Floats) -> Places:
    """Where each pixel is after the flow."""
    return pixel_grid(*flow.shape[:2]) + flow


def homography_places(matrix: Matrix, height: int, width: int) -> Places:
    """Where a homography takes each pixel."""
    places = cv2.perspectiveTransform(pixel_grid(height, width), matrix)
    return np.asarray(places, np.float32)


def pull(
    image: NDArray[Any],
    places: Places,
    *,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_CONSTANT,
) -> Floats:
    """The image as read at the given places; 0 outside it unless `border` says otherwise."""
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    return np.asarray(
        cv2.remap(image, x, y, interpolation, borderMode=border, borderValue=0), np.float32
    )


def stays_inside(places: Places, size: tuple[int, ...], *, margin: float = 0.0) -> Bools:
    """Places within a frame of this height and width, or at most `margin` pixels outside."""
    (height, width), x, y = size, places[..., 0], places[..., 1]
    across = (x >= -margin) & (x <= width - 1 + margin)
    return across & (y >= -margin) & (y <= height - 1 + margin)


def compose_places(first: Places, second: Places) -> Places:
    """One lookup for two: read `second` where `first` leads. Outside, the edge's motion goes on."""
    onward = second - pixel_grid(*second.shape[:2])
    return first + pull(onward, first, border=cv2.BORDER_REPLICATE)


def move_points(matrix: Matrix, points: NDArray[Any]) -> NDArray[np.float64]:
    """Points [n, 2] (x, y) after a homography."""
    moved = cv2.perspectiveTransform(np.asarray(points, np.float64)[None], matrix)
    return np.asarray(moved, np.float64)[0]


def invert(matrix: Matrix) -> Matrix:
    """The way back."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def local_scale(matrix: Matrix, point: tuple[float, float]) -> float:
    """How many pixels wide one pixel at the point becomes."""
    x, y = point
    corners = move_points(matrix, np.array([[x, y], [x + 1, y], [x, y + 1]]))
    (ax, ay), (bx, by) = corners[1] - corners[0], corners[2] - corners[0]
    return float(np.sqrt(abs(ax * by - ay * bx)))
