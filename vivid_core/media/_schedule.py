"""When each written frame starts and how long it lasts, in ticks of an exact clock."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from ..errors import InputError

FLOAT_DENOMINATOR = 90_000  # times given as floats are rounded to the MPEG clock
MAX_CLOCK = 10_000_000  # ticks a second; at finer ones 32-bit counts of ticks soon overflow


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Frames at a constant rate, or at `starts` (ticks; one more than frames gives the end)."""

    fps: Fraction
    time_base: Fraction
    starts: tuple[int, ...] | None = None

    def ticks(self, frame: int) -> tuple[int, int]:
        """Start and duration of a frame."""
        if self.starts is None:
            return frame, 1
        if frame >= len(self.starts):
            raise InputError(
                "pts", f"has {len(self.starts)} times, but more frames are written: give one each"
            )
        start = self.starts[frame]
        if frame + 1 < len(self.starts):
            return start, self.starts[frame + 1] - start
        return start, max(1, round(1 / self.fps / self.time_base))

    def check_count(self, frames: int) -> None:
        if self.starts is not None and frames not in (len(self.starts), len(self.starts) - 1):
            raise InputError(
                "pts", f"has {len(self.starts)} times, but {frames} frames were written"
            )


def make_schedule(fps: Fraction, pts: Iterable[Fraction | float] | None) -> Schedule:
    """Raises InputError for a rate of 0 or less, or times that do not increase."""
    if fps <= 0:
        raise InputError("fps", f"must be above 0, got {fps}")
    if pts is None:
        return Schedule(fps=fps, time_base=1 / fps)
    times = [_exact(time) for time in pts]
    clock = _clock(times, 1 / fps)
    starts = tuple(round((time - times[0]) * clock) for time in times)
    if not starts or any(b <= a for a, b in zip(starts, starts[1:], strict=False)):
        raise InputError("pts", "times must be given and increase from frame to frame")
    return Schedule(fps=fps, time_base=Fraction(1, clock), starts=starts)


def _clock(times: list[Fraction], last: Fraction) -> int:
    """Ticks a second in which the times, and if possible the last duration, are whole."""
    exact = math.lcm(*(time.denominator for time in times))
    with_last = math.lcm(exact, last.denominator)
    return next((c for c in (with_last, exact) if c <= MAX_CLOCK), FLOAT_DENOMINATOR)


def _exact(time: Fraction | float) -> Fraction:
    return (
        time if isinstance(time, Fraction) else Fraction(time).limit_denominator(FLOAT_DENOMINATOR)
    )
