"""Find hard cuts: where one frame shows nothing of the frame before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..video import FrameRange
from .warp import Floats

THUMBNAIL = (32, 24)  # pixels; coarse, so that motion changes little
CUT_DIFFERENCE = 0.06  # mean absolute difference (0..1) of the thumbnails that a cut exceeds
CUT_CONTRAST = 2.5  # times the usual difference of the frames around it
NEIGHBORS = 4  # frames to either side that say what is usual


def find_shots(frames: Float[Tensor, "t h w 3"]) -> tuple[FrameRange, ...]:
    """The parts of a clip [T, H, W, 3] (0..1) between hard cuts, in order, without gaps.

    A cut is where the frames on either side differ far more than their neighbours do. A flash of
    one frame, a fade and fast motion are no cuts.
    """
    if len(frames) == 0:
        raise InputError("frames", "there are none: give at least one")
    return shots_of_thumbnails([make_thumbnail(frame) for frame in frames])


def make_thumbnail(frame: Float[Tensor, "h w 3"]) -> Floats:
    """What `shots_of_thumbnails` needs of a frame; lets a caller stream its frames."""
    return np.asarray(
        cv2.resize(frame.cpu().numpy(), THUMBNAIL, interpolation=cv2.INTER_AREA), np.float32
    )


def shots_of_thumbnails(thumbnails: Sequence[Floats]) -> tuple[FrameRange, ...]:
    """The same, of frames already made small."""
    steps = [_difference(a, b) for a, b in zip(thumbnails, thumbnails[1:], strict=False)]
    cuts = [
        t for t in range(1, len(thumbnails)) if _least_change(thumbnails, t) > _limit(steps, t - 1)
    ]
    return tuple(_ranges(cuts, len(thumbnails)))


def _limit(steps: Sequence[float], i: int) -> float:
    """What a step has to exceed to be a cut, by the steps around it."""
    around = [*steps[max(0, i - NEIGHBORS) : i], *steps[i + 1 : i + 1 + NEIGHBORS]]
    usual = float(np.median(around)) if around else 0.0
    return max(CUT_DIFFERENCE, CUT_CONTRAST * usual)


def _least_change(thumbnails: Sequence[Floats], t: int) -> float:
    """Between the two frames before t and the two from t on: after a flash it is small."""
    before, after = thumbnails[max(0, t - 2) : t], thumbnails[t : t + 2]
    return min(_difference(a, b) for a in before for b in after)


def _difference(one: Floats, other: Floats) -> float:
    return float(np.abs(one - other).mean())


def _ranges(cuts: Sequence[int], count: int) -> Iterable[FrameRange]:
    edges = [0, *cuts, count]
    for start, stop in zip(edges, edges[1:], strict=False):
        yield FrameRange(start=start, stop=stop)
