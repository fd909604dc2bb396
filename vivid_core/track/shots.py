"""Find hard cuts, so that nothing is followed across one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from ..video import FrameRange
from .appearance import to_lab

GRID = (16, 24)  # rows and columns of the small picture that is compared
COLORS = (8, 12, 12)  # bins of lightness and both colours
# At a cut more than this share of the colours changes, and the small pictures correlate less than
# this. Scenes of like colours are told apart by the picture alone.
CUTS = ((0.3, 0.5), (0.08, 0.15))
CUT_RATIO = 3.0  # a cut changes the colours this many times more than the frames before it did
MEMORY = 0.7  # how slowly the usual change is learned


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The shots of a clip, in order and without gaps, and a digest of all its pixels."""

    shots: tuple[FrameRange, ...]
    digest: str


@dataclass(frozen=True, kw_only=True)
class _Glance:
    """What is kept of a frame to compare it with later ones."""

    colors: Float32[np.ndarray, " n"]
    picture: Float32[np.ndarray, "y x 3"]

    @classmethod
    def at(cls, pixels: UInt8[np.ndarray, "h w 3"]) -> _Glance:
        small = cv2.resize(pixels, (4 * GRID[1], 4 * GRID[0]), interpolation=cv2.INTER_AREA)
        lab = to_lab(small)
        bounds = [0, 256, 64, 192, 64, 192]
        colors = cv2.calcHist([lab], [0, 1, 2], None, list(COLORS), bounds).ravel()
        picture = cv2.resize(lab, GRID[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        return cls(colors=colors / max(float(colors.sum()), 1.0), picture=picture)


def survey_frames(frames: Iterable[UInt8[np.ndarray, "h w 3"]]) -> Survey:
    """Look at every frame once, holding one: where the shots are, and a digest of the pixels.

    A cut is where both the colours and the picture change, much more than just before, and the
    next frame does not go back (as after a flash).
    """
    hasher = hashlib.sha256()
    glances: list[_Glance] = []  # of the last three frames
    cuts: list[int] = []
    usual, count = 0.0, 0
    for pixels in frames:
        hasher.update(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())
        glances = [*glances[-2:], _Glance.at(pixels)]
        count += 1
        if len(glances) < 2:
            continue
        change = _change(glances[-2], glances[-1])
        flash = len(glances) == 3 and not _differs(glances[0], glances[2])
        if flash and cuts and cuts[-1] == count - 2:
            cuts.pop()  # the frame before last was a flash
        elif _differs(glances[-2], glances[-1]) and change > CUT_RATIO * usual:
            cuts.append(count - 1)
        else:
            usual = MEMORY * usual + (1 - MEMORY) * change
    edges = [0, *cuts, count]
    shots = (FrameRange(start=a, stop=b) for a, b in zip(edges, edges[1:], strict=False))
    return Survey(shots=tuple(shots), digest=hasher.hexdigest()[:32])


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
