"""Finished windows: what an edit keeps of each, in memory or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..video import FrameRange
from .footage import Levels
from .report import WindowFacts


@runtime_checkable
class Finished(Protocol):
    """The frames that a window made: of each the part that `facts` names, rounded."""

    @property
    def facts(self) -> WindowFacts: ...

    def parts_from(self, frame: int) -> Iterator[Levels]:
        """Of its frames from one on, numbered through the clip, one at a time."""
        ...


@runtime_checkable
class Store(Protocol):
    """Keeps finished windows.

    `lasting` ones may hold windows of an earlier run, which are found again by a digest of all
    that made them; elsewhere no digest is asked for.
    """

    @property
    def lasting(self) -> bool: ...

    def find(self, made: FrameRange, digest: str) -> Finished | None: ...

    def keep(
        self, made: FrameRange, digest: str, parts: Levels, facts: WindowFacts
    ) -> Finished: ...


@dataclass(frozen=True, kw_only=True)
class HeldWindow:
    """A finished window in memory."""

    start: int
    pixels: Levels
    facts: WindowFacts

    def parts_from(self, frame: int) -> Iterator[Levels]:
        return iter(self.pixels[frame - self.start :])


class MemoryStore:
    """Keeps windows for one run."""

    lasting = False

    def find(self, made: FrameRange, digest: str) -> Finished | None:
        return None

    def keep(self, made: FrameRange, digest: str, parts: Levels, facts: WindowFacts) -> Finished:
        return HeldWindow(start=made.start, pixels=parts, facts=facts)
