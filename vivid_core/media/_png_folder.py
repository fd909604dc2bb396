"""Write frames as a folder of numbered PNG files."""

from __future__ import annotations

import numpy as np

from ..errors import MediaError
from ..files.atomic import PendingPath, write_errors
from ._images import encode_image

DIGITS = 6


class PngFolder:
    """Frames as 000000.png, 000001.png, ... in a new folder."""

    def __init__(self, pending: PendingPath) -> None:
        target = pending.target
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise MediaError(
                f"{target}: exists already and is not an empty folder: choose another name"
            )
        self._pending = pending
        with write_errors(target):
            pending.path.mkdir()

    def write(self, pixels: np.ndarray, index: int) -> None:
        with write_errors(self._pending.target):
            data = encode_image(pixels, ".png")
            (self._pending.path / f"{index:0{DIGITS}d}.png").write_bytes(data)

    def finish(self) -> None:
        return None

    def close(self) -> None:
        return None
