"""Fit motion to patterns that leave some of it open (the aperture problem): the smallest wins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .warp import Matrix, move_points

Points = NDArray[np.floating]

SIMILARITY, AFFINE = 4, 6  # parameters of the two models
ONE_WAY = 0.03  # of the strongest direction's evidence: a direction with less is open
SCALES = (4.0, 2.0, 1.0, 1.0, 1.0)  # pixels: how far off a point still counts, pass by pass


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Points [n, 2] (x, y), their flow [n, 2] in pixels, and how much of it can be seen.

    `tensors` [n, 2, 2] are structure tensors of trace 1: for a straight edge, the projection on
    its normal, so that r' S r is the squared error that shows.
    """

    points: Points
    flow: Points
    tensors: Points


def fit_smallest(seen: Observations, rest: Matrix, parameters: int = SIMILARITY) -> Matrix:
    """The motion that the observations show and, where they show none, that is nearest to `rest`.

    Weighted least squares on r' S r with Geman and McClure's weights, whose scale shrinks (Black
    and Anandan 1996). In the eigenvectors of the normal matrix (columns scaled so that each moves
    the points by 1 pixel in root mean square) each coefficient is drawn from the least-squares
    solution towards `rest` by 1 / (1 + (ONE_WAY m / e)^4), of its eigenvalue e and the largest m:
    less than 1% beyond 3.2 ONE_WAY, so that what is seen stays unbiased.
    """
    basis = _Basis.over(seen.points, parameters)
    at_rest = basis.project(move_points(rest, seen.points) - seen.points)
    rows = basis.moves.reshape(-1, parameters)
    shown = (seen.tensors @ basis.moves).reshape(-1, parameters)
    onward = seen.flow.ravel() - rows @ at_rest
    found = np.zeros(parameters)
    weights = np.ones(len(seen.points))
    for scale in SCALES:
        weighted = shown.T * np.repeat(weights / weights.sum(), 2)
        found = _solve_seen(weighted @ rows, weighted @ onward)
        error = (onward - rows @ found).reshape(-1, 2)
        weights = _geman_mcclure(squared_misfit(error, seen.tensors), scale)
    return basis.matrix(at_rest + found)


def squared_misfit(error: Points, tensors: Points) -> Points:
    """Squared pixels [...] of an error [..., 2] that a pattern [..., 2, 2] lets one see."""
    x, y = error[..., 0], error[..., 1]
    across = 2 * tensors[..., 0, 1] * x * y
    return tensors[..., 0, 0] * x * x + across + tensors[..., 1, 1] * y * y


def _solve_seen(normal: Points, target: Points) -> Points:
    """Least squares in the eigenvectors that are seen; nothing in those that are open."""
    values, vectors = np.linalg.eigh(normal)
    values = np.maximum(values, 1e-12)
    kept = 1 / (1 + (ONE_WAY * values[-1] / values) ** 4)
    return vectors @ (kept / values * (vectors.T @ target))


def _geman_mcclure(squared: Points, scale: float) -> Points:
    return 1 / (1 + squared / scale**2) ** 2


@dataclass(frozen=True, kw_only=True)
class _Basis:
    """How each parameter moves the points: `moves` [n, 2, p], about `center`, in `radius`."""

    center: Points
    radius: float
    moves: Points

    @classmethod
    def over(cls, points: Points, parameters: int) -> _Basis:
        center = points.mean(axis=0, dtype=np.float64)
        apart = points - center
        radius = max(float(np.sqrt(np.square(apart).sum(axis=1).mean())), 1.0)
        x, y = (apart / radius).T
        zero, one = np.zeros_like(x), np.ones_like(x)
        columns = {
            SIMILARITY: ([one, zero, x, -y], [zero, one, y, x]),
            AFFINE: ([one, zero, x, y, zero, zero], [zero, one, zero, zero, x, y]),
        }[parameters]
        moves = np.moveaxis(np.array(columns, np.float64), -1, 0)
        return cls(center=center, radius=radius, moves=moves)

    def project(self, displacement: Points) -> Points:
        """Parameters of the nearest such motion, by least squares."""
        rows = self.moves.reshape(-1, self.moves.shape[-1])
        return np.linalg.lstsq(rows, displacement.reshape(-1), rcond=None)[0]

    def matrix(self, found: Points) -> Matrix:
        """The homography [3, 3] of these parameters."""
        slopes = found[2:] / self.radius
        a, b, c, d = (slopes[0], -slopes[1], slopes[1], slopes[0]) if len(slopes) == 2 else slopes
        linear = np.array([[1 + a, b], [c, 1 + d]])
        shift = self.center + found[:2] - linear @ self.center
        return np.block([[linear, shift[:, None]], [np.zeros((1, 2)), np.ones((1, 1))]])
