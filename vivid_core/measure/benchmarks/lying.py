"""Where a benchmark's clips and masks lie, inside of its folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ...data.formats.record import confined
from ...errors import InputError
from ..manifest import ARGUMENT
from ..places import clips_at, masks_at

NAME = re.compile(r"[\w-][\w .-]*")  # of one file or folder: no way out of its own
MASKS = "masks"


def require_name(text: str) -> str:
    """A name that can be one of a file. Raises InputError for any other."""
    if not NAME.fullmatch(text) or text != text.strip():
        raise InputError(
            ARGUMENT, f"{text!r} may hold letters, digits, space, -, _ and . only: it names files"
        )
    return text


def find_clip(root: Path, places: Sequence[str]) -> Path | None:
    """What lies at the first of these places that has something, whatever its ending."""
    return _find(root, places, clips_at)


def find_mask(root: Path, places: Sequence[str]) -> Path | None:
    """The same of masks."""
    return _find(root, places, masks_at)


def _find(root: Path, places: Sequence[str], lying: Callable[[Path], list[Path]]) -> Path | None:
    for place in places:
        found = lying(root / place)
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise InputError(ARGUMENT, f"{root / place}: there are {names}: keep one")
        if found:
            return confined(root, found[0].relative_to(root).as_posix())
    return None
