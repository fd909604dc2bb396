"""Open a dataset, whether it was built or is a folder of clips, masks and captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .built import is_built, open_built
from .folder import open_folder
from .samples import Dataset


def _ignore(done: int, total: int) -> None:
    return None


def open_dataset(folder: Path, on_sample: Callable[[int, int], None] = _ignore) -> Dataset:
    """All samples of a folder. `on_sample` is told how many of how many are done.

    Raises InputError for what cannot be trained on, with the name of the file.
    """
    return (open_built if is_built(folder) else open_folder)(folder, on_sample)
