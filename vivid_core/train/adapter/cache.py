"""Tensors that take long to compute, kept on disk under the digest of what they are made from.

Of a sample its clean latent is kept, and of a caption its embedding. The latent of the video with
the hole in it is not: its mask is drawn anew each time (VIVID, sec. 3.3 and 4.3), so that it is
encoded each time, and so about half of the VAE's work stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ...cogvideox.save import write_safetensors
from ...errors import InputError, ModelError
from ...files.seal import require_intact, sealed_metadata
from ...files.weights import read_weights
from .room import Room

log = logging.getLogger(__name__)
_NAME, _DIGEST = "value", "vivid_cache_of"


class TensorCache:
    """Files of one tensor each. Without a folder nothing is kept.

    `writers` processes that share the folder may all write: a file appears whole, whoever was
    first. Above `limit` bytes the oldest-used are removed; the folder may be, at any time.
    """

    def __init__(self, folder: Path | None, *, limit: int | None = None, writers: int = 1) -> None:
        self.folder = folder
        self._room = None if folder is None else Room(folder, limit, writers=writers)

    def get(
        self, kind: str, digest: str, shape: tuple[int, ...], make: Callable[[], Tensor]
    ) -> Tensor:
        """What `make` gives, on the CPU or where it was made, the same bits either way.

        A file that is damaged, or not of this digest and shape, is made again. Where none can be
        written nothing is kept from then on.
        """
        if self.folder is None or self._room is None:
            return make()
        path = self.folder / kind / f"{digest}.safetensors"
        if path.is_file():
            try:
                kept = _read(path, digest, shape)
            except ModelError as error:
                log.warning("%s: made again", error)
            else:
                self._room.used(path)
                return kept
        made = make()
        try:
            metadata = {"format": "pt", _DIGEST: digest}
            write_safetensors(path, {_NAME: made}, sealed_metadata({_NAME: made}, metadata))
        except InputError as error:  # a full disk: the training can do without
            log.warning("%s: nothing more is kept in the cache", error)
            self.folder = None
        else:
            self._room.added(path)
        return made


def _read(path: Path, digest: str, shape: tuple[int, ...]) -> Tensor:
    """Raises ModelError for anything but a finite tensor of this digest and shape."""
    file = read_weights(path)
    require_intact(file)
    value = file.tensors.get(_NAME)
    if value is None or file.metadata.get(_DIGEST) != digest or tuple(value.shape) != shape:
        raise ModelError(f"{path}: holds something else than its name says")
    if not torch.isfinite(value).all():
        raise ModelError(f"{path}: holds NaN or infinity")
    return value.clone()  # kernels round differently on mapped files
