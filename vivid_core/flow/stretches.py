"""Long shots in stretches that are filled together, so that little of a clip is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from ..video import FrameRange
from .camera import CameraPath, FollowedClip, Pose, follow_half
from .register import normalize
from .warp import Matrix, invert

# Frames that are filled as one, at most or, of longer shots, about so many; ours. Half of each
# neighbour is looked at too, which is about as many again.
WHOLE_FRAMES, FILLED_FRAMES = 96, 48

Half = tuple[int, int]  # the frame that others are registered to, and the last that is


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Frames of a shot that are `filled` together, and those that are `seen` for them.

    The motion is followed from the middle of each stretch to its ends, once; two neighbours meet
    at the first frame of the later one. What is seen goes from the middle of the one before to
    the middle of the next.
    """

    shot: FrameRange
    filled: FrameRange
    seen: FrameRange

    @property
    def origin(self) -> int:
        return _middle(self.filled)

    @property
    def halves(self) -> tuple[Half, ...]:
        """What has to be followed: its own two halves, and those of its neighbours, if any."""
        after = min(self.filled.stop, self.shot.stop - 1)
        own = (self.origin, self.filled.start), (self.origin, after)
        return (*own, *(half for half in (self._before, self._after) if half is not None))

    @property
    def steps(self) -> int:
        """Frames to follow and to fill, its share of the neighbours' left to them."""
        return len(self.filled) + sum(abs(last - origin) for origin, last in self.halves[:2])

    @property
    def _before(self) -> Half | None:
        start = self.filled.start
        return None if start == self.shot.start else (self.seen.start, start)

    @property
    def _after(self) -> Half | None:
        stop = self.filled.stop
        return None if stop == self.shot.stop else (self.seen.stop - 1, stop)


@dataclass(frozen=True, kw_only=True)
class FilledStretch:
    """The frames that a stretch fills; `never_seen` is the part of the hole that none showed.

    `lost` are numbered through the clip.
    """

    frames: Float[Tensor, "t h w 3"]
    never_seen: Bool[Tensor, "t h w"]
    lost: tuple[int, ...] = ()


def plan_stretches(shot: FrameRange) -> tuple[Stretch, ...]:
    """Short shots as a whole, longer ones in parts of about the same length."""
    count = 1 if len(shot) <= WHOLE_FRAMES else max(2, round(len(shot) / FILLED_FRAMES))
    edges = [shot.start + round(len(shot) * i / count) for i in range(count + 1)]
    parts = [FrameRange(start=a, stop=b) for a, b in zip(edges, edges[1:], strict=False)]
    return tuple(
        Stretch(
            shot=shot,
            filled=part,
            seen=FrameRange(
                start=_middle(parts[i - 1]) if i else part.start,
                stop=_middle(parts[i + 1]) + 1 if i + 1 < count else part.stop,
            ),
        )
        for i, part in enumerate(parts)
    )


class StretchCamera:
    """The camera's path over stretches, each half of which is followed once."""

    def __init__(self) -> None:
        self._known: dict[Half, dict[int, Pose]] = {}

    def follow(self, clip: FollowedClip, stretch: Stretch) -> CameraPath:
        """Over all that is seen of a stretch; its middle is the origin."""
        halves = stretch.halves
        known = {h: self._known.get(h) or follow_half(clip, *h) for h in halves}
        self._known = known  # of the next stretch these are the ones before
        poses = known[halves[0]] | known[halves[1]]
        for half in halves[2:]:
            poses = dict(_carried_on(known[half], poses[half[1]], half[1])) | poses
        return CameraPath(
            shot=stretch.seen, origin=stretch.origin, poses=tuple(poses[t] for t in stretch.seen)
        )


def _carried_on(other: dict[int, Pose], link: Pose, at: int) -> Iterator[tuple[int, Pose]]:
    """A neighbour's poses, by way of the frame `at` that both know."""
    over: Matrix = np.asarray(invert(other[at].matrix) @ link.matrix, np.float64)
    least = min(other[at].support, link.support)
    for t, pose in other.items():
        yield (
            t,
            Pose(matrix=normalize(pose.matrix @ over), support=min(pose.support, least)),
        )


def _middle(frames: FrameRange) -> int:
    return (frames.start + frames.stop - 1) // 2
