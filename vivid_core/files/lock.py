"""A folder or file for one run at a time: the system lets go when the run ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import InputError
from .atomic import write_errors

LOCK = ".lock"  # a folder's; a file's has the file's name in it


@contextmanager
def sole_run(folder: Path, *, argument: str) -> Iterator[None]:
    """Hold a folder, made if it is missing. Raises InputError where another run has it."""
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+b")
    with file:
        try:
            _take(file)
        except OSError as error:
            raise InputError(
                argument, f"another run works in {folder}: wait for it, or choose another folder"
            ) from error
        yield


@contextmanager
def sole_writer(target: Path, *, argument: str) -> Iterator[None]:
    """Hold the name of a file that will be written. InputError where another run has it."""
    place = target.absolute().with_name(f".{target.name}{LOCK}")
    with write_errors(target):
        file = place.open("a+b")
    with file:
        try:
            _take(file)
            held = os.path.samestat(os.fstat(file.fileno()), place.stat())
        except OSError:
            held = False
        if not held:
            raise InputError(
                argument, f"another run writes {target}: wait for it, or choose another name"
            )
        try:
            yield
        finally:
            _remove(place)


def _remove(place: Path) -> None:
    with suppress(OSError):  # Windows removes no open file; an empty one then stays
        place.unlink()


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
