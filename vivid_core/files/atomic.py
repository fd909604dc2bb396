"""Files and folders that appear under their name only when they are complete."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import WriteError

_SHOWN = 300  # characters of a path
FULL_DISK = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def write_errors(target: Path) -> Iterator[None]:
    """Errors of the system or of the media library inside this context become WriteError."""
    try:
        yield
    except OSError as error:  # the media library's write errors are OSErrors too
        raise WriteError(f"{shown(target)}: cannot be written, {_remedy(error)}") from error


def shown(path: Path) -> str:
    """A path as a message shows it: on one line, not longer than somebody reads."""
    text = str(path).encode(errors="backslashreplace").decode()
    text = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}...{text[-_SHOWN // 2 :]}"


def _remedy(error: OSError) -> str:
    if error.errno in FULL_DISK:
        return "the disk is full: free some space, or write to another disk"
    if error.errno == errno.ENAMETOOLONG:
        return "its name is too long: choose a shorter one"
    return f"{error.strerror}: check that the folder exists and may be written to"


class PendingPath:
    """A temporary name beside `target`, renamed to it by `commit`, removed by `discard`."""

    def __init__(self, target: Path) -> None:
        _require_name(target)
        if not target.parent.is_dir():
            raise WriteError(
                f"{shown(target)}: cannot be written, there is no folder {shown(target.parent)}: "
                "create it first"
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
        with suppress(OSError):  # it would hide the error that is being told
            if self.path.is_dir():
                shutil.rmtree(self.path, ignore_errors=True)
            else:
                self.path.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed runs left half written in a folder, into which nobody else may write."""
    for path in sorted(folder.glob(".*.part")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def is_there(path: Path) -> bool:
    """Whether anything has this name; what can be no name never does."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def require_writable(target: Path | str) -> None:
    """Raise WriteError where a file could not be written: before long work, not after it."""
    target = Path(target).absolute()
    _require_name(target)
    if target.is_dir():
        raise WriteError(f"{shown(target)}: cannot be written, it is a folder: name a file")
    pending = PendingPath(target)
    try:
        with write_errors(target):
            pending.path.touch()
    finally:
        pending.discard()


def require_folder_target(target: Path) -> None:
    """Raise WriteError where a folder could not be made, or no file be written into it."""
    target = target.absolute()
    _require_name(target)
    if target.is_dir():
        require_writable(target / "name")
    elif target.exists():
        raise WriteError(f"{shown(target)}: cannot be a folder, it is a file: choose another name")
    else:
        require_writable(target)


def _require_name(target: Path) -> None:
    """Raise WriteError for what can be no file's name, and for what a file must not replace."""
    try:
        if b"\0" in str(target).encode():
            raise ValueError
        is_special = target.exists() and not (target.is_file() or target.is_dir())
    except ValueError as error:  # NUL, or no Unicode
        raise WriteError(f"{shown(target)}: is no name of a file: choose another one") from error
    except OSError as error:
        raise WriteError(f"{shown(target)}: cannot be written, {_remedy(error)}") from error
    if is_special:
        raise WriteError(
            f"{shown(target)}: cannot be written, it is a device or a pipe: name a file"
        )


@contextmanager
def write_whole(target: Path) -> Iterator[Path]:
    """Where to write a file or folder that takes the name `target` at the end of the context.

    After an exception `target` is as it was. Errors of the system become WriteError.
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
