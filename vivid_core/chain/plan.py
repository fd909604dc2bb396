"""Which frames of a long video are edited together, in which order, and what joins them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..video import FrameRange

LONGEST_BRIDGE = 7  # frames without a mask, between masked ones, that do not end a chain, ours


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a plan has to respect. All numbers are frames of the whole video.

    `active` says of each frame whether its mask selects anything, `shots` are the parts between
    hard cuts, `captions` the first frame of each caption (the first of them 0).
    """

    active: Sequence[bool]
    shots: Sequence[FrameRange]
    longest: int  # frames of a window
    keyframes: Sequence[int] = ()
    captions: Sequence[int] = (0,)

    def caption_at(self, frame: int) -> int:
        """Which caption a frame has."""
        return sum(start <= frame for start in self.captions) - 1


@dataclass(frozen=True, kw_only=True)
class ChainWindow:
    """Frames start .. stop-1, edited in one go.

    `carried` is its first or last frame where an earlier window made that one; all others are
    its own. `keyframes` are own frames that the user gave. `shot` and `caption` count from 0.
    """

    start: int
    stop: int
    shot: int
    caption: int
    carried: int | None = None
    keyframes: tuple[int, ...] = ()

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def frames(self) -> FrameRange:
        return FrameRange(start=self.start, stop=self.stop)

    @property
    def own(self) -> FrameRange:
        """The frames that it makes: all but the carried one."""
        return FrameRange(
            start=self.start + (self.carried == self.start),
            stop=self.stop - (self.carried == self.stop - 1),
        )


def plan_chain(layout: Layout) -> tuple[ChainWindow, ...]:
    """Windows that cover every masked frame, in the order they must run.

    Each takes over the last frame of the one before (VIVID, app. D), which is a masked one, since
    only those are edited. A chain ends at hard cuts and where the mask stays empty for more than
    LONGEST_BRIDGE frames, or for too many for one window; the next begins afresh.
    It starts at the first keyframe and runs backwards from there, then forwards; other keyframes
    are where one window ends and the next begins. No window has frames of two captions.
    """
    return tuple(
        window
        for shot, frames in enumerate(layout.shots)
        for run in _runs(layout, frames)
        for window in _Chain(layout, run, shot).windows()
    )


def find_pieces(
    windows: Sequence[ChainWindow], frames: int
) -> Iterator[tuple[FrameRange, int | None]]:
    """All frames in order: ranges, and which window makes them (None: they stay the source)."""
    done = 0
    for index in sorted(range(len(windows)), key=lambda i: windows[i].start):
        own = windows[index].own
        if own.start > done:
            yield FrameRange(start=done, stop=own.start), None
        yield own, index
        done = own.stop
    if done < frames:
        yield FrameRange(start=done, stop=frames), None


class _Chain:
    """The windows of one run of masked frames."""

    def __init__(self, layout: Layout, run: FrameRange, shot: int) -> None:
        self._layout, self._shot = layout, shot
        self._first, self._last = run.start, run.stop - 1
        inside = {f for f in layout.keyframes if self._first <= f <= self._last}
        self._given = sorted(f for f in inside if layout.active[f])

    def windows(self) -> Iterator[ChainWindow]:
        pivot = self._given[0] if self._given else self._first
        yield from self._link(self._backward(pivot), None)
        yield from self._link(self._forward(pivot), pivot if pivot > self._first else None)

    def _link(self, places: Sequence[int], carried: int | None) -> Iterator[ChainWindow]:
        """Windows between the places."""
        for here, end in pairwise(places):
            yield self._window(min(here, end), max(here, end), caption_of=end, carried=carried)
            carried = end

    def _backward(self, pivot: int) -> list[int]:
        """Frames where windows meet, from the first keyframe down to the start of the run."""
        starts = [c for c in self._layout.captions if self._first < c < pivot]
        stops = {_masked(self._layout.active, c, way=1) for c in starts}
        return self._places(sorted({pivot, *stops, self._first}, reverse=True), even=())

    def _forward(self, pivot: int) -> list[int]:
        """The same up to the end. A caption begins after the frame where windows meet."""
        if pivot == self._last and pivot > self._first:
            return []
        starts = [c for c in self._layout.captions if pivot < c <= self._last]
        ends = {_masked(self._layout.active, c - 1, way=-1) for c in starts}
        stops = [f for f in (*self._given, *ends) if pivot < f < self._last]
        alone = [pivot] if pivot in ends and pivot not in self._given else []
        fixed = sorted({pivot, *stops, self._last})
        places = alone + self._places(fixed, even=self._given)
        return places if len(places) > 1 else [pivot, pivot]

    def _window(
        self, start: int, last: int, *, caption_of: int, carried: int | None
    ) -> ChainWindow:
        return ChainWindow(
            start=start,
            stop=last + 1,
            shot=self._shot,
            caption=self._layout.caption_at(caption_of),
            carried=carried,
            keyframes=tuple(f for f in self._given if start <= f <= last and f != carried),
        )

    def _places(self, fixed: Sequence[int], *, even: Sequence[int]) -> list[int]:
        """By way of all `fixed` frames, which are masked, in windows that fit the model.

        On the way to a frame of `even` they are of even length, so that the last of them has room
        to arrive there; elsewhere all but the last are as long as can be. Where that ends on a
        frame without a mask, the window ends before, on the last that has one.
        """
        step = self._layout.longest - 1
        places = list(fixed[:1])
        for end in fixed[1:]:
            way = 1 if end > places[-1] else -1
            while (left := abs(end - places[-1])) > step:
                far = -(-left // -(-left // step)) if end in even else step
                places.append(self._join(places[-1], way, far))
            places.append(end)
        return places

    def _join(self, here: int, way: int, far: int) -> int:
        """The last masked frame up to `far` frames on; where there is none, the next one."""
        active = self._layout.active
        place = _masked(active, here + way * far, way=-way)
        return place if place != here else _masked(active, here + way, way=way)


def _masked(active: Sequence[bool], frame: int, *, way: int) -> int:
    """The nearest masked frame from `frame` on, forwards (1) or backwards (-1)."""
    while not active[frame]:
        frame += way
    return frame


def _runs(layout: Layout, shot: FrameRange) -> Iterator[FrameRange]:
    """The masked parts of a shot, short gaps in them included."""
    masked = [frame for frame in range(shot.start, shot.stop) if layout.active[frame]]
    if not masked:
        return
    bridge = min(LONGEST_BRIDGE, layout.longest - 2)  # a window needs a masked frame at both ends
    start = masked[0]
    for here, after in pairwise(masked):
        if after - here - 1 > bridge:
            yield FrameRange(start=start, stop=here + 1)
            start = after
    yield FrameRange(start=start, stop=masked[-1] + 1)
