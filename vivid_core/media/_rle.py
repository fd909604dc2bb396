"""COCO run-length encoding of masks, in its compressed text form.

Runs go down the columns and start with unselected pixels. From the third run on, each is stored
as the difference to the run two before; numbers are written in groups of 5 bits, lowest first,
one character (48 + group, plus 32 while more follow) each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

FIRST_CHARACTER = 48
GROUP_BITS, GROUP_MASK, MORE_FLAG, SIGN_BIT = 5, 0x1F, 0x20, 0x10
MOST_GROUPS = 7  # of a number; those of a mask of MOST_PIXELS have 6
MOST_PIXELS = 8192 * 8192

Runs = NDArray[np.int64]


def encode_rle(mask: np.ndarray) -> str:
    """Compressed counts of a boolean mask [H, W]."""
    flat = np.asarray(mask, bool).T.ravel()
    borders = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0], borders, [flat.size]])
    runs = np.diff(edges).tolist()
    if flat.size and flat[0]:
        runs = [0, *runs]
    return "".join(map(_number_to_text, _differences(runs)))


def decode_rle(counts: object, size: tuple[int, int]) -> np.ndarray:
    """Boolean mask [H, W] of compressed text or a plain list of runs; size is (height, width).

    Nothing is allocated before the runs are known to fill the mask exactly; else, and for masks of
    over MOST_PIXELS, raises InputError.
    """
    runs = _checked_runs(counts, size)
    height, width = size
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def selects_any(counts: object, size: tuple[int, int]) -> bool:
    """Whether a mask selects anything; decodes no pixels. Raises InputError as `decode_rle`."""
    return bool(_checked_runs(counts, size)[1::2].any())


def rle_area(counts: str) -> int:
    """How many pixels a mask in compressed text selects. Raises InputError for damaged text."""
    return int(_runs_of_text(counts)[1::2].sum())


def _checked_runs(counts: object, size: tuple[int, int]) -> Runs:
    """Runs that fill a mask of this size exactly."""
    height, width = size
    if min(size) < 1 or height * width > MOST_PIXELS:
        raise InputError("size", f"is {width}x{height}: masks have 1 to {MOST_PIXELS:,} pixels")
    runs = _runs_of_text(counts) if isinstance(counts, str) else _runs_of_list(counts)
    within = len(runs) <= 2 * MOST_PIXELS and bool(((runs >= 0) & (runs <= MOST_PIXELS)).all())
    if not within or int(runs.sum()) != height * width:
        raise InputError("counts", f"the runs do not fill the mask of {width}x{height} pixels")
    return runs


def _runs_of_list(counts: object) -> Runs:
    if not isinstance(counts, list) or not all(type(run) is int for run in counts):
        raise InputError("counts", "must be compressed text or a list of whole numbers")
    return np.array([min(max(run, -1), MOST_PIXELS + 1) for run in counts], np.int64)


def _differences(runs: list[int]) -> list[int]:
    return [run - runs[i - 2] if i > 2 else run for i, run in enumerate(runs)]


def _runs_of_text(text: str) -> Runs:
    runs = _numbers_of_text(text)
    for first in (1, 2):  # the very first run stands for itself
        runs[first::2] = np.cumsum(runs[first::2])
    return runs


def _number_to_text(number: int) -> str:
    characters: list[str] = []
    while True:
        group = number & GROUP_MASK
        number >>= GROUP_BITS
        more = number != (-1 if group & SIGN_BIT else 0)
        characters.append(chr(FIRST_CHARACTER + group + (MORE_FLAG if more else 0)))
        if not more:
            return "".join(characters)


def _numbers_of_text(text: str) -> Runs:
    """All numbers at once: what takes one step a character would block a server for seconds."""
    codes = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16).astype(np.int64)
    groups = codes - FIRST_CHARACTER
    strange = np.flatnonzero((groups < 0) | (groups >= 2 * MORE_FLAG))
    if len(strange):
        character = chr(int(codes[strange[0]]))
        raise InputError("counts", f"{character!r} is no character of a compressed COCO mask")
    ends = np.flatnonzero((groups & MORE_FLAG) == 0)
    if len(groups) and (not len(ends) or ends[-1] != len(groups) - 1):
        raise InputError("counts", "the compressed mask ends in the middle of a number")
    if not len(ends):
        return ends
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > MOST_GROUPS:
        raise InputError("counts", f"a number has over {MOST_GROUPS} characters")
    shifts = GROUP_BITS * (np.arange(len(groups)) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((groups & GROUP_MASK) << shifts, starts)
    return np.where(groups[ends] & SIGN_BIT, numbers - (1 << GROUP_BITS * lengths), numbers)
