"""Files and folders that appear under their name only when they are complete."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import MediaError

FULL_DISK = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def write_errors(target: Path) -> Iterator[None]:
    """Errors of the system or of the media library inside this context become MediaError."""
    try:
        yield
    except OSError as error:  # the media library's write errors are OSErrors too
        if error.errno in FULL_DISK:
            remedy = "the disk is full: free some space, or write to another disk"
        else:
            remedy = f"{error.strerror}: check that the folder exists and may be written to"
        raise MediaError(f"{target}: cannot be written, {remedy}") from error


class PendingPath:
    """A temporary name beside `target`, renamed to it by `commit`, removed by `discard`."""

    def __init__(self, target: Path) -> None:
        if not target.parent.is_dir():
            raise MediaError(
                f"{target}: cannot be written, there is no folder {target.parent}: create it first"
            )
        self.target = target
        self.path = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")

    def commit(self) -> None:
        with write_errors(self.target):
            if self.path.is_file():
                _flush_to_disk(self.path)
            elif self.target.is_dir():
                self.target.rmdir()
            self.path.replace(self.target)

    def discard(self) -> None:
        if self.path.is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            self.path.unlink(missing_ok=True)


def require_writable(target: Path | str) -> None:
    """Raise MediaError where a file could not be written: before long work, not after it."""
    target = Path(target).absolute()
    pending = PendingPath(target)
    try:
        with write_errors(target):
            pending.path.touch()
    finally:
        pending.discard()


@contextmanager
def write_whole(target: Path) -> Iterator[Path]:
    """Where to write a file or folder that takes the name `target` at the end of the context.

    After an exception `target` is as it was. Errors of the system become MediaError.
    """
    pending = PendingPath(target)
    try:
        with write_errors(target):
            yield pending.path
        pending.commit()
    finally:
        pending.discard()


def write_whole_file(target: Path, data: bytes) -> None:
    """Write a file in one piece: it is there completely, or as it was before."""
    with write_whole(target) as unfinished:
        unfinished.write_bytes(data)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
