"""Follow the background through a shot: one transform a frame, tied to few reference frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from ..runtime import Progress, Runtime, Stage
from ..video import FrameRange
from .engine import FlowEngine
from .register import (
    Evidence,
    Registration,
    View,
    fit_affine,
    fit_camera,
    gather_evidence,
    normalize,
    share_that_follows,
)
from .warp import Bools, Matrix, homography_places, invert, pull

RELIABLE = 0.25  # support below which a registration is not believed; horse.mp4 holds 0.32
SMALLEST_OVERLAP = 0.5  # of the frame: with less in common, the reference frame moves on

Fit = Callable[[Evidence, Matrix], Registration | None]  # with the origin's way to the reference
Predict = Callable[[int, int], Matrix]  # from a frame to the next when a fit is lost


@dataclass(frozen=True, kw_only=True)
class Pose:
    """`matrix` takes pixels of the origin to this frame; `support` (0..1) is how sure that is.

    `agreement` is the share of the region's own points that the motion explains (NaN: no points).
    """

    matrix: Matrix
    support: float
    agreement: float = float("nan")


AT_ORIGIN = Pose(matrix=np.eye(3), support=1.0, agreement=1.0)


@dataclass(frozen=True, kw_only=True)
class CameraPath:
    """A pose for each frame of a shot; the origin's is the identity."""

    shot: FrameRange
    origin: int
    poses: tuple[Pose, ...]

    def pose(self, t: int) -> Pose:
        """Of frame t of the clip."""
        return self.poses[t - self.shot.start]

    def between(self, t: int, s: int) -> Matrix:
        """The transform that takes pixels of frame t to frame s."""
        return normalize(self.pose(s).matrix @ invert(self.pose(t).matrix))


@dataclass(kw_only=True)
class Pace:
    """Tells a host how far long work is, and stops it when the host asks for that."""

    runtime: Runtime = field(default_factory=Runtime)
    stage: Stage = "follow"
    total: int = 1  # steps: frames followed, frames filled
    done: int = 0
    alone: bool = False  # nothing else is done

    def advance(self) -> None:
        """One step more. A region followed by itself, which nobody can foresee, counts no more."""
        self.done = min(self.done + 1, self.total)
        self.runtime.advance(
            Progress(stage=self.stage, done=self.done, total=self.total, alone=self.alone)
        )


@dataclass(frozen=True, kw_only=True)
class FollowedClip:
    """What is followed: frames, what of them is no background, how motion is estimated.

    The first of them is frame `start` of the clip; all others count from there.
    """

    frames: Float[Tensor, "t h w 3"]
    hidden: Shaped[Tensor, "t h w"] | None
    engine: FlowEngine
    pace: Pace = field(default_factory=Pace)
    start: int = 0
    _views: dict[int, View] = field(default_factory=dict, init=False, repr=False)

    def view(self, t: int) -> View:
        """Frame t of the clip, the same view each time."""
        if t not in self._views:
            self._views[t] = self._view(t - self.start)
        return self._views[t]

    def _view(self, index: int) -> View:
        pixels = self.frames[index].detach().cpu().float()
        if self.hidden is None:
            return View(pixels=pixels, hidden=np.zeros(tuple(pixels.shape[:2]), np.bool_))
        return View(pixels=pixels, hidden=(self.hidden[index] > 0.5).cpu().numpy())


def follow_camera(
    clip: FollowedClip, shot: FrameRange, origin: int, region: Bools | None = None
) -> CameraPath:
    """The background's motion over a shot as homographies, from the origin both ways in time.

    Every frame is registered to a reference frame, so that errors do not add up; the reference
    moves on only when too little of it is left. `region` [h, w] of the origin is where the poses'
    `agreement` is measured.
    """

    return _follow(clip, shot, origin, _Plan(fit=_fit_camera, region=region))


def follow_half(clip: FollowedClip, origin: int, last: int) -> dict[int, Pose]:
    """The background's motion from the origin to a later or earlier frame, and in between."""
    poses = {origin: AT_ORIGIN}
    way = 1 if last >= origin else -1
    _walk(clip, poses, range(origin + way, last + way, way), _Plan(fit=_fit_camera, region=None))
    return poses


def _fit_camera(evidence: Evidence, to_reference: Matrix) -> Registration | None:
    return fit_camera(evidence)


def follow_region(clip: FollowedClip, camera: CameraPath, region: Bools) -> CameraPath:
    """The motion of one region [h, w] of the origin, as affine maps, where it is not the camera's.

    Frames in which the region cannot be followed go on as the camera does, with support 0.
    """

    def fit(evidence: Evidence, to_reference: Matrix) -> Registration | None:
        found = fit_affine(evidence, move_region(region, to_reference))
        return found if found is not None and found.support >= RELIABLE else None

    return _follow(
        clip,
        camera.shot,
        camera.origin,
        _Plan(fit=fit, region=region, predict=camera.between),
    )


def move_region(region: Bools, matrix: Matrix) -> Bools:
    """A region of the origin, where the matrix takes it."""
    places = homography_places(invert(matrix), *region.shape)
    return pull(region.astype(np.float32), places) > 0.5


@dataclass(frozen=True, kw_only=True)
class _Plan:
    fit: Fit
    region: Bools | None
    predict: Predict | None = None


def _follow(clip: FollowedClip, shot: FrameRange, origin: int, plan: _Plan) -> CameraPath:
    poses = {origin: AT_ORIGIN}
    _walk(clip, poses, range(origin + 1, shot.stop), plan)
    _walk(clip, poses, range(origin - 1, shot.start - 1, -1), plan)
    return CameraPath(
        shot=shot, origin=origin, poses=tuple(poses[t] for t in range(shot.start, shot.stop))
    )


def _walk(clip: FollowedClip, poses: dict[int, Pose], order: range, plan: _Plan) -> None:
    """Add the poses of consecutive frames; the one before the first is known."""
    before = order.start - order.step
    reference, view, step = before, clip.view(before), np.eye(3)
    for t in order:
        if plan.predict is not None:
            step = plan.predict(before, t)
        frame, guess = clip.view(t), normalize(step @ poses[before].matrix)
        found = _register(clip.engine, poses[reference], (view, frame), guess, plan)
        if found is None and reference != before:
            reference, view = before, clip.view(before)
            found = _register(clip.engine, poses[reference], (view, frame), guess, plan)
        poses[t] = found or Pose(matrix=guess, support=0.0, agreement=0.0)
        step = poses[t].matrix @ invert(poses[before].matrix) if found else np.eye(3)
        before = t
        clip.pace.advance()


def _register(
    engine: FlowEngine, known: Pose, views: tuple[View, View], guess: Matrix, plan: _Plan
) -> Pose | None:
    """The frame's pose by way of a reference frame whose pose is known; None if not believed."""
    to_reference = known.matrix
    evidence = gather_evidence(engine, *views, normalize(guess @ invert(to_reference)))
    if evidence.overlap < SMALLEST_OVERLAP:
        return None
    found = plan.fit(evidence, to_reference)
    if found is None or found.support < RELIABLE:
        return None
    agreement = float("nan")
    if plan.region is not None:
        region = move_region(plan.region, to_reference)
        agreement = share_that_follows(evidence, found.matrix, region)
    return Pose(
        matrix=normalize(found.matrix @ to_reference),
        support=min(found.support, known.support),
        agreement=agreement,
    )


def mean_agreement(poses: Iterable[Pose]) -> float:
    """How well the motion explains the region, over all frames that say; NaN if none does."""
    values: NDArray[np.float64] = np.array([pose.agreement for pose in poses])
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
