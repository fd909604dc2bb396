"""TensorBoard's files beside our own log. Needs the extra `tensorboard`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from ..errors import InputError

FOLDER = "tensorboard"


def require_tensorboard() -> None:
    """Raise InputError where TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        raise InputError(
            "tensorboard",
            "the package tensorboard is not installed: install it (pip install tensorboard), or "
            "turn the option off; the log and curves of the training need none",
        )


class Board:
    """The scalars of a training, under `folder`/tensorboard.

    What a killed run wrote after `step`, where this one begins, is hidden.
    """

    def __init__(self, folder: Path, step: int) -> None:
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / FOLDER), purge_step=step + 1)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One record of the log."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
