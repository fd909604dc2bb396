"""Training state on disk: written to the side and renamed, so that a kill leaves the old one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..files.atomic import write_whole
from ..files.weights import read_pickle


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write what a pickle of tensors and plain values can hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as unfinished, unfinished.open("wb") as file:
        torch.save(state, file)


def load_state(path: Path) -> dict[str, Any]:
    return read_pickle(path)
