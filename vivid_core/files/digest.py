"""Digests that stand for values: the same digest, the same values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from torch import Tensor

from .walk import walk_links


def digest_of(*parts: object) -> str:
    """16 hexadecimal digits that stand for these values (anything JSON can hold, or bytes)."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()[:16]


def pixel_digest(pixels: Tensor) -> str:
    """Stands for the values and the shape of a tensor on the CPU."""
    array = np.ascontiguousarray(pixels.numpy())
    return digest_of(list(array.shape), hashlib.sha256(array.data).digest())


def path_digest(path: Path) -> str:
    """Stands for the content of a file, or for names and contents of all files of a folder.

    Hidden files are passed over: systems put them there, and they come and go.
    """
    if path.is_file():
        with path.open("rb") as file:
            return digest_of(hashlib.file_digest(file, "sha256").digest())
    found = (place / name for place, _, names in walk_links(path, names=1) for name in names)
    files = sorted(
        item
        for item in found
        if item.is_file() and not any(part.startswith(".") for part in item.relative_to(path).parts)
    )
    return digest_of(*([str(f.relative_to(path).as_posix()), path_digest(f)] for f in files))
