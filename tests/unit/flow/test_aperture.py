"""What a pattern shows of a motion is fitted without bias; what it leaves open stays at rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.flow.aperture import (
    AFFINE,
    SIMILARITY,
    Observations,
    fit_smallest,
    squared_misfit,
)
from vivid_core.flow.warp import Matrix, move_points

GRID = np.stack(np.meshgrid(np.arange(0, 90, 6.0), np.arange(0, 60, 6.0)), -1).reshape(-1, 2)
MIDDLE = GRID.mean(axis=0)


def similarity(angle: float, scale: float, shift: tuple[float, float]) -> Matrix:
    """About the middle of the grid."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    last = MIDDLE + shift - turn @ MIDDLE
    return np.block([[turn, last[:, None]], [np.zeros((1, 2)), np.ones((1, 1))]])


def observe(matrix: Matrix, *normals: float) -> Observations:
    """Points on straight edges with these normals in turn (radians); none: corners all."""
    tensor = np.eye(2) / 2
    tensors = np.broadcast_to(tensor, (len(GRID), 2, 2)).copy()
    for i, angle in enumerate(normals):
        n = np.array([np.cos(angle), np.sin(angle)])
        tensors[i :: len(normals)] = np.outer(n, n)
    return Observations(points=GRID, flow=move_points(matrix, GRID) - GRID, tensors=tensors)


motions = st.builds(
    similarity,
    st.floats(-0.05, 0.05),
    st.floats(0.95, 1.05),
    st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
)


@given(true=motions, rest=motions)
@pytest.mark.parametrize("parameters", [SIMILARITY, AFFINE])
def test_what_is_seen_is_found_wherever_rest_is(true, rest, parameters):
    for seen in (observe(true), observe(true, 0.3, 0.3 + np.pi / 2)):
        found = fit_smallest(seen, rest, parameters)
        assert np.abs(move_points(found, GRID) - move_points(true, GRID)).max() < 1e-3


@given(true=motions, angle=st.floats(0, np.pi), slide=st.floats(-8, 8))
def test_along_stripes_nothing_moves(true, angle, slide):
    """The flow along them is whatever it likes to be; rest is no motion."""
    across = np.array([np.cos(angle), np.sin(angle)])
    along = np.array([-across[1], across[0]])
    seen = observe(true, angle)
    flow = seen.flow + slide * along
    found = fit_smallest(Observations(points=GRID, flow=flow, tensors=seen.tensors), np.eye(3))
    moved = move_points(found, GRID) - GRID
    assert np.abs((moved - seen.flow) @ across).max() < 1e-3
    assert abs(float((moved @ along).mean())) < 1e-3


@given(true=motions)
def test_what_moves_otherwise_is_left_out(true):
    seen = observe(true)
    flow = seen.flow.copy()
    flow[: len(GRID) // 5] += (7.0, -4.0)
    found = fit_smallest(Observations(points=GRID, flow=flow, tensors=seen.tensors), np.eye(3))
    assert np.abs(move_points(found, GRID) - move_points(true, GRID)).max() < 0.3


def test_an_error_along_an_edge_does_not_show():
    edge = np.diag([1.0, 0.0])
    errors = np.array([[3.0, 0.0], [0.0, 9.0], [1.0, 2.0]])
    assert squared_misfit(errors, np.broadcast_to(edge, (3, 2, 2))).tolist() == [9, 0, 1]
