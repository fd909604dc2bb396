"""One object of a picture of labels or of coloured objects."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MaskError
from ._mask_parts import Color, Label
from ._pixels import full_scale

NEAR = 24  # of 255, by which a lossy file's colour differs in its worst channel
MOST_LISTED = 12
FRAMES_LISTED = 64


def object_mask(pixels: np.ndarray, part: Label | Color) -> NDArray[np.float32]:
    """1 where the object is, of uint8 or uint16 [H, W, 3 or 4].

    A colour that is nowhere exactly is taken from what is near it, for files that lose a little.
    """
    if isinstance(part, Label):
        same = (pixels[..., :3] == part.number).all(axis=-1)
        return same.astype(np.float32)
    off = np.abs(_bytes_of(pixels).astype(np.int16) - np.array(part.rgb, np.int16)).max(axis=-1)
    return (off <= (0 if (off == 0).any() else NEAR)).astype(np.float32)


def absent(path: Path, part: Label | Color, frames: Iterable[np.ndarray]) -> MaskError:
    """What to tell where no frame holds the object: which ones there are."""
    kind = "label" if isinstance(part, Label) else "colour"
    return MaskError(
        "mask", f"{path} has no {kind} {part} on any frame; there are {_listed(frames, part)}"
    )


def _listed(frames: Iterable[np.ndarray], part: Label | Color) -> str:
    """The labels or colours of the first frames, the commonest first."""
    counts: dict[str, int] = {}
    for pixels in islice(frames, FRAMES_LISTED):
        for name, count in _names(pixels, part):
            counts[name] = counts.get(name, 0) + count
    names = sorted(counts, key=lambda name: -counts[name])
    more = len(names) - MOST_LISTED
    shown = ", ".join(names[:MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown


def _names(pixels: np.ndarray, part: Label | Color) -> Iterable[tuple[str, int]]:
    is_grey = bool((pixels[..., :3] == pixels[..., :1]).all())
    if isinstance(part, Label) and is_grey:
        values, counts = np.unique(pixels[..., 0], return_counts=True)
        return zip(map(str, values.tolist()), counts.tolist(), strict=True)
    code = _bytes_of(pixels).astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    values, counts = np.unique(code, return_counts=True)
    return zip((f"#{value:06x}" for value in values.tolist()), counts.tolist(), strict=True)


def _bytes_of(pixels: np.ndarray) -> NDArray[np.uint8]:
    rgb = pixels[..., :3]
    return (rgb if full_scale(rgb) == 255 else rgb >> 8).astype(np.uint8)
