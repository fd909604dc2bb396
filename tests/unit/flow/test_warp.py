"""Warps and their composition agree with the definition."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.flow.warp import (
    compose_places,
    homography_places,
    local_scale,
    move_points,
    pixel_grid,
    pull,
    stays_inside,
    target_places,
)

HEIGHT, WIDTH = 24, 32
shifts = st.tuples(st.integers(-8, 8), st.integers(-8, 8))
turns = st.floats(-0.2, 0.2)
scales = st.floats(0.8, 1.25)


def shift_flow(x: float, y: float) -> np.ndarray:
    return np.broadcast_to(np.float32([x, y]), (HEIGHT, WIDTH, 2)).copy()


def similarity(turn: float, scale: float, x: float, y: float) -> np.ndarray:
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[cos, -sin, x], [sin, cos, y], [0.0, 0.0, 1.0]])


@st.composite
def similarities(draw) -> np.ndarray:
    x, y = draw(shifts)
    return similarity(draw(turns), draw(scales), float(x), float(y))


def ramp() -> np.ndarray:
    """An image that is linear in x and y, which linear interpolation reads exactly."""
    return (pixel_grid(HEIGHT, WIDTH) @ np.float32([0.02, 0.01])).astype(np.float32)


@given(shift=shifts)
def test_whole_pixel_shifts_read_the_very_pixels(shift):
    image = np.random.default_rng(0).random((HEIGHT, WIDTH)).astype(np.float32)
    x, y = shift
    moved = pull(image, target_places(shift_flow(x, y)))
    expected = np.zeros_like(image)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            if 0 <= row + y < HEIGHT and 0 <= column + x < WIDTH:
                expected[row, column] = image[row + y, column + x]
    np.testing.assert_array_equal(moved, expected)


@given(one=shifts, other=shifts)
def test_shifts_add_up(one, other):
    places = [target_places(shift_flow(*shift)) for shift in (one, other)]
    total = compose_places(*places) - target_places(shift_flow(0, 0))
    np.testing.assert_allclose(total, shift_flow(one[0] + other[0], one[1] + other[1]), atol=1e-5)


@given(one=similarities(), other=similarities())
def test_composed_lookups_are_the_product_of_the_matrices(one, other):
    first = homography_places(one, HEIGHT, WIDTH)
    second = homography_places(other, HEIGHT, WIDTH)
    inside = stays_inside(first, (HEIGHT, WIDTH))
    both = homography_places(other @ one, HEIGHT, WIDTH)
    composed = compose_places(first, second)
    np.testing.assert_allclose(composed[inside], both[inside], atol=0.05)


@given(matrix=similarities())
def test_a_homography_and_its_inverse_cancel(matrix):
    points = np.array([[0.0, 0.0], [5.0, 9.0], [31.0, 23.0]])
    there = move_points(matrix, points)
    np.testing.assert_allclose(move_points(np.linalg.inv(matrix), there), points, atol=1e-6)


@given(matrix=similarities())
def test_linear_images_are_read_exactly(matrix):
    places = homography_places(matrix, HEIGHT, WIDTH)
    inside = stays_inside(places, (HEIGHT, WIDTH))
    expected = places @ np.float32([0.02, 0.01])
    read = pull(ramp(), places)
    np.testing.assert_allclose(read[inside], expected[inside], atol=1e-3)


@given(turn=turns, scale=scales)
def test_local_scale_of_a_similarity_is_its_scale(turn, scale):
    matrix = similarity(turn, scale, 3.0, -2.0)
    assert local_scale(matrix, (4.0, 7.0)) == pytest.approx(scale, rel=1e-6)


def test_outside_is_black_unless_asked_otherwise():
    image = np.ones((HEIGHT, WIDTH), np.float32)
    places = target_places(shift_flow(WIDTH, 0))
    assert not pull(image, places).any()
    assert pull(image, places, border=cv2.BORDER_REPLICATE).all()


def test_the_grid_cannot_be_written_and_knows_its_limit():
    with pytest.raises(ValueError, match="read-only"):
        pixel_grid(4, 5)[0, 0] = 1
    with pytest.raises(InputError, match="sides go up to 32766"):
        pixel_grid(1, 40_000)
