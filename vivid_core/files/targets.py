"""What a command reads and what it writes, compared before any work: inputs are never replaced."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from .atomic import is_there

Named = Iterable[tuple[str, Path | None]]  # with the argument's name; None: not given


def require_apart(inputs: Named, outputs: Named) -> None:
    """Raise InputError where an output is an input or another output, under whatever name.

    Links and the case of letters do not hide it. Nor may an output replace a file of a folder
    that is read, or a folder that is written hold an input.
    """
    read = [(name, path) for name, path in inputs if path is not None]
    written: list[tuple[str, Path]] = []
    for name, path in outputs:
        if path is None:
            continue
        for other, source in read:
            _require_other(name, path, other, source)
        for other, target in written:
            if _is_same(path, target):
                raise InputError(name, f"{path} is written by {other} too: choose another name")
        written.append((name, path))


def require_own_folder(name: str, folder: Path, files: Iterable[str], inputs: Named) -> None:
    """Raise InputError where a folder that a run fills with `files` would harm an input.

    The folder may not be an input, nor may an input be one of the files or lie in one of them. It
    may hold inputs besides, and lie in a folder that is read.
    """
    for other, source in inputs:
        if source is None:
            continue
        if _is_same(folder, source):
            raise InputError(name, f"{folder} is what {other} reads: choose another folder")
        for file in files:
            target = folder / file
            if _is_same(target, source) or _is_inside(source, target):
                raise InputError(
                    name, f"{target} would replace what {other} reads: choose another folder"
                )


def require_outside(name: str, folder: Path, inputs: Named) -> None:
    """Raise InputError where a folder that a run fills is, holds or lies in an input."""
    for other, source in inputs:
        if source is None:
            continue
        if _is_same(folder, source) or _is_inside(source, folder) or _is_inside(folder, source):
            raise InputError(
                name,
                f"{folder} and {source}, which {other} reads, lie in each other: choose another "
                "folder",
            )


def _require_other(name: str, path: Path, other: str, source: Path) -> None:
    if _is_same(path, source):
        raise InputError(name, f"{path} is what {other} reads: choose another name")
    if _is_folder(source) and is_there(path) and _is_inside(path, source):
        raise InputError(name, f"{path} lies in the folder that {other} reads: choose another one")
    if _is_folder(path) and is_there(source) and _is_inside(source, path):
        raise InputError(name, f"{path} holds {source}, which {other} reads: choose another folder")


def _is_folder(path: Path) -> bool:
    return is_there(path) and path.is_dir()


def _is_same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except (OSError, ValueError):  # one of them is not there, or can never be
        return _plain(first) == _plain(second)


def _is_inside(path: Path, folder: Path) -> bool:
    return _real(folder) in _real(path).parents


def _plain(path: Path) -> str:
    """What two names share that some system takes for the same."""
    return unicodedata.normalize("NFC", str(_real(path))).casefold()


def _real(path: Path) -> Path:
    """Where links lead; what can be no file's name leads nowhere."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a NUL, half of a character
        return path
