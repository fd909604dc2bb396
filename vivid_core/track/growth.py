"""Masks that are too large to be true: they cover most of the frame, or grow suddenly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_SHARE = 1 / 3  # of the frame; what is clicked on is seldom larger; a lawn or a sky is
MOST_GROWTH = 2.0  # times from one frame to the next; things that come nearer grow slowly
LEAST_GAIN = 0.02  # of the frame; below it, a small mask that doubles is no spill
DOUBTED_CONFIDENCE = 0.5  # at most, for a mask that is doubted: as likely wrong as right


@dataclass(frozen=True, kw_only=True)
class Jump:
    """A mask that grew from `before` to `after`, shares of the frame, on reaching `frame`."""

    frame: int
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What is doubtful about one object in one shot.

    `large` are frames where it covers more than MOST_SHARE, `jumps` where it grew suddenly, and
    `doubted` all frames that this throws doubt on: after a jump until the mask is small again, or
    somebody says where the object is.
    """

    large: tuple[int, ...]
    jumps: tuple[Jump, ...]
    doubted: frozenset[int]


def find_growth(areas: Mapping[int, float], prompted: Sequence[int], *, drawn: float) -> Growth:
    """What is doubtful about the masks of one object in one shot.

    `areas` are shares of the frame, 0..1, of the frames where it was found. `prompted` are the
    frames with a prompt: growth that somebody asked for is none. `drawn` is the largest share that
    a box or painted mask covers: whoever draws one over MOST_SHARE of the frame means it.
    """
    large = () if drawn > MOST_SHARE else tuple(f for f in sorted(areas) if areas[f] > MOST_SHARE)
    jumps = tuple(_jumps(areas, frozenset(prompted)))
    spilled = {frame for jump in jumps for frame in _spill(areas, frozenset(prompted), jump)}
    return Growth(large=large, jumps=jumps, doubted=frozenset(large) | spilled)


def _jumps(areas: Mapping[int, float], prompted: frozenset[int]) -> Iterator[Jump]:
    """In the direction in which the object was followed, which starts at its first prompt."""
    anchor = min(prompted, default=0)
    for frame, after in sorted(areas.items()):
        before = areas.get(_neighbour(frame, anchor))
        if frame in prompted or before is None:
            continue
        if after > MOST_GROWTH * before and after - before > LEAST_GAIN:
            yield Jump(frame=frame, before=before, after=after)


def _spill(areas: Mapping[int, float], prompted: frozenset[int], jump: Jump) -> Iterator[int]:
    """The frames from a jump on, in the direction of following, as long as the mask is as large."""
    step = -1 if jump.frame < min(prompted, default=0) else 1
    frame = jump.frame
    while areas.get(frame, 0.0) > MOST_GROWTH * jump.before and frame not in prompted:
        yield frame
        frame += step


def _neighbour(frame: int, anchor: int) -> int:
    """The frame that was followed just before."""
    return frame + 1 if frame < anchor else frame - 1
