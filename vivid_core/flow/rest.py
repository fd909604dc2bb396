"""What no frame shows, made once in one picture and carried along the background's motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from .camera import RELIABLE, CameraPath
from .exposure import match_surroundings
from .register import View
from .source import Place, place_round, sample
from .spatial import fill_spatially
from .warp import Bools, Floats

SLIVER = 0.02  # of what a frame lacks: less than that left by the others is filled on the spot
# Mean difference (0..1) round a gap up to which what was made is carried on as it is, and from
# which on it is painted anew, since what is behind has moved.
STILL, MOVING = 0.02, 0.04
REFERENCES = 8  # pictures of one stretch that others are filled from, at most


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Frame t with nothing left open; `made` [h, w] is what no frame showed of it.

    Other frames are filled from `usable` [h, w] pixels.
    """

    t: int
    pixels: Floats
    made: Bools
    usable: Bools


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """Frames [T, h, w, 3] and what is left open of them [T, h, w], to be filled in place.

    `hidden` [T, h, w] is what of a frame is no background even when it is filled; the first frame
    is number `start` of the clip. `whole`: filled frames may be copied from as a whole, else only
    what was made. `thin` holes are painted with care, which takes its time.
    """

    frames: Floats
    left: Bools
    hidden: Bools
    start: int
    whole: bool = True
    thin: bool = False


def fill_classically(
    gaps: Gaps,
    camera: CameraPath | None,
    before: Picture | None,
    advance: Callable[[], None] = lambda: None,
) -> Picture | None:
    """Fill all that is open, and give back the last frame that lacked something.

    The frame that lacks most is filled from itself, the others from it, along the camera's path,
    each with the light of its own surroundings; and so on, until none lacks anything. So what is
    made stays where it is; only where its surroundings move by themselves it is painted anew.
    `before` is what the same gave of the frames before these, which are gone on with. Without a
    path each frame is filled from itself.
    """
    open_frames = {i for i in range(len(gaps.left)) if gaps.left[i].any()}
    if not open_frames:
        return None
    made = gaps.left.copy()
    area = {i: int(gaps.left[i].sum()) for i in open_frames}
    moved = [i for i in open_frames if camera and _reliable(camera, gaps.start + i)]
    if camera and before is not None and _reliable(camera, before.t):
        _spread(gaps, camera, before, moved)
    for _ in range(REFERENCES):
        lacking = [i for i in moved if gaps.left[i].sum() > SLIVER * area[i]]
        if not camera or not lacking:
            break
        first = max(lacking, key=lambda i: (int(gaps.left[i].sum()), -i))
        _fill_alone(gaps, first, fast=False)
        _spread(gaps, camera, _picture(gaps, made, first), lacking)
    for i in sorted(open_frames):
        _fill_alone(gaps, i, fast=len(gaps.left) > 1 and not gaps.thin)
        advance()
    return _picture(gaps, made, max(open_frames))


def _reliable(camera: CameraPath, t: int) -> bool:
    inside = camera.shot.start <= t < camera.shot.stop
    return inside and camera.pose(t).support >= RELIABLE


def _fill_alone(gaps: Gaps, i: int, *, fast: bool) -> None:
    if gaps.left[i].any():
        gaps.frames[i] = fill_spatially(gaps.frames[i], gaps.left[i], fast=fast)
        gaps.left[i] = False


def _picture(gaps: Gaps, made: Bools, i: int) -> Picture:
    usable = ~gaps.hidden[i] if gaps.whole else made[i]
    return Picture(
        t=gaps.start + i, pixels=gaps.frames[i].copy(), made=made[i], usable=usable.copy()
    )


def _spread(gaps: Gaps, camera: CameraPath, picture: Picture, to: Sequence[int]) -> None:
    """Fill these frames from one picture, as far as it reaches."""
    view = View(pixels=torch.from_numpy(picture.pixels), hidden=~picture.usable)
    for i in to:
        if not gaps.left[i].any():
            continue
        t = gaps.start + i
        place = _place(gaps, i)
        source = sample(view, camera.between(t, picture.t), place.crop)
        new = gaps.left[i][place.crop] & source.seen
        ring = place.ring & source.inside
        carried, unlike = match_surroundings(source.pixels, place.pixels, ring)
        moved = ((unlike - STILL) / (MOVING - STILL)).clip(0, 1)
        if moved[new].any():
            anew = fill_spatially(place.pixels, gaps.left[i][place.crop], fast=not gaps.thin)
            carried = carried + (anew - carried) * moved[..., None]
        gaps.frames[i][place.crop][new] = carried[new]
        gaps.left[i][place.crop][new] = False


def _place(gaps: Gaps, i: int) -> Place:
    """Round what is open of a frame; all that is filled already may be compared with."""
    hidden = gaps.hidden[i] | gaps.left[i]
    view = View(pixels=torch.from_numpy(gaps.frames[i]), hidden=hidden)
    return place_round(view, gaps.left[i])
