"""The numbers in the names of a folder's files, and those that are missing between them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from ..errors import MaskError

MOST_NAMED = 8
_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")


def missing_names(files: Sequence[Path]) -> list[str]:
    """The names that lack in a sequence such as m_0001.png, m_0002.png, m_0005.png.

    Every fifth frame is a sequence too. Names of which more would be missing than are there, such
    as times, are none.
    """
    matches = [_NUMBERED.fullmatch(file.name) for file in files]
    parts = [match.groups() for match in matches if match is not None]
    if len(parts) < len(files) or len({(head, tail) for head, _, tail in parts}) != 1:
        return []
    (head, first, tail), numbers = parts[0], sorted({int(digits) for _, digits, _ in parts})
    step = math.gcd(*(b - a for a, b in pairwise(numbers))) or 1
    count = (numbers[-1] - numbers[0]) // step + 1 - len(numbers)
    if count > len(numbers):
        return []
    lacking = sorted({*range(numbers[0], numbers[-1], step)} - {*numbers})
    return [f"{head}{number:0{len(first)}}{tail}" for number in lacking]


def require_no_gap(folder: Path, files: Sequence[Path]) -> None:
    """Raise MaskError where numbers are missing: all masks after the gap would be too early."""
    lacking = missing_names(files)
    if lacking:
        more = f" and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
        raise MaskError(
            "mask",
            f"{folder} has {len(files)} masks where its numbers make {len(files) + len(lacking)}: "
            f"{', '.join(lacking[:MOST_NAMED])}{more} missing: put a black image where there is "
            "nothing to edit, or number the files without gaps",
        )
