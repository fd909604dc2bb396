"""States of followers on disk, from which an interrupted or corrected track goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from ..errors import ModelError
from ..files.atomic import write_whole_file
from ..files.seal import require_intact, sealed_metadata
from ..files.weights import read_weights
from .engine import States

KEPT = 8  # for each object and direction; older ones are thinned out


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A follower's state after `frame`; `made_by` is the digest of the mask made there."""

    frame: int
    made_by: str
    state: States


class Checkpoints:
    """The checkpoints of one object in one direction, in files of their own."""

    def __init__(self, folder: Path, *, number: int, backward: bool) -> None:
        self._folder = folder
        self._prefix = f"{number}-{'backward' if backward else 'forward'}-"

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and drop every second of the old ones when there are many."""
        tensors = {  # copies, for what a follower remembers may share memory
            key: torch.from_numpy(np.array(value, order="C"))
            for key, value in checkpoint.state.items()
        }
        metadata = sealed_metadata(tensors, {"made_by": checkpoint.made_by})
        write_whole_file(self._path(checkpoint.frame), save(tensors, metadata))
        frames = self.frames()
        if len(frames) > KEPT:
            for frame in frames[1:-1:2]:
                self._path(frame).unlink(missing_ok=True)

    def frames(self) -> list[int]:
        """The frames that have a checkpoint."""
        names = (path.stem for path in self._folder.glob(f"{self._prefix}*.safetensors"))
        return sorted(int(name.removeprefix(self._prefix)) for name in names)

    def load(self, frame: int, *, made_by: str) -> Checkpoint | None:
        """The checkpoint of a frame; None if it is missing, damaged or made by something else."""
        try:
            file = read_weights(self._path(frame))
            require_intact(file)
        except ModelError:
            return None
        if file.metadata.get("made_by") != made_by:
            return None
        state = {key: value.numpy() for key, value in file.tensors.items()}
        return Checkpoint(frame=frame, made_by=made_by, state=state)

    def _path(self, frame: int) -> Path:
        return self._folder / f"{self._prefix}{frame:07}.safetensors"
