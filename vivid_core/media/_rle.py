"""COCO run-length encoding of masks, in its compressed text form.

Runs go down the columns and start with unselected pixels. From the third run on, each is stored
as the difference to the run two before; numbers are written in groups of 5 bits, lowest first,
one character (48 + group, plus 32 while more follow) each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import InputError

FIRST_CHARACTER = 48
GROUP_BITS, GROUP_MASK, MORE_FLAG, SIGN_BIT = 5, 0x1F, 0x20, 0x10


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

    Raises InputError if the runs do not fill the mask exactly.
    """
    runs = _runs_of_text(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(run, int) for run in runs):
        raise InputError("counts", "must be compressed text or a list of whole numbers")
    height, width = size
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        raise InputError(
            "counts", f"the runs hold {sum(runs)} pixels, but the mask is {width}x{height}"
        )
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def rle_area(counts: str) -> int:
    """How many pixels a mask in compressed text selects. Raises InputError for damaged text."""
    return sum(_runs_of_text(counts)[1::2])


def _differences(runs: list[int]) -> list[int]:
    return [run - runs[i - 2] if i > 2 else run for i, run in enumerate(runs)]


def _runs_of_text(text: str) -> list[int]:
    runs: list[int] = []
    for number in _numbers_of_text(text):
        runs.append(number + runs[-2] if len(runs) > 2 else number)
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


def _numbers_of_text(text: str) -> Iterator[int]:
    number = shift = 0
    for character in text:
        code = ord(character) - FIRST_CHARACTER
        if not 0 <= code < 2 * MORE_FLAG:
            raise InputError("counts", f"{character!r} is no character of a compressed COCO mask")
        number |= (code & GROUP_MASK) << shift
        shift += GROUP_BITS
        if code & MORE_FLAG:
            continue
        yield number - (1 << shift) if code & SIGN_BIT else number
        number = shift = 0
    if shift:
        raise InputError("counts", "the compressed mask ends in the middle of a number")
