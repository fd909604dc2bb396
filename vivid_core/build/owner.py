"""Who fills a dataset's folder: a build from videos, or somebody who adds sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..data.built import is_built
from ..errors import InputError
from ..files.seal import read_sealed, write_sealed

Maker = Literal["build", "samples"]
MARKER = "made_by.json"
REPORT = "report.json"  # each build ends with it
_HOLDS: dict[str, str] = {
    "build": "a dataset that is built from videos",
    "samples": "samples that were added one by one",
}


def require_owner(folder: Path, maker: Maker, *, argument: str) -> None:
    """Raise InputError where a folder belongs to another maker, whose samples would be lost.

    Raises MediaError where the mark in it was changed.
    """
    owner = _owner(folder)
    if owner is not None and owner != maker:
        raise InputError(
            argument,
            f"{folder} holds {_HOLDS.get(owner, owner)}, which would be lost: choose another one",
        )


def claim(folder: Path, maker: Maker, *, argument: str) -> None:
    """Mark a folder, before anything is written into it. Raises as `require_owner`."""
    require_owner(folder, maker, argument=argument)
    if not (folder / MARKER).is_file():
        write_sealed(folder / MARKER, {"made_by": maker})


def _owner(folder: Path) -> str | None:
    if (folder / MARKER).is_file():
        return str(read_sealed(folder / MARKER).get("made_by"))
    if (folder / REPORT).is_file():  # of a version that left no mark
        return "build"
    return "samples" if is_built(folder) else None
