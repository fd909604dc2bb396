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

from .aperture import AFFINE, ONE_WAY, SIMILARITY, Observations, fit_smallest, squared_misfit
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
STILL_PIXELS = 0.25  # the same, to tell a camera that stands still from one that hardly moves
OTHER_PIXELS = 2.0  # a connected region beyond this is left out of a second fit
POINTS = 1000  # that a fit looks at, on a grid
FLOW_PIXELS = 40_000  # of a frame whose flow is estimated as it is; larger ones are scaled down
SMALLEST_FLOW_SCALE = 0.5  # to this at most: points have to be exact to a pixel
FEWEST_POINTS = 24  # that a fit is made of; four would do if all were exact
TEXTURE_SIDE, SOBEL_SIDE = 5, 3  # pixels of the window that shows texture, and of its gradients
TEXTURE_SHARE = 0.01  # of a strong corner's measure (Shi and Tomasi 1994)
TEXTURE_FLOOR = 2e-6  # of that measure; below there is only coding noise
AMBIGUOUS_SUPPORT = 0.5  # at most, for motion along a pattern that runs in one direction only
ENOUGH_CORNERS = 200  # pixels; with fewer, any gradient has to do
NEARLY_ONE_WAY = 0.25  # strength along to across a pattern; below, free fits slide (bricks: 0.3)
TINY = 1e-12
PARSIMONY = 0.02  # share of the points that a simpler model may leave unexplained
SLIPPERY_PARSIMONY = 0.1  # the same on stripes, where a freer model bends to whatever crosses them
LARGEST_WARP = 2.0  # times the smallest magnification in the frame, at most
FLAT = 1e-9  # perspective terms below this are none
POLISH_PIXELS = 100_000  # of the frame for the last step, which is scaled down to this
POLISH_STEPS, POLISH_CHANGE = 8, 3e-4  # iterations; change of the correlation that ends them
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

    @cached_property
    def for_flow(self) -> Float[Tensor, "flow_h flow_w 3"]:
        """The frame as flow is estimated in it: itself, or smaller."""
        height, width = self.hidden.shape
        scale = max(SMALLEST_FLOW_SCALE, (FLOW_PIXELS / (height * width)) ** 0.5)
        if scale >= 1:
            return self.pixels
        size = (round(width * scale), round(height * scale))
        small = cv2.resize(self.pixels.numpy(), size, interpolation=cv2.INTER_AREA)
        return torch.from_numpy(np.asarray(small, np.float32))

    @cached_property
    def shown(self) -> NDArray[np.uint8]:
        """255 where it is background, else 0."""
        return np.where(self.hidden, 0, 255).astype(np.uint8)

    @cached_property
    def clear(self) -> NDArray[np.uint8]:
        """255 where all eight neighbours are background too, else 0."""
        return np.asarray(cv2.erode(self.shown, np.ones((3, 3), np.uint8)), np.uint8)

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

    @cached_property
    def tensors(self) -> Floats:
        """Structure tensors [h, w, 2, 2] of trace 1: which part of a motion shows."""
        larger, smaller, x, y = np.moveaxis(self._structure, -1, 0)
        share = (larger - smaller) / np.maximum(larger + smaller, TINY)
        along = np.stack([x * x, x * y, x * y, y * y], axis=-1) * share[..., None]
        rest = np.eye(2, dtype=np.float32).ravel() * ((1 - share) / 2)[..., None]
        return (along + rest).reshape(*share.shape, 2, 2)

    def one_wayness(self, where: Bools) -> float:
        """Gradients' weaker direction to their stronger at these pixels: 0 (stripes) to 1."""
        sparse = self.tensors[::2, ::2][where[::2, ::2]]
        chosen = sparse if len(sparse) else self.tensors[where]
        weak, strong = np.linalg.eigvalsh(chosen.mean(axis=0, dtype=np.float64))
        return float(weak / strong)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What two frames say of the motion between them.

    `guess` takes the reference to the other frame, `aligned` is that frame seen so, and `flow`
    what motion is left. `usable` marks pixels of the reference whose flow can be believed, `open`
    those that are background in both frames; `overlap` is the share of the reference that the
    other frame still shows. `slippery`: nearly all of it runs in one direction, so that only the
    part of an error counts that shows.
    """

    guess: Matrix
    reference: View
    aligned: View
    flow: Floats
    usable: Bools
    open: Bools
    overlap: float
    slippery: bool

    def pick(self, region: Bools | None = None) -> Bools:
        """Usable pixels [h, w] of a region, on a grid if they are many."""
        chosen = self.usable if region is None else self.usable & region
        step = max(1, int(np.sqrt(max(1, int(chosen.sum())) / POINTS)))
        picked = np.zeros_like(chosen)
        picked[::step, ::step] = chosen[::step, ::step]
        return picked

    def points(self, region: Bools | None = None) -> tuple[Floats, Floats]:
        """Where points of a region are, and where the flow takes them; both [n, 2]."""
        picked = self.pick(region)
        start = pixel_grid(*picked.shape)[picked]
        return start, start + self.flow[picked]

    def misfit(self, left: Matrix) -> Floats:
        """Pixels [h, w] by which a motion misses the flow, as far as that can be seen."""
        error = self.flow - (homography_places(left, *self.usable.shape) - self._grid)
        if self.slippery:
            return np.sqrt(np.maximum(squared_misfit(error, self.reference.tensors), 0))
        return np.hypot(error[..., 0], error[..., 1])

    @property
    def _grid(self) -> Floats:
        return pixel_grid(*self.usable.shape)


@dataclass(frozen=True, kw_only=True)
class Registration:
    """`matrix` takes pixels of the reference to the other frame; `support` is the share (0..1) of
    the points looked at that follow it, at most 0.5 where the pattern leaves it ambiguous."""

    matrix: Matrix
    support: float


def gather_evidence(engine: FlowEngine, reference: View, other: View, guess: Matrix) -> Evidence:
    """Flow from the reference to the other frame, after the guess has been taken back."""
    aligned, inside = _align(other, guess, reference)
    flow, consistent = _estimate(engine, reference, aligned)
    visible = inside & ~reference.hidden & ~aligned.hidden
    trusted = consistent & visible
    corners, gradients = trusted & reference.corners, trusted & reference.gradients
    shown = reference.gradients & visible  # flow that slides along stripes is not trusted there
    slippery = bool(gradients.any()) and reference.one_wayness(shown) < NEARLY_ONE_WAY
    few = slippery or int(corners.sum()) < ENOUGH_CORNERS
    return Evidence(
        guess=guess,
        reference=reference,
        aligned=aligned,
        flow=flow,
        usable=gradients if few else corners,
        open=visible,
        overlap=float(inside.mean()),
        slippery=slippery,
    )


def fit_camera(evidence: Evidence) -> Registration | None:
    """The whole frame's motion, without regions that move otherwise; None if too little agrees.

    The simplest of similarity, affine map and homography that explains the points as well as any:
    where only a corner of the frame shows texture, a homography would run wild elsewhere. What a
    pattern leaves open stays as it is in the reference.
    """
    if evidence.slippery:
        left = _find_smallest(evidence, rest=invert(evidence.guess))
        return None if left is None else _registration(evidence, left)
    left = _find_motion(*evidence.points())
    if left is None:
        return None
    steady = ~find_other_motion(evidence, left)
    still = invert(evidence.guess)
    if _stands_still(evidence, still, left, steady):
        return _registration(evidence, still)
    refined = None if steady.all() else _find_motion(*evidence.points(steady))
    left = polish(evidence, left if refined is None else refined, steady)
    return _registration(evidence, left) if _is_plausible(evidence, left) else None


def fit_affine(evidence: Evidence, region: Bools) -> Registration | None:
    """The motion of one region [h, w] of the reference; None if too little of it agrees.

    What a pattern leaves open goes on as guessed.
    """
    start, end = evidence.points(region)
    if len(start) < FEWEST_POINTS:
        return None
    if evidence.slippery:
        left = _find_smallest(evidence, rest=np.eye(3), region=region)
    else:
        left = _find_affine(start, end)
    if left is None or int(_is_close(left, start, end).sum()) < FEWEST_POINTS:
        return None
    return _registration(evidence, left, region)


def share_that_follows(evidence: Evidence, matrix: Matrix, region: Bools) -> float:
    """Share (0..1) of a region's points that a motion explains; NaN where too few say anything."""
    if int(evidence.pick(region).sum()) < FEWEST_POINTS:
        return float("nan")
    return _share_within(evidence, invert(evidence.guess) @ matrix, region)


def find_other_motion(evidence: Evidence, left: Matrix) -> Bools:
    """Connected regions [h, w] of the reference that a fit does not explain, with a margin."""
    height, width = evidence.usable.shape
    other = ((evidence.misfit(left) > OTHER_PIXELS) & evidence.open).astype(np.uint8)
    radius = max(2, min(height, width) // 60)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = cv2.morphologyEx(other, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.dilate(solid, disc).astype(np.bool_)


def normalize(matrix: Matrix) -> Matrix:
    """The same homography with 1 in its last place."""
    return matrix / matrix[2, 2]


def _estimate(engine: FlowEngine, first: View, second: View) -> tuple[Floats, Bools]:
    """Flow [h, w, 2] from the first frame to the second, and where it can be believed."""
    there, back = first.for_flow, second.for_flow
    forward, backward = engine.estimate(there, back), engine.estimate(back, there)
    consistent = find_consistent(forward, backward).numpy()
    height, width = first.hidden.shape
    if there is first.pixels:
        return forward.numpy(), consistent
    scale = np.array([width / there.shape[1], height / there.shape[0]], np.float32)
    size = (width, height)
    flow = np.asarray(cv2.resize(forward.numpy(), size), np.float32) * scale
    large = cv2.resize(consistent.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return flow, large > 0


def _align(other: View, guess: Matrix, reference: View) -> tuple[View, Bools]:
    """The other frame as the reference sees it, and where it reaches; else the reference itself."""
    places = homography_places(guess, *reference.hidden.shape)
    inside = stays_inside(places, other.hidden.shape)
    pixels = pull(other.pixels.numpy(), places, interpolation=cv2.INTER_CUBIC)
    aligned = np.where(inside[..., None], pixels, reference.pixels.numpy()).clip(0, 1)
    hidden = pull(other.hidden.astype(np.float32), places) > 0
    return View(pixels=torch.from_numpy(aligned), hidden=hidden), inside


def _registration(evidence: Evidence, left: Matrix, region: Bools | None = None) -> Registration:
    return Registration(
        matrix=normalize(evidence.guess @ left),
        support=_share_within(evidence, left, region),
    )


def _find_smallest(
    evidence: Evidence, *, rest: Matrix, region: Bools | None = None
) -> Matrix | None:
    """The simpler of similarity and affine map that explains what shows, polished, near `rest`."""
    picked = evidence.pick(region)
    if int(picked.sum()) < FEWEST_POINTS:
        return None
    start, tensors = pixel_grid(*picked.shape)[picked], evidence.reference.tensors[picked]
    seen = Observations(points=start, flow=evidence.flow[picked], tensors=tensors)
    models = {size: fit_smallest(seen, rest, size) for size in (SIMILARITY, AFFINE)}
    close = {size: evidence.misfit(left) < INLIER_PIXELS for size, left in models.items()}
    counts = {size: int((near & picked).sum()) for size, near in close.items()}
    enough = (1 - SLIPPERY_PARSIMONY) * max(counts.values())
    size = next(size for size, count in counts.items() if count >= enough)
    polished = polish(evidence, models[size], close[size] & (region is None or region))
    steady = close[size][picked]
    exact = Observations(
        points=start[steady],
        flow=move_points(polished, start[steady]) - start[steady],
        tensors=tensors[steady],
    )
    return fit_smallest(exact, rest, size) if steady.sum() >= FEWEST_POINTS else models[size]


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


def _stands_still(evidence: Evidence, still: Matrix, left: Matrix, region: Bools) -> bool:
    """Whether no motion at all explains a region's points as well as a fit does.

    A camera on a tripod is not given the noise of a fit, which bends where nothing holds it.
    """
    start, end = evidence.points(region)
    none, fitted = (int(_is_close(m, start, end, STILL_PIXELS).sum()) for m in (still, left))
    return none >= max(FEWEST_POINTS, (1 - PARSIMONY) * fitted)


def _is_close(left: Matrix, start: Floats, end: Floats, tolerance: float = INLIER_PIXELS) -> Bools:
    return np.linalg.norm(move_points(left, start) - end, axis=1) < tolerance


def _share_within(evidence: Evidence, left: Matrix, region: Bools | None) -> float:
    picked = evidence.pick(region)
    close = picked & (evidence.misfit(left) < INLIER_PIXELS)
    share = float(close.sum() / picked.sum())
    if evidence.slippery and share and evidence.reference.one_wayness(close) < ONE_WAY:
        return min(share, AMBIGUOUS_SUPPORT)
    return share


def _strong(measure: Floats) -> Bools:
    strongest = float(np.quantile(measure[::2, ::2], 0.98))
    return measure > max(TEXTURE_FLOOR, TEXTURE_SHARE * strongest)
