"""Find where a clip's scenes join: hard cuts, dissolves and fades."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from torch import Tensor

from ..errors import InputError
from ..video import FrameRange
from .glance import Glance, change, differs, thin
from .gradual import GradualFinder

# A cut changes the colours this many times more than the frames before it did, or, where those
# changed much already, this share of the way from there to entirely other colours.
CUT_RATIO, CUT_SHARE = 3.0, 0.5
MEMORY = 0.7  # how slowly the usual change is learned
RESTLESS = 3  # as many cuts in a row are no cuts: each frame is unlike the one before it


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The shots of a clip, in order and without gaps, and a digest of all its pixels."""

    shots: tuple[FrameRange, ...]
    digest: str


class CutFinder:
    """Finds the joins of frames that are added one by one; keeps little of the last forty.

    A cut is where both the colours and the picture change, much more than just before, and the
    next frame does not go back (as after a flash). Motion, noise, and fades that lead nowhere are
    none. If `gradual`, dissolves, and fades that lead to another scene, are joins in their middle:
    for datasets, which lose little where a moving camera is taken for one. An edit would break.
    """

    def __init__(self, *, gradual: bool = False) -> None:
        self._glances: list[Glance] = []
        self._cuts: list[int] = []
        self._row = 0  # cuts in a row up to the last frame
        self._usual, self._count = 0.0, 0
        self._gradual = GradualFinder() if gradual else None

    @property
    def shots(self) -> tuple[FrameRange, ...]:
        """Of the frames so far, in order and without gaps; the next ones may move the last join.

        Raises InputError before the first frame.
        """
        if not self._count:
            raise InputError("frames", "there are none: give at least one")
        edges = [0, *self._joins(), self._count]
        return tuple(FrameRange(start=a, stop=b) for a, b in zip(edges, edges[1:], strict=False))

    def add(self, pixels: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]) -> None:
        """Take the next frame, RGB; 16-bit frames are white at 65535."""
        glance = Glance.at(pixels)
        self._glances = [*self._glances[-2:], glance]
        self._count += 1
        if self._gradual is not None:
            self._gradual.add(glance)
        if len(self._glances) < 2:
            return
        first, before, now = self._glances[0], *self._glances[-2:]
        changed = change(before, now)
        if self._row and not differs(first, now):  # the frame before was a flash
            self._cuts.pop()
            self._row = 0
        elif differs(before, now) and changed > self._limit():
            self._cut(changed)
        else:
            self._row = 0
            self._usual = MEMORY * self._usual + (1 - MEMORY) * changed

    def _joins(self) -> list[int]:
        """Cuts and gradual changes. A cut amid a change is that change; a fade may have two."""
        joins = {*self._cuts}
        for found in self._gradual.found if self._gradual is not None else ():
            inside = {at for at in joins if found.first < at <= found.last}
            if not inside or (found.is_fade and len(inside) > 1):
                joins = joins - inside | {found.middle}
        return sorted(joins)

    def _limit(self) -> float:
        """What a change has to exceed to be a cut."""
        usual = self._usual
        return min(CUT_RATIO * usual, usual + CUT_SHARE * (1 - usual))

    def _cut(self, changed: float) -> None:
        self._cuts.append(self._count - 1)
        self._row += 1
        if self._row == RESTLESS:
            del self._cuts[-RESTLESS:]
            self._row, self._usual = 0, changed


def survey_frames(frames: Iterable[UInt8[np.ndarray, "h w 3"]], *, gradual: bool = False) -> Survey:
    """Look at every frame once, holding one: where the shots are, and a digest of the pixels.

    `gradual` is that of `CutFinder`. Raises InputError if there are none.
    """
    hasher, cuts = hashlib.sha256(), CutFinder(gradual=gradual)
    for pixels in frames:
        hasher.update(repr(pixels.shape).encode())
        hasher.update(np.ascontiguousarray(pixels).data)
        cuts.add(pixels)
    return Survey(shots=cuts.shots, digest=hasher.hexdigest()[:32])


def find_shots(frames: Float[Tensor, "t h w 3"]) -> tuple[FrameRange, ...]:
    """The shots of a clip [T, H, W, 3] (0..1): those of its 8-bit frames.

    Raises InputError if it has no frames.
    """
    cuts = CutFinder()
    for frame in frames:
        levels = thin(frame).detach().clamp(0, 1).mul(255).round()
        cuts.add(levels.byte().cpu().numpy())
    return cuts.shots
