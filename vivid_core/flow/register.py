"""Register one frame to another: the motion of the background between them, robustly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from .consistency import find_consistent
from .engine import FlowEngine
from .warp import (
    Bools,
    Floats,
    Matrix,
    homography_places,
    invert,
    local_scale,
    move_points,
    pixel_grid,
    pull,
    stays_inside,
)

Frame = Float[Tensor, "h w 3"]

INLIER_PIXELS = 1.0  # a point further than this from where a fit puts it moves otherwise
OTHER_PIXELS = 2.0  # a connected region beyond this is left out of a second fit
POINTS = 6000  # that a fit looks at, on a grid
FEWEST_POINTS = 24  # that a fit is made of; four would do if all were exact
TEXTURE_SIDE, SOBEL_SIDE = 5, 3  # pixels of the window that shows texture, and of its gradients
TEXTURE_SHARE = 0.01  # of a strong corner's measure (Shi and Tomasi 1994)
TEXTURE_FLOOR = 2e-6  # of that measure; below there is only coding noise
AMBIGUOUS_SUPPORT = 0.5  # at most, for motion along a pattern that runs in one direction only
ENOUGH_CORNERS = 200  # pixels; with fewer, any gradient has to do
ONE_WAY = 0.03  # strength across to strength along, below which a pattern runs in one direction
PARSIMONY = 0.02  # share of the points that a simpler model may leave unexplained
LARGEST_WARP = 2.0  # times the smallest magnification in the frame, at most
FLAT = 1e-9  # perspective terms below this are none
POLISH_PIXELS = 100_000  # of the frame for the last step, which is scaled down to this
POLISH_STEPS, POLISH_CHANGE = 30, 1e-5  # iterations; change of the correlation that ends them
POLISH_BLUR = 5  # pixels, as in Evangelidis and Psarakis's own code
POLISH_REACH = 3.0  # pixels; a last step that goes further has followed something else


@dataclass(frozen=True, kw_only=True)
class View:
    """A frame, and the pixels [h, w] of it that are not background (masked, or an entity)."""

    pixels: Frame
    hidden: Bools

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        pixels = (self.pixels.numpy() * 255).round().clip(0, 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)

    @property
    def corners(self) -> Bools:
        """Pixels around which motion shows in both directions (Shi and Tomasi 1994)."""
        return self._texture[1]

    @property
    def gradients(self) -> Bools:
        """Pixels around which motion shows in some direction."""
        return self._texture[0]

    @cached_property
    def _texture(self) -> tuple[Bools, Bools]:
        """Where the larger and the smaller eigenvalue of the structure tensor are strong."""
        larger, smaller = self._structure[..., 0], self._structure[..., 1]
        return _strong(larger), _strong(smaller)

    @cached_property
    def _structure(self) -> Floats:
        """Eigenvalues of the structure tensor, larger first, and the first's direction x, y."""
        values = cv2.cornerEigenValsAndVecs(
            self.luma.astype(np.float32) / 255, TEXTURE_SIDE, SOBEL_SIDE
        )
        first = values[..., :1] >= values[..., 1:2]
        ordered = np.where(first, values[..., [0, 1, 2, 3]], values[..., [1, 0, 4, 5]])
        return np.asarray(ordered, np.float32)

    def runs_one_way(self, where: Bools) -> bool:
        """Whether the gradients at these pixels all point the same way, or nearly so."""
        larger, smaller, x, y = self._structure[where].astype(np.float64).T
        share = (larger - smaller) / np.maximum(larger + smaller, 1e-12)
        along = np.array([[x * x, x * y], [x * y, y * y]]) * share
        rest = np.eye(2)[..., None] * (1 - share) / 2
        weak, strong = np.linalg.eigvalsh((along + rest).mean(axis=-1))
        return bool(weak < ONE_WAY * strong)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What two frames say of the motion between them.

    `guess` takes the reference to the other frame, `aligned` is that frame seen so, and `flow`
    what motion is left. `usable` marks pixels of the reference whose flow can be believed, `open`
    those that are background in both frames; `overlap` is the share of the reference that the
    other frame still shows.
    """

    guess: Matrix
    reference: View
    aligned: View
    flow: Floats
    usable: Bools
    open: Bools
    overlap: float
    ambiguous: bool

    def points(self, region: Bools | None = None) -> tuple[Floats, Floats]:
        """Where points of a region are, and where the flow takes them; both [n, 2]."""
        chosen = self.usable if region is None else self.usable & region
        step = max(1, int(np.sqrt(max(1, int(chosen.sum())) / POINTS)))
        grid = pixel_grid(*chosen.shape)[::step, ::step][chosen[::step, ::step]]
        return grid, grid + self.flow[::step, ::step][chosen[::step, ::step]]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """`matrix` takes pixels of the reference to the other frame; `support` is the share (0..1) of
    the points looked at that follow it, at most 0.5 where the pattern leaves it ambiguous."""

    matrix: Matrix
    support: float


def gather_evidence(engine: FlowEngine, reference: View, other: View, guess: Matrix) -> Evidence:
    """Flow from the reference to the other frame, after the guess has been taken back."""
    aligned, inside = _align(other, guess, reference)
    there, back = reference.pixels, aligned.pixels
    forward, backward = engine.estimate(there, back), engine.estimate(back, there)
    visible = inside & ~reference.hidden & ~aligned.hidden
    trusted = find_consistent(forward, backward).numpy() & visible
    corners, gradients = trusted & reference.corners, trusted & reference.gradients
    ambiguous = bool(gradients.any()) and reference.runs_one_way(gradients)
    few = ambiguous or int(corners.sum()) < ENOUGH_CORNERS
    return Evidence(
        guess=guess,
        reference=reference,
        aligned=aligned,
        flow=forward.numpy(),
        usable=gradients if few else corners,
        open=visible,
        overlap=float(inside.mean()),
        ambiguous=ambiguous,
    )


def fit_camera(evidence: Evidence) -> Registration | None:
    """The whole frame's motion, without regions that move otherwise; None if too little agrees.

    The simplest of similarity, affine map and homography that explains the points as well as any:
    where only a corner of the frame shows texture, a homography would run wild elsewhere.
    """
    start, end = evidence.points()
    left = _find_motion(start, end)
    if left is None:
        return None
    steady = ~find_other_motion(evidence, left)
    refined = _find_motion(*evidence.points(steady))
    left = polish(evidence, left if refined is None else refined, steady)
    return _registration(evidence, left, start, end) if _is_plausible(evidence, left) else None


def fit_affine(evidence: Evidence, region: Bools) -> Registration | None:
    """The motion of one region [h, w] of the reference; None if too little of it agrees."""
    start, end = evidence.points(region)
    if len(start) < FEWEST_POINTS:
        return None
    left = _find_affine(start, end)
    if left is None or int(_is_close(left, start, end).sum()) < FEWEST_POINTS:
        return None
    return _registration(evidence, left, start, end)


def share_that_follows(evidence: Evidence, matrix: Matrix, region: Bools) -> float:
    """Share (0..1) of a region's points that a motion explains; NaN where too few say anything."""
    start, end = evidence.points(region)
    if len(start) < FEWEST_POINTS:
        return float("nan")
    return _share_within(evidence, invert(evidence.guess) @ matrix, start, end)


def find_other_motion(evidence: Evidence, left: Matrix) -> Bools:
    """Connected regions [h, w] of the reference that a fit does not explain, with a margin."""
    height, width = evidence.usable.shape
    fitted = homography_places(left, height, width) - pixel_grid(height, width)
    error = np.linalg.norm(evidence.flow - fitted, axis=-1)
    other = ((error > OTHER_PIXELS) & evidence.open).astype(np.uint8)
    radius = max(2, min(height, width) // 60)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = cv2.morphologyEx(other, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.dilate(solid, disc).astype(np.bool_)


def normalize(matrix: Matrix) -> Matrix:
    """The same homography with 1 in its last place."""
    return matrix / matrix[2, 2]


def _align(other: View, guess: Matrix, reference: View) -> tuple[View, Bools]:
    """The other frame as the reference sees it, and where it reaches; else the reference itself."""
    places = homography_places(guess, *reference.hidden.shape)
    inside = stays_inside(places, other.hidden.shape)
    pixels = pull(other.pixels.numpy(), places, interpolation=cv2.INTER_CUBIC)
    aligned = np.where(inside[..., None], pixels, reference.pixels.numpy()).clip(0, 1)
    hidden = pull(other.hidden.astype(np.float32), places) > 0
    return View(pixels=torch.from_numpy(aligned), hidden=hidden), inside


def _registration(evidence: Evidence, left: Matrix, start: Floats, end: Floats) -> Registration:
    return Registration(
        matrix=normalize(evidence.guess @ left),
        support=_share_within(evidence, left, start, end),
    )


def _find_motion(start: Floats, end: Floats) -> Matrix | None:
    """The simplest model that explains the points; None if too few of them agree."""
    if len(start) < FEWEST_POINTS:
        return None
    found = [fit(start, end) for fit in (_find_similarity, _find_affine, _find_homography)]
    models = [model for model in found if model is not None]
    counts = [int(_is_close(model, start, end).sum()) for model in models]
    if not counts or max(counts) < FEWEST_POINTS:
        return None
    enough = (1 - PARSIMONY) * max(counts)
    return next(m for m, count in zip(models, counts, strict=True) if count >= enough)


def _find_similarity(start: Floats, end: Floats) -> Matrix | None:
    matrix, _ = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=INLIER_PIXELS
    )
    return None if matrix is None else np.vstack([matrix, [0.0, 0.0, 1.0]])


def _find_affine(start: Floats, end: Floats) -> Matrix | None:
    matrix, _ = cv2.estimateAffine2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=INLIER_PIXELS
    )
    return None if matrix is None else np.vstack([matrix, [0.0, 0.0, 1.0]])


def _find_homography(start: Floats, end: Floats) -> Matrix | None:
    """MAGSAC, then least squares on what it keeps."""
    matrix, _ = cv2.findHomography(start, end, cv2.USAC_MAGSAC, INLIER_PIXELS)
    if matrix is None:
        return None
    found = np.asarray(matrix, np.float64)
    close = _is_close(found, start, end)
    if int(close.sum()) < FEWEST_POINTS:
        return None
    refined, _ = cv2.findHomography(start[close], end[close], 0)
    return found if refined is None else normalize(np.asarray(refined, np.float64))


def _is_plausible(evidence: Evidence, left: Matrix) -> bool:
    """Whether no part of the frame is magnified far more than another, or turned over."""
    height, width = evidence.usable.shape
    matrix = evidence.guess @ left
    corners = [(0.0, 0.0), (float(width), 0.0), (0.0, float(height)), (float(width), float(height))]
    scales = [local_scale(matrix, corner) for corner in corners]
    return min(scales) > 0 and max(scales) < LARGEST_WARP * min(scales)


def polish(evidence: Evidence, left: Matrix, region: Bools) -> Matrix:
    """Align a region's pixels themselves (Evangelidis and Psarakis 2008), starting from a fit.

    Flow on large flat areas is short by parts of a pixel; that adds up along a clip.
    """
    height, width = region.shape
    scale = min(1.0, float(np.sqrt(POLISH_PIXELS / (height * width))))
    size = (round(width * scale), round(height * scale))
    first, second = (
        np.asarray(cv2.resize(view.luma, size, interpolation=cv2.INTER_AREA), np.uint8)
        for view in (evidence.reference, evidence.aligned)
    )
    mask = cv2.resize((region & evidence.open).astype(np.uint8) * 255, size)
    shrink = _pixel_scaling(size[0] / width, size[1] / height)
    start = normalize(shrink @ left @ invert(shrink)).astype(np.float32)
    found = _maximize_correlation(first, second, start, np.where(mask == 255, mask, 0))
    if found is None:
        return left
    polished = normalize(invert(shrink) @ found @ shrink)
    return polished if _is_near(polished, left, width, height) else left


def _maximize_correlation(
    first: NDArray[np.uint8], second: NDArray[np.uint8], start: Floats, mask: NDArray[np.uint8]
) -> Matrix | None:
    """As an affine map, or a homography if it starts from one; None where nothing correlates."""
    flat = bool(np.abs(start[2, :2]).max() < FLAT)
    motion = cv2.MOTION_AFFINE if flat else cv2.MOTION_HOMOGRAPHY
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, POLISH_STEPS, POLISH_CHANGE)
    given = np.ascontiguousarray(start[:2] if flat else start)
    try:
        _, found = cv2.findTransformECC(first, second, given, motion, stop, mask, POLISH_BLUR)
    except cv2.error:
        return None
    rows = found.astype(np.float64)
    return np.vstack([rows, [0.0, 0.0, 1.0]]) if flat else rows


def _pixel_scaling(x: float, y: float) -> Matrix:
    """Scaling about the frame's corner, of pixel centres at whole numbers."""
    return np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]])


def _is_near(one: Matrix, other: Matrix, width: int, height: int) -> bool:
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    apart = np.linalg.norm(move_points(one, corners) - move_points(other, corners), axis=1)
    return bool(apart.max() < POLISH_REACH)


def _is_close(left: Matrix, start: Floats, end: Floats) -> Bools:
    return np.linalg.norm(move_points(left, start) - end, axis=1) < INLIER_PIXELS


def _share_within(evidence: Evidence, left: Matrix, start: Floats, end: Floats) -> float:
    share = float(_is_close(left, start, end).mean())
    return min(share, AMBIGUOUS_SUPPORT) if evidence.ambiguous else share


def _strong(measure: Floats) -> Bools:
    strongest = float(np.quantile(measure[::2, ::2], 0.98))
    return measure > max(TEXTURE_FLOOR, TEXTURE_SHARE * strongest)
