"""Split a clip of any length into windows of time the model can take, keyframes in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..latents import Geometry

JOIN_FRAMES = 5  # frames over which two halves that meet are blended, ours


@dataclass(frozen=True, kw_only=True)
class Window:
    """Frames start .. stop-1 of the clip, padded to `model_frames` for the model.

    `reverse`: the model sees the last of them first. `known` are frames of it that are finished
    before it runs: keyframes, or edited by an earlier window (KIVE, VIVID app. D). `joined`
    frames were made before from the other side, over a stretch that all of them together cover:
    the two are blended.
    """

    start: int
    stop: int
    model_frames: int
    reverse: bool = False
    known: tuple[int, ...] = ()
    joined: range = range(0)

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def order(self) -> list[int]:
        """Its frames as the model sees them, padding left out."""
        frames = list(range(self.start, self.stop))
        return frames[::-1] if self.reverse else frames

    @property
    def ends_known(self) -> bool:
        """Whether the frame the model sees last is finished (and is not its first)."""
        return len(self) > 1 and self.order[-1] in self.known

    @property
    def made(self) -> list[int]:
        """The frames that this window makes."""
        return [frame for frame in range(self.start, self.stop) if frame not in self.known]

    def share(self, frame: int) -> float:
        """How much of a frame is this window's, 0..1: less than 1 where it is blended in."""
        if frame not in self.joined:
            return 1.0
        near = frame - self.joined.start if self.reverse else self.joined.stop - 1 - frame
        return (near + 1) / (len(self.joined) + 1)

    @property
    def padding(self) -> list[int]:
        """Which of `order` the model sees at each of its frames.

        A known end is held, so that it stays known; an open one goes back and forth, so that the
        motion stays natural.
        """
        return _padding(len(self), self.model_frames, self.ends_known)


def plan_windows(
    frames: int,
    geometry: Geometry,
    max_frames: int,
    keyframes: Sequence[int] = (),
    *,
    both_ends: bool = True,
) -> tuple[Window, ...]:
    """Windows of at most `max_frames` that cover a clip, in the order they must run.

    Without keyframes: the fewest, chained by one shared frame. With them: backwards from the
    first to the start of the clip, forwards from the last to its end. Between two of them the
    last window knows both its ends where the model can (`both_ends`); else two halves meet in
    the middle and are blended there. Raises SizeError for less than one frame.
    """
    plan = _Planner(geometry=geometry, longest=max_frames)
    geometry.legal_frames(frames)  # refuses fewer than one
    last = frames - 1
    if not keyframes:
        return tuple(plan.chain(0, last, known=()))
    places = sorted(set(keyframes))
    windows = plan.chain(places[0], 0)
    for a, b in zip(places, places[1:], strict=False):
        windows += plan.between(a, b) if both_ends else plan.meet(a, b)
    windows += plan.chain(places[-1], last)
    return tuple(windows)


@dataclass(frozen=True, kw_only=True)
class _Planner:
    """Both ends of a run are included; it goes backwards where its end lies before its start."""

    geometry: Geometry
    longest: int

    def chain(self, first: int, last: int, *, known: tuple[int, ...] | None = None) -> list[Window]:
        """Windows from a finished frame (`known` of () says that it is not) to `last`."""
        known = (first,) if known is None else known
        if first == last and known:
            return []
        runs = _runs(first, last, self.longest - 1)
        starts = [known, *((here,) for here, _ in runs[1:])]
        return [self._window(*run, done) for run, done in zip(runs, starts, strict=True)]

    def between(self, a: int, b: int) -> list[Window]:
        """From one finished frame to another, in windows of even length."""
        if b - a < 2:
            return []
        step = self.longest - 1
        even = -(-(b - a) // -(-(b - a) // step))
        windows = [
            self._window(here, stop, (here, b) if stop == b else (here,))
            for here, stop in _runs(a, b, even)
        ]
        return [window for window in windows if window.made]

    def meet(self, a: int, b: int) -> list[Window]:
        """From both sides to the middle; the second half is blended into the first."""
        inner = b - a - 1
        if inner < 1:
            return []
        join = min(JOIN_FRAMES, inner)
        stop = a + (inner + join + 1) // 2
        joined = range(stop - join + 1, stop + 1)
        back = self.chain(b, joined.start)
        return self.chain(a, stop) + [replace(window, joined=joined) for window in back]

    def _window(self, first: int, last: int, known: tuple[int, ...]) -> Window:
        start, stop = min(first, last), max(first, last) + 1
        return Window(
            start=start,
            stop=stop,
            model_frames=self.geometry.legal_frames(stop - start),
            reverse=last < first,
            known=known,
        )


def _runs(first: int, last: int, step: int) -> list[tuple[int, int]]:
    """First and last frame of each window: `step` frames apart, forwards or backwards."""
    if first == last:
        return [(first, last)]
    way = step if last > first else -step
    starts = range(first, last, way)
    return list(zip(starts, [*starts[1:], last], strict=True))


def _padding(frames: int, length: int, held: bool) -> list[int]:
    """Which of a window's frames the model sees at each of its own."""
    if held:
        return [min(i, frames - 1) for i in range(length)]
    period = max(1, 2 * (frames - 1))
    return [min(i % period, period - i % period) for i in range(length)]
