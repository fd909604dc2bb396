"""Training state on disk: written to the side and renamed, so that a kill leaves the old one."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from ..errors import ModelError
from ..files.atomic import write_whole_file
from ..files.seal import CHECKSUM_LETTERS, checksum
from ..files.weights import read_pickle

_HEAD = b"vivid training state\n"  # a checksum follows, then the pickle
_PLAIN = b"PK"  # how the pickle alone begins


@runtime_checkable
class StateStore(Protocol):
    """Where a training keeps its state."""

    @property
    def place(self) -> Path:
        """Where the newest one is, for messages."""
        ...

    def load(self) -> dict[str, Any] | None:
        """The newest state; None where none was saved."""
        ...

    def save(self, state: dict[str, Any]) -> None: ...

    def forget_from(self, step: int) -> None:
        """Delete the states of this step and later ones, as far as older ones are kept."""
        ...


class StateFile:
    """One file, of which each save is the next version."""

    def __init__(self, path: Path) -> None:
        self.place = path

    def load(self) -> dict[str, Any] | None:
        return load_state(self.place) if self.place.exists() else None

    def save(self, state: dict[str, Any]) -> None:
        save_state(self.place, state)

    def forget_from(self, step: int) -> None:
        """Nothing: there is no older one."""


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write what a pickle of tensors and plain values can hold, behind its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = BytesIO()
    torch.save(state, buffer)
    data = buffer.getbuffer()
    write_whole_file(path, _HEAD + checksum(data).encode() + data)


def load_state(path: Path) -> dict[str, Any]:
    """A state as it was saved. Raises ModelError for a file that is damaged."""
    data = path.read_bytes()
    if data.startswith(_PLAIN):  # of an earlier version
        return read_pickle(path)
    head, start = data[: len(_HEAD)], len(_HEAD) + CHECKSUM_LETTERS
    if head != _HEAD or data[len(_HEAD) : start] != checksum(data[start:]).encode():
        raise ModelError(f"{path}: is damaged: delete it to train from the start")
    return read_pickle(path, BytesIO(data[start:]))
