"""Open a dataset, whether it was built or is a folder of clips with masks or with edits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .built import is_built, open_built
from .folder import open_folder
from .pairs import is_pairs, open_listed, open_pairs
from .samples import Dataset


def _ignore(done: int, total: int) -> None:
    return None


def open_dataset(
    folder: Path, on_sample: Callable[[int, int], None] = _ignore, *, form: str = ""
) -> Dataset:
    """All samples of a folder. `on_sample` is told how many of how many are done.

    With a `form` the folder is the index file of somebody else's dataset of pairs.
    Raises InputError for what cannot be trained on, with the name of the file.
    """
    if form:
        return open_listed(folder, form, on_sample)
    if is_built(folder):
        return open_built(folder, on_sample)
    return (open_pairs if is_pairs(folder) else open_folder)(folder, on_sample)
