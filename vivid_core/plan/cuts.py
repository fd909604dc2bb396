"""Find hard cuts: where one frame shows nothing of the frame before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16
from torch import Tensor

from ..errors import InputError
from ..video import FrameRange

GRID = (16, 24)  # rows and columns of the small picture that is compared
FINE_GRID = (64, 96)  # of the one whose colours are counted
SAMPLES = 4  # pixels across and down that suffice for one pixel of the finer picture
COLORS = (8, 12, 12)  # bins of lightness and both colours
COLOR_BOUNDS = (0, 256, 64, 192, 64, 192)  # of 8-bit Lab
# At a cut more than this share of the colours changes, and the small pictures correlate less than
# this. Scenes of like colours are told apart by the picture alone.
CUTS = ((0.3, 0.5), (0.08, 0.15))
# A cut changes the colours this many times more than the frames before it did, or, where those
# changed much already, this share of the way from there to entirely other colours.
CUT_RATIO, CUT_SHARE = 3.0, 0.5
MEMORY = 0.7  # how slowly the usual change is learned
RESTLESS = 3  # as many cuts in a row are no cuts: each frame is unlike the one before it
DEPTH_STEP = 257  # 16-bit levels in one of 8 bits


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The shots of a clip, in order and without gaps, and a digest of all its pixels."""

    shots: tuple[FrameRange, ...]
    digest: str


class CutFinder:
    """Finds the cuts of frames that are added one by one; keeps little of the last three.

    A cut is where both the colours and the picture change, much more than just before, and the
    next frame does not go back (as after a flash). A fade, fast motion and noise are no cuts.
    """

    def __init__(self) -> None:
        self._glances: list[_Glance] = []
        self._cuts: list[int] = []
        self._row = 0  # cuts in a row up to the last frame
        self._usual, self._count = 0.0, 0

    @property
    def shots(self) -> tuple[FrameRange, ...]:
        """Of the frames so far, in order and without gaps; the next two may take back a cut.

        Raises InputError before the first frame.
        """
        if not self._count:
            raise InputError("frames", "there are none: give at least one")
        edges = [0, *self._cuts, self._count]
        return tuple(FrameRange(start=a, stop=b) for a, b in zip(edges, edges[1:], strict=False))

    def add(self, pixels: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]) -> None:
        """Take the next frame, RGB; 16-bit frames are white at 65535."""
        self._glances = [*self._glances[-2:], _Glance.at(pixels)]
        self._count += 1
        if len(self._glances) < 2:
            return
        first, before, now = self._glances[0], *self._glances[-2:]
        change = _change(before, now)
        if self._row and not _differs(first, now):  # the frame before was a flash
            self._cuts.pop()
            self._row = 0
        elif _differs(before, now) and change > self._limit():
            self._cut(change)
        else:
            self._row = 0
            self._usual = MEMORY * self._usual + (1 - MEMORY) * change

    def _limit(self) -> float:
        """What a change has to exceed to be a cut."""
        usual = self._usual
        return min(CUT_RATIO * usual, usual + CUT_SHARE * (1 - usual))

    def _cut(self, change: float) -> None:
        self._cuts.append(self._count - 1)
        self._row += 1
        if self._row == RESTLESS:
            del self._cuts[-RESTLESS:]
            self._row, self._usual = 0, change


@dataclass(frozen=True, kw_only=True)
class _Glance:
    """What is kept of a frame to compare it with later ones."""

    colors: Float32[np.ndarray, " n"]
    picture: Float32[np.ndarray, "y x 3"]

    @classmethod
    def at(cls, pixels: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]) -> _Glance:
        sparse = np.ascontiguousarray(_thin(pixels))
        small = cv2.resize(sparse, FINE_GRID[::-1], interpolation=cv2.INTER_AREA)
        if small.dtype == np.uint16:
            small = np.rint(small / DEPTH_STEP).astype(np.uint8)
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
        colors = cv2.calcHist([lab], [0, 1, 2], None, COLORS, COLOR_BOUNDS).ravel()
        picture = cv2.resize(lab, GRID[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        return cls(colors=colors / max(float(colors.sum()), 1.0), picture=picture)


def survey_frames(frames: Iterable[UInt8[np.ndarray, "h w 3"]]) -> Survey:
    """Look at every frame once, holding one: where the shots are, and a digest of the pixels.

    Raises InputError if there are none.
    """
    hasher, cuts = hashlib.sha256(), CutFinder()
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
        levels = _thin(frame).detach().clamp(0, 1).mul(255).round()
        cuts.add(levels.byte().cpu().numpy())
    return cuts.shots


def _thin(frame: Any) -> Any:
    """Every n-th row and column of a large frame [H, W, 3], array or tensor."""
    height, width = frame.shape[:2]
    step = max(1, min(height // FINE_GRID[0], width // FINE_GRID[1]) // SAMPLES)
    return frame[::step, ::step]


def _differs(a: _Glance, b: _Glance) -> bool:
    change, correlation = _change(a, b), _correlation(a, b)
    return any(change > least and correlation < most for least, most in CUTS)


def _change(a: _Glance, b: _Glance) -> float:
    """Share of the colours that are not the same, 0..1."""
    return float(1 - np.minimum(a.colors, b.colors).sum())


def _correlation(a: _Glance, b: _Glance) -> float:
    """Of the small pictures, -1..1, each channel against its own mean; 0 with a flat one."""
    first, second = (g.picture - g.picture.mean((0, 1)) for g in (a, b))
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 1.0 else 0.0
