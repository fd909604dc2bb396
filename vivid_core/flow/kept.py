"""Filled stretches kept as files, so that the same hole is not filled twice."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from ..errors import MediaError, ModelError
from ..files.atomic import write_errors, write_whole_file
from ..files.seal import require_intact, sealed_metadata
from ..files.weights import read_weights
from .stretches import FilledStretch

LARGEST_BYTES = 2 * 2**30  # of all files together; then the oldest go
SUFFIX = ".fill.safetensors"
LEVELS = 65535  # filled pixels are rounded to 16 bits, wherever they are kept

log = logging.getLogger(__name__)


class KeptFills:
    """Pixels of holes in a folder for what can be made again; the names stand for what made them.

    A file that cannot be written or read is as good as none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, digest: str, frames: Tensor, hole: Tensor) -> FilledStretch | None:
        """What was kept of these frames [T, H, W, 3] and their hole [T, H, W], if it is there."""
        path = self._folder / f"{digest}{SUFFIX}"
        try:
            file = read_weights(path)
            require_intact(file)
            data = {name: tensor.numpy() for name, tensor in file.tensors.items()}
            pixels = torch.from_numpy(data["pixels"].astype(np.float32) / LEVELS)
            filled, never_seen = frames.float().clone(), torch.zeros_like(hole)
            never_seen[hole] = torch.from_numpy(data["never_seen"] > 0)
            filled[hole & torch.from_numpy(_unpacked(data["made"], hole))] = pixels
            return FilledStretch(
                frames=filled, never_seen=never_seen, lost=tuple(data["lost"].tolist())
            )
        except (OSError, ModelError, KeyError, RuntimeError, ValueError):
            return None

    def keep(self, digest: str, hole: Tensor, made: Tensor, found: FilledStretch) -> None:
        """Keep what was `made` [T, H, W] of the hole."""
        levels = (found.frames[made] * LEVELS).round().numpy().astype(np.uint16)
        data = {
            "pixels": levels,
            "made": np.packbits(made.numpy()),
            "never_seen": found.never_seen[hole].numpy().astype(np.uint8),
            "lost": np.array(found.lost, np.int64),
        }
        try:
            with write_errors(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
                self._make_room(levels.nbytes)
            tensors = {name: torch.from_numpy(array) for name, array in data.items()}
            write_whole_file(
                self._folder / f"{digest}{SUFFIX}", save(tensors, sealed_metadata(tensors, {}))
            )
        except (MediaError, OSError) as error:
            log.warning("a fill could not be kept (%s)", error)

    def _make_room(self, wanted: int) -> None:
        files = sorted(self._folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
        used = sum(path.stat().st_size for path in files) + wanted
        while files and used > LARGEST_BYTES:
            oldest = files.pop(0)
            used -= oldest.stat().st_size
            oldest.unlink(missing_ok=True)


def _unpacked(bits: np.ndarray, like: Tensor) -> np.ndarray:
    return np.unpackbits(bits, count=like.numel()).reshape(tuple(like.shape)) > 0
