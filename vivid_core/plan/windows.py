"""Split a clip of any length into windows of time: mask gaps, cuts, keyframes and captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..video import FrameRange

JOIN_FRAMES = 5  # frames over which two halves that meet are blended, ours
LONGEST_BRIDGE = 7  # frames without a mask, between masked ones, that do not end a chain, ours


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What a plan has to respect. All numbers are frames of the whole clip.

    `active` says of each frame whether its mask selects anything, `shots` are the parts between
    hard cuts, `keyframes` are given, `captions` are the first frame of each caption (the first of
    them 0).
    """

    active: Sequence[bool]
    shots: Sequence[FrameRange]
    keyframes: Sequence[int] = ()
    captions: Sequence[int] = (0,)

    def caption_at(self, frame: int) -> int:
        """Which caption a frame has."""
        return sum(start <= frame for start in self.captions) - 1


@dataclass(frozen=True, kw_only=True)
class Window:
    """Frames start .. stop-1, edited in one go.

    `reverse`: the model sees the last of them first. `known` are ends of it that are finished
    before it runs: keyframes, or made by an earlier window (KIVE, VIVID app. D). `joined` frames
    were made before from the other side, over a stretch that all of them together cover: the two
    are blended. `chained`: other windows join it. `shot` and `caption` count from 0.
    """

    start: int
    stop: int
    shot: int = 0
    caption: int = 0
    reverse: bool = False
    known: tuple[int, ...] = ()
    joined: range = range(0)
    chained: bool = False

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def frames(self) -> FrameRange:
        return FrameRange(start=self.start, stop=self.stop)

    @property
    def made(self) -> range:
        """The frames that this window makes: all but known ends."""
        return range(
            self.start + (self.start in self.known),
            self.stop - (len(self) > 1 and self.stop - 1 in self.known),
        )

    @property
    def order(self) -> list[int]:
        """Its frames as the model sees them, padding left out."""
        frames = list(range(self.start, self.stop))
        return frames[::-1] if self.reverse else frames

    @property
    def ends_known(self) -> bool:
        """Whether the frame the model sees last is finished (and is not its first)."""
        return len(self) > 1 and self.order[-1] in self.known

    def share(self, frame: int) -> float:
        """How much of a frame is this window's, 0..1: less than 1 where it is blended in."""
        if frame not in self.joined:
            return 1.0
        near = frame - self.joined.start if self.reverse else self.joined.stop - 1 - frame
        return (near + 1) / (len(self.joined) + 1)

    def padding(self, length: int) -> list[int]:
        """Which of `order` the model sees at each of `length` frames.

        A known end is held, so that it stays known; an open one goes back and forth, so that the
        motion stays natural.
        """
        if self.ends_known:
            return [min(i, len(self) - 1) for i in range(length)]
        period = max(1, 2 * (len(self) - 1))
        return [min(i % period, period - i % period) for i in range(length)]


def plan_windows(
    constraints: Constraints, *, longest: int, both_ends: bool = False
) -> tuple[Window, ...]:
    """Windows of at most `longest` frames for every masked frame, in the order they must run.

    Each takes over the last frame of the one before (VIVID, app. D), which is a masked one, since
    only those are edited. A chain ends at hard cuts, and where the mask stays empty for more than
    LONGEST_BRIDGE frames on the way out of its first window, or for too many for one window; the
    next begins afresh.

    Without keyframes a chain runs forwards. With them: backwards from the first of a chain to its
    start, forwards from the last to its end. Between two of them the last window knows both its
    ends where the model can (`both_ends`); else two halves meet in the middle and are blended
    there, or meet unblended where the caption changes. No window makes frames of two captions.
    """
    return tuple(
        window
        for shot, frames in enumerate(constraints.shots)
        for run in _runs(constraints, frames, longest)
        for window in _Chain(constraints, run, shot, longest).windows(both_ends=both_ends)
    )


def find_pieces(
    windows: Sequence[Window], given: Sequence[int], frames: int
) -> Iterator[tuple[FrameRange, int | None]]:
    """All frames in order: ranges, and which window finishes them.

    None stands for frames that no window makes: the source, or a keyframe of `given`, which is
    then a range of its own.
    """
    owner: list[int | None] = [None] * frames
    for index, window in enumerate(windows):  # a later window blends what an earlier one made
        for frame in window.made:
            owner[frame] = index
    edges = {0, frames, *given, *(frame + 1 for frame in given)}
    edges |= {f for f in range(1, frames) if owner[f] != owner[f - 1]}
    for start, stop in pairwise(sorted(edges)):
        yield FrameRange(start=start, stop=stop), owner[start]


class _Chain:
    """The windows of one run of masked frames."""

    def __init__(self, constraints: Constraints, run: FrameRange, shot: int, longest: int) -> None:
        self._timeline, self._shot = constraints, shot
        self._active, self._step = constraints.active, max(1, longest - 1)
        self._first, self._last = run.start, run.stop - 1
        inside = {f for f in constraints.keyframes if self._first <= f <= self._last}
        self._given = sorted(f for f in inside if constraints.active[f])

    def windows(self, *, both_ends: bool) -> list[Window]:
        """In the order they must run; what would make no masked frame is left out."""
        found = [w for w in self._all(both_ends=both_ends) if any(self._active[f] for f in w.made)]
        made: set[int] = set()
        windows: list[Window] = []
        for window in found:
            there = [frame for frame in window.joined if frame in made]
            joined = range(there[0], there[-1] + 1) if there else range(0)
            windows.append(replace(window, joined=joined, chained=len(found) > 1))
            made |= set(window.made)
        return windows

    def _all(self, *, both_ends: bool) -> Iterator[Window]:
        if not self._given:
            yield from self._from_nothing()
            return
        yield from self._follow(self._given[0], self._first)
        for a, b in pairwise(self._given):
            yield from self._between(a, b) if both_ends else self._meet(a, b)
        yield from self._follow(self._given[-1], self._last)

    def _from_nothing(self) -> Iterator[Window]:
        """Forwards from the run's first frame, which is not finished yet."""
        stops = self._stops(self._first, self._last)
        alone = self._first == self._last or self._first in stops
        if alone:
            yield self._window(self._first, self._first, known=())
            yield from self._follow(self._first, self._last)
            return
        first, *rest = self._follow(self._first, self._last)
        yield replace(first, known=())
        yield from rest

    def _follow(self, here: int, end: int) -> Iterator[Window]:
        """Windows from a finished frame to `end`, forwards or backwards."""
        stops = [frame for frame in self._stops(here, end) if frame != here]
        places = self._places([here, *stops, end] if end != here else [here])
        for a, b in pairwise(places):
            yield self._window(a, b, known=(a,))

    def _between(self, a: int, b: int) -> Iterator[Window]:
        """From one finished frame to another; on the way there windows are of even length."""
        *stops, last = [a, *(frame for frame in self._stops(a, b) if a < frame < b)]
        yield from (
            self._window(x, y, known=(x,)) for x, y in pairwise(self._places([*stops, last]))
        )
        for x, y in pairwise(self._places([last, b], even=True)):
            yield self._window(x, y, known=(x, b) if y == b else (x,))

    def _meet(self, a: int, b: int) -> Iterator[Window]:
        """From both sides to the middle; the second half is blended into the first."""
        inner = b - a - 1
        if inner < 1:
            return
        change = self._caption_change(a, b)
        if change is not None:
            yield from self._follow(a, _masked(self._active, change - 1, way=-1))
            yield from self._follow(b, _masked(self._active, change, way=1))
            return
        join = min(JOIN_FRAMES, inner)
        stop = a + (inner + join + 1) // 2
        joined = range(stop - join + 1, stop + 1)
        yield from self._follow(a, stop)
        yield from (replace(w, joined=joined) for w in self._follow(b, joined.start))

    def _caption_change(self, a: int, b: int) -> int | None:
        """The caption that begins between two keyframes, the nearest to the middle."""
        starts = [c for c in self._timeline.captions if a < c <= b]
        return min(starts, key=lambda c: abs(2 * c - a - b), default=None)

    def _stops(self, here: int, end: int) -> list[int]:
        """Masked frames between two where windows have to meet, for captions to change there.

        A caption begins after the frame where windows meet, or backwards in time on it.
        """
        captions = self._timeline.captions
        if end >= here:
            starts = [c for c in captions if here < c <= end]
            return sorted({_masked(self._active, c - 1, way=-1) for c in starts})
        starts = [c for c in captions if end < c < here]
        return sorted({_masked(self._active, c, way=1) for c in starts}, reverse=True)

    def _window(self, first: int, last: int, *, known: tuple[int, ...]) -> Window:
        return Window(
            start=min(first, last),
            stop=max(first, last) + 1,
            shot=self._shot,
            caption=self._timeline.caption_at(last),
            reverse=last < first,
            known=known,
        )

    def _places(self, fixed: Sequence[int], *, even: bool = False) -> list[int]:
        """By way of all `fixed` frames, in windows that fit the model.

        `even` ones are of even length, so that the last of them has room to arrive; else all but
        the last are as long as can be. Where one ends on a frame without a mask, it ends before,
        on the last that has one.
        """
        places = list(fixed[:1])
        for end in fixed[1:]:
            way = 1 if end > places[-1] else -1
            while (left := abs(end - places[-1])) > self._step:
                far = -(-left // -(-left // self._step)) if even else self._step
                places.append(self._join(places[-1], way, far))
            places.append(end)
        return places

    def _join(self, here: int, way: int, far: int) -> int:
        """The last masked frame up to `far` frames on; where there is none, the next one."""
        place = _masked(self._active, here + way * far, way=-way)
        return place if place != here else _masked(self._active, here + way, way=way)


def _masked(active: Sequence[bool], frame: int, *, way: int) -> int:
    """The nearest masked frame from `frame` on, forwards (1) or backwards (-1)."""
    while not active[frame]:
        frame += way
    return frame


def _runs(constraints: Constraints, shot: FrameRange, longest: int) -> Iterator[FrameRange]:
    """The masked parts of a shot, with the gaps in them that a chain reaches over."""
    masked = [frame for frame in range(shot.start, shot.stop) if constraints.active[frame]]
    if not masked:
        return
    bridge = min(LONGEST_BRIDGE, longest - 2)  # a window needs a masked frame at both ends
    start = masked[0]
    for here, after in pairwise(masked):
        in_one_window = after - start < longest
        if after - here - 1 > bridge and not in_one_window:
            yield FrameRange(start=start, stop=here + 1)
            start = after
    yield FrameRange(start=start, stop=masked[-1] + 1)
