"""Write a safetensors file one tensor at a time, so that no more than one is in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .atomic import write_whole

_ALIGNED = 8  # bytes; safetensors pads its header with spaces to a multiple
_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
}


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A tensor that is made when its turn comes."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], Tensor]

    @property
    def size(self) -> int:
        """Bytes."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def write_streamed(path: Path, tensors: Sequence[Pending], metadata: Mapping[str, str]) -> None:
    """Write them in order, whole or not at all. Raises MediaError where that cannot be done."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    offset = 0
    for one in tensors:
        header[one.name] = {
            "dtype": _NAMES[one.dtype],
            "shape": list(one.shape),
            "data_offsets": [offset, offset + one.size],
        }
        offset += one.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNED)
    with write_whole(path) as unfinished, unfinished.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for one in tensors:
            made = one.make()
            if (tuple(made.shape), made.dtype) != (one.shape, one.dtype):
                raise RuntimeError(f"{one.name} is {tuple(made.shape)} {made.dtype}, not as stated")
            file.write(made.contiguous().flatten().view(torch.uint8).numpy().data)
