"""Clips of a video: its shots, cut to length, with a hash of how they look."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from ..plan.cuts import Survey
from ..track.frames import FrameSource
from ..video import FrameRange
from .config import ClipRules
from .engines import Encoder
from .footage import Stretch, to_floats
from .stage import Rejection

HASH_SIDE = 8  # a hash has this many bits squared
HASHED_AT = (0.1, 0.5, 0.9)  # of a clip's length: where its frames are looked at
DIGITS = 5


@dataclass(frozen=True, kw_only=True)
class ClipPlan:
    """A stretch of a video that samples are made of."""

    key: str
    frames: FrameRange


def plan_clips(
    key: str, source: FrameSource, survey: Survey, rules: ClipRules
) -> Iterator[ClipPlan | Rejection]:
    """Clips in the order of the video, and the shots that are none. `key` is the video's.

    A shot that is longer than a clip may be gives as many equal ones as it needs.
    """
    height, width = source.size
    if min(height, width) < rules.min_side:
        yield Rejection(
            key=key, reason="low resolution", detail=f"{width}x{height} under {rules.min_side}"
        )
        return
    fps, number = float(source.fps), 0
    for shot in survey.shots:
        if len(shot) < rules.min_seconds * fps:
            detail = f"{len(shot) / fps:.2f} s of frames {shot.start} to {shot.stop - 1}"
            yield Rejection(key=key, reason="too short", detail=detail)
            continue
        for piece in _pieces(shot, rules, fps):
            if number == rules.most:
                yield Rejection(key=key, reason="more clips than asked for")
                return
            yield ClipPlan(key=f"{key}_c{number:03}", frames=piece)
            number += 1


def _pieces(shot: FrameRange, rules: ClipRules, fps: float) -> list[FrameRange]:
    """Equal parts; fewer and longer ones where they would be shorter than a clip may be."""
    longest = max(1, math.floor(rules.max_seconds * fps))
    count = -(-len(shot) // longest)
    while count > 1 and len(shot) // count < rules.min_seconds * fps:
        count -= 1
    length = min(len(shot) // count, longest)
    return [
        FrameRange(start=shot.start + i * length, stop=shot.start + (i + 1) * length)
        for i in range(count)
    ]


def clip_hash(clip: Stretch) -> tuple[int, ...]:
    """How a clip looks, a number of 64 bits for each of a few frames."""
    return tuple(picture_hash(clip.frame(int(share * (len(clip) - 1)))) for share in HASHED_AT)


def clip_views(clip: Stretch, encoder: Encoder) -> tuple[tuple[float, ...], ...]:
    """The same frames as an encoder sees them: vectors of length 1, to so many digits."""
    frames = [to_floats(clip.frame(int(share * (len(clip) - 1)))) for share in HASHED_AT]
    return tuple(
        tuple(round(value, DIGITS) for value in view) for view in encoder.images(frames).tolist()
    )


def picture_hash(frame: UInt8[np.ndarray, "h w 3"]) -> int:
    """A difference hash: is each pixel of a tiny grey picture brighter than the one to its left?"""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
