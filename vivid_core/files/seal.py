"""Checksums: of stored records, which hold their own, and of the files that records stand for.

What a run leaves on disk for a later one is trusted to the bit, so every bit of it is checked when
it is read. The checksums tell damage, not malice: who may write the files may also seal them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import MediaError, ModelError
from .atomic import write_whole_file
from .guarded import JsonError, load_json
from .weights import WeightFile

SEAL = "checksum"  # the entry of a record, and of a safetensors file's metadata
_BYTES = 16
CHECKSUM_LETTERS = 2 * _BYTES


def file_checksum(path: Path) -> str:
    """Of all bytes of a file. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_BYTES)).hexdigest()


def checksum(data: bytes | memoryview) -> str:
    """Of bytes in memory."""
    return hashlib.blake2b(data, digest_size=_BYTES).hexdigest()


def sealed_text(record: Mapping[str, Any], *, indent: int | None = None) -> str:
    """A record as JSON that holds a checksum of everything else in it."""
    plain = json.loads(json.dumps(record, allow_nan=False))
    return json.dumps(plain | {SEAL: _record_checksum(plain)}, indent=indent)


def write_sealed(path: Path, record: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Write a record, which only JSON's values may be in, in one piece."""
    write_whole_file(path, sealed_text(record, indent=indent).encode())


def read_sealed(path: Path) -> dict[str, Any]:
    """A record as it was written. Raises MediaError for one that is missing or was changed."""
    try:
        record = load_json(path)
    except (OSError, JsonError) as error:
        raise MediaError(f"{path}: cannot be read ({error})") from error
    require_sealed(record, path)
    return record


def require_sealed(record: Any, path: Path) -> None:
    """Raise MediaError unless this is a record with its own checksum, which is removed."""
    if not isinstance(record, dict) or not isinstance(record.get(SEAL), str):
        raise MediaError(f"{path}: has no checksum, an earlier version of VIVID wrote it")
    if record.pop(SEAL) != _record_checksum(record):
        raise MediaError(f"{path}: was changed after it was written")


def sealed_metadata(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a safetensors file with a checksum of its tensors and of the metadata."""
    return dict(metadata) | {SEAL: _tensors_checksum(tensors, metadata)}


def require_intact(file: WeightFile) -> None:
    """Raise ModelError unless a safetensors file is as `sealed_metadata` saw it."""
    metadata = dict(file.metadata)
    stated = metadata.pop(SEAL, None)
    if stated is None:
        raise ModelError(f"{file.path}: has no checksum, an earlier version of VIVID wrote it")
    if stated != _tensors_checksum(file.tensors, metadata):
        raise ModelError(f"{file.path}: was changed after it was written")


def _record_checksum(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return checksum(text.encode())


def _tensors_checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    hasher = hashlib.blake2b(
        json.dumps(dict(metadata), sort_keys=True).encode(), digest_size=_BYTES
    )
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        hasher.update(json.dumps([name, str(plain.dtype), list(plain.shape)]).encode())
        if plain.numel():  # without values there is nothing to look at as bytes
            hasher.update(plain.flatten().view(torch.uint8).numpy().data)
    return hasher.hexdigest()
