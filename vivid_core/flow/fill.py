"""Fill a hole with background that other frames show, and say what no frame shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor

from ..errors import InputError, MaskError
from ..plan.cuts import find_shots
from ..runtime import Runtime
from ..video import FrameRange
from .background import check_entities
from .camera import RELIABLE, CameraPath, FollowedClip, Pace, follow_camera
from .engine import SMALLEST_SIDE, FlowEngine
from .exposure import match_exposure
from .register import View, fit_affine, gather_evidence, polish, share_that_follows
from .warp import Bools, Floats, Matrix, homography_places, invert, pull, stays_inside

Crop = tuple[slice, slice]  # rows, columns

WHOLE = 1 - 1e-4  # of a pixel's neighbours are seen
RING_SHARE = 0.25  # width of the ring round a hole, as a share of the hole's size
NARROWEST_RING = 16  # pixels
LOCAL_GAIN = 0.1  # by how much a fit to the ring has to explain it better than the camera does
PARALLAX_AGREEMENT = 0.6  # share of the ring that follows the camera: below, it is looked at
LOCAL_MISFIT = 0.8  # of the camera's misfit, that a fit to the ring must not exceed
GOOD_FIT = 0.015  # mean difference (0..1) in the ring that needs no fit of its own
LARGEST_MISFIT = 0.06  # mean difference (0..1) in the ring from which on a frame is not used


@dataclass(frozen=True, kw_only=True)
class BackgroundFill:
    """`frames` float32 [T, H, W, 3] with what could be filled; `never_seen` [T, H, W], 0 or 1, is
    the rest of the hole, which an edit has to generate. Outside the hole frames are exact.
    """

    frames: Float[Tensor, "t h w 3"]
    never_seen: Float[Tensor, "t h w"]
    shots: tuple[FrameRange, ...]
    lost: tuple[int, ...]  # frames in which nothing was filled, since no motion was found
    warnings: tuple[str, ...]


def fill_background(
    frames: Float[Tensor, "t h w 3"],
    mask: Shaped[Tensor, "mask_t mask_h mask_w"],
    engine: FlowEngine,
    *,
    entities: Shaped[Tensor, "entity_t entity_h entity_w"] | None = None,
    reach: int | None = None,
    shots: Sequence[FrameRange] | None = None,
    only: FrameRange | None = None,
    runtime: Runtime | None = None,
) -> BackgroundFill:
    """Fill the hole (mask above 0.5) by propagation, each shot by itself.

    Each pixel takes the nearest reliable frame, in either direction and at most `reach` frames
    away (any, if None), that shows its place: found through the background's composed motion,
    corrected by an affine fit to the ring round the hole where that explains it better, its
    exposure matched to the ring. `entities` (above 0.5) are other moving things: never a source,
    and no part of the motion. `shots` are found if None; `only` fills these frames alone, from
    all. Holds two frames at a time beside the clip and its result.

    The idea of filling flow before pixels, and of a mask of what is left, is that of flow-guided
    completion (Gao et al. 2020; Zhou et al. 2023, "ProPainter", sec. 3.2); here the background's
    motion inside the hole is a fit and needs no network. Raises MaskError for masks that do not
    fit the clip, InputError for a reach under 1.
    """
    _check(frames, mask, reach)
    check_entities(frames, entities)
    hidden = mask > 0.5 if entities is None else (mask > 0.5) | (entities > 0.5)
    filled = frames.detach().cpu().float().clone()
    never_seen = (mask > 0.5).cpu().float()
    shots = find_shots(frames) if shots is None else tuple(shots)
    wanted = range(len(frames)) if only is None else range(only.start, only.stop)
    broken = [shot for shot in shots if never_seen[shot.slice].any()]
    # all but one are followed, then the wanted ones filled
    steps = sum(len(shot) - 1 + len(_inside(wanted, shot)) for shot in broken)
    pace = Pace(runtime=runtime or Runtime(), stage="fill", total=steps)
    clip = FollowedClip(frames=frames, hidden=hidden, engine=engine, pace=pace)
    lost = [
        frame
        for shot in broken
        for frame in _fill_shot(
            clip, shot, _inside(wanted, shot), reach or len(shot), (filled, never_seen)
        )
    ]
    return BackgroundFill(
        frames=filled,
        never_seen=never_seen,
        shots=shots,
        lost=tuple(lost),
        warnings=tuple(_warnings(shots, len(lost))),
    )


def _fill_shot(
    clip: FollowedClip,
    shot: FrameRange,
    wanted: range,
    reach: int,
    results: tuple[Tensor, Tensor],
) -> Iterator[int]:
    """Fill frames of a shot of the results (frames, never seen) in place; those in vain."""
    camera = follow_camera(clip, shot, (shot.start + shot.stop - 1) // 2)
    for t in wanted:
        filled, left = (result[t].numpy() for result in results)
        if _fill_frame(_Target(clip, camera, t, left > 0.5), reach, filled, left):
            yield t
        clip.pace.advance()


def _inside(frames: range, shot: FrameRange) -> range:
    """Those of the frames that lie in a shot."""
    return range(max(frames.start, shot.start), max(frames.start, min(frames.stop, shot.stop)))


@dataclass(frozen=True)
class _Target:
    """One frame to fill: where its hole is, and the part of the frame that matters."""

    clip: FollowedClip
    camera: CameraPath
    t: int
    hole: Bools


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Another frame as the crop of the target sees it; `seen` marks true background, `misfit`
    (0..1) is how much it differs from the target in the ring."""

    pixels: Floats
    seen: Bools
    misfit: float = 0.0


def _fill_frame(target: _Target, reach: int, filled: Floats, left: Floats) -> bool:
    """Fill the frame's pixels, nearest frames first, until nothing is left or no frame remains.

    Whether it was in vain: nothing was filled because the motion is lost or no frame is alike.
    """
    if not target.hole.any():
        return False
    if target.camera.pose(target.t).support < RELIABLE:
        return True
    crop, ring = _surroundings(target.hole)
    view, unlike, found = target.clip.view(target.t), False, False
    for s in _nearest(target.t, target.camera, reach):
        remaining = left[crop] > 0.5
        if not remaining.any():
            break
        target.clip.pace.runtime.check_cancelled()
        other, matrix = target.clip.view(s), target.camera.between(target.t, s)
        if not (_sample_seen(other, matrix, crop) & remaining).any():
            continue
        source = _fetch(target.clip.engine, view, other, (matrix, crop, ring))
        if source is None:
            unlike = True
            continue
        new, found = remaining & source.seen, True
        filled[crop][new] = source.pixels[new]
        left[crop][new] = 0.0
    return unlike and not found


def _nearest(t: int, camera: CameraPath, reach: int) -> Iterator[int]:
    """Frames whose pose can be believed, the nearest in time first."""
    for distance in range(1, reach + 1):
        for s in (t - distance, t + distance):
            inside = camera.shot.start <= s < camera.shot.stop
            if inside and camera.pose(s).support >= RELIABLE:
                yield s


def _fetch(
    engine: FlowEngine, view: View, other: View, where: tuple[Matrix, Crop, Bools]
) -> _Source | None:
    """What another frame shows of the crop, matched to it; None if it is unlike."""
    matrix, crop, ring = where
    open_ring = ring & ~view.hidden[crop]
    source = _match(view.pixels.numpy()[crop], _sample(other, matrix, crop), open_ring)
    if source.misfit > GOOD_FIT:
        for own in _fit_ring(engine, view, other, where):
            better = _match(view.pixels.numpy()[crop], _sample(other, own, crop), open_ring)
            source = better if better.misfit < LOCAL_MISFIT * source.misfit else source
    return source if source.misfit < LARGEST_MISFIT else None


def _fit_ring(
    engine: FlowEngine, view: View, other: View, where: tuple[Matrix, Crop, Bools]
) -> Iterator[Matrix]:
    """What motion of its own the ring may have (parallax): by its points, and by its pixels."""
    matrix, crop, ring = where
    if min(ring.shape) < SMALLEST_SIDE:
        return
    shift = _crop_shift(crop)
    part = View(pixels=view.pixels[crop].contiguous(), hidden=view.hidden[crop].copy())
    evidence = gather_evidence(engine, part, other, matrix @ shift)
    left = np.eye(3)
    agreement = share_that_follows(evidence, matrix @ shift, ring)
    own = fit_affine(evidence, ring) if agreement < PARALLAX_AGREEMENT else None
    if own is not None and own.support > agreement + LOCAL_GAIN:
        yield own.matrix @ invert(shift)
        left = invert(matrix @ shift) @ own.matrix
    yield matrix @ shift @ polish(evidence, left, ring) @ invert(shift)


def _match(target: Floats, source: _Source, ring: Bools) -> _Source:
    """The source with the target's exposure, and how well it then fits."""
    both = ring & source.seen
    pixels = match_exposure(source.pixels, target, both)
    misfit = float(np.abs(pixels - target)[both].mean()) if both.any() else 0.0
    return _Source(pixels=pixels, seen=source.seen, misfit=misfit)


def _sample(other: View, matrix: Matrix, crop: Crop) -> _Source:
    """Pixels of the other frame in the crop; sharp, but linear where a mask is near."""
    places = _crop_places(matrix, crop, other.hidden.shape)
    image, shown = other.pixels.numpy(), (~other.hidden).astype(np.float32)
    wide = cv2.erode(shown, np.ones((3, 3), np.uint8))
    sharp = pull(image, places, interpolation=cv2.INTER_CUBIC, border=cv2.BORDER_REPLICATE)
    plain = pull(image, places, border=cv2.BORDER_REPLICATE)
    clear = pull(np.asarray(wide, np.float32), places) > WHOLE
    pixels = np.where(clear[..., None], sharp, plain).clip(0, 1)
    return _Source(pixels=pixels, seen=_sample_seen(other, matrix, crop))


def _sample_seen(other: View, matrix: Matrix, crop: Crop) -> Bools:
    """Pixels of the crop of which the other frame shows all four neighbours, as background."""
    places = _crop_places(matrix, crop, other.hidden.shape)
    shown = (~other.hidden).astype(np.float32)
    whole = pull(shown, places, border=cv2.BORDER_REPLICATE) > WHOLE
    return whole & stays_inside(places, other.hidden.shape)


def _crop_places(matrix: Matrix, crop: Crop, size: tuple[int, ...]) -> Floats:
    """Where the matrix takes the pixels of a crop of a frame of this height and width."""
    rows, columns = (range(*part.indices(side)) for part, side in zip(crop, size, strict=True))
    return homography_places(matrix @ _crop_shift(crop), len(rows), len(columns))


def _crop_shift(crop: Crop) -> Matrix:
    """From the crop's own pixels to the frame's."""
    rows, columns = crop
    return np.array([[1.0, 0.0, columns.start], [0.0, 1.0, rows.start], [0.0, 0.0, 1.0]])


def _surroundings(hole: Bools) -> tuple[Crop, Bools]:
    """The crop round the hole with its ring, and the ring within that crop."""
    pixels = hole.astype(np.uint8)
    radius = max(NARROWEST_RING, round(RING_SHARE * float(np.sqrt(cv2.countNonZero(pixels)))))
    x, y, width, height = cv2.boundingRect(pixels)
    crop = (
        slice(max(0, y - radius), min(hole.shape[0], y + height + radius)),
        slice(max(0, x - radius), min(hole.shape[1], x + width + radius)),
    )
    inner = pixels[crop]
    near = cv2.distanceTransform(1 - inner, cv2.DIST_L2, cv2.DIST_MASK_5) <= radius
    return crop, near & (inner == 0)


def _warnings(shots: tuple[FrameRange, ...], lost: int) -> Iterator[str]:
    if lost:
        yield (
            f"the background's motion could not be followed in {lost} frame(s): nothing was filled "
            "there"
        )
    if len(shots) > 1:
        starts = ", ".join(str(shot.start) for shot in shots[1:])
        yield (
            f"the clip has {len(shots)} shots (cuts before frame {starts}): each was filled from "
            "its own frames only"
        )


def _check(frames: Tensor, mask: Tensor, reach: int | None) -> None:
    if mask.shape != frames.shape[:3]:
        raise MaskError(
            "mask",
            f"is {tuple(mask.shape)} but the clip is {tuple(frames.shape[:3])} (frames, height, "
            "width): give one mask a frame, of the clip's size",
        )
    if not (mask > 0.5).any():
        raise MaskError("mask", "is empty on every frame: paint the area to fill white")
    if reach is not None and reach < 1:
        raise InputError("reach", f"must be 1 or more frames, got {reach}")
