"""Training state on disk: written to the side and renamed, so that a kill leaves the old one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from ..files.atomic import write_whole
from ..files.weights import read_pickle


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
    """Write what a pickle of tensors and plain values can hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as unfinished, unfinished.open("wb") as file:
        torch.save(state, file)


def load_state(path: Path) -> dict[str, Any]:
    return read_pickle(path)
