"""A folder for one run at a time: the system lets go of it when the run ends, however it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import InputError
from .atomic import write_errors

LOCK = ".lock"


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


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
