"""Read weight files safely: safetensors, or pickles that hold nothing but tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import ModelError
from .guarded import JsonError, decode_json, load_json

PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
INDEX_SUFFIX = ".safetensors.index.json"  # names the files that the tensors lie in
PICKLE_INDEX_SUFFIX = ".bin.index.json"
_SAFETENSORS = (".safetensors", ".sft")
_SHARD = re.compile(r".+-(?P<number>\d{5})-of-(?P<count>\d{5})\.(?:safetensors|bin)")
_SHOWN = 80  # characters of a name that somebody else chose
_NESTED = ("state_dict", "module", "model")  # where trainers put the weights inside a pickle
_LFS_POINTER = b"version https://git-lfs"

# What a file really is, by a name that only such files have. First match wins.
_FAMILIES = (
    ("lora_A", "a LoRA or adapter (load it with Apply Adapter, on top of a base model)"),
    ("lora_down", "a LoRA (load it on top of a base model)"),
    ("lora_up", "a LoRA (load it on top of a base model)"),
    ("mixins.patch_embed", "a CogVideoX checkpoint of the SAT training framework"),
    ("input_blocks.0.0.weight", "a Stable Diffusion checkpoint"),
    ("down_blocks.0.attentions", "a Stable Diffusion UNet"),
    ("head.modulation", "a Wan model"),
    ("double_blocks.0", "a Flux or HunyuanVideo model"),
    ("joint_blocks.0", "a Stable Diffusion 3 model"),
    ("encoder.block.0", "a T5 text encoder"),
    ("encoder.layers.0.self_attn", "a CLIP text encoder"),
    ("decoder.conv_in", "a VAE"),
    ("patch_embed.proj", "a CogVideoX transformer"),
)


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """Tensors by name, and the file's own string metadata."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {key: tuple(value.shape) for key, value in self.tensors.items()}


def read_weights(path: Path) -> WeightFile:
    """Read one file of weights, or those that an index names, onto the CPU.

    Raises ModelError when it is not such a file.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    if path.name.lower().endswith((INDEX_SUFFIX, PICKLE_INDEX_SUFFIX)):
        return _read_index(path)
    if path.suffix.lower() in _SAFETENSORS:
        return _read_safetensors(path)
    if path.suffix.lower() in PICKLE_SUFFIXES:
        return WeightFile(path=path, tensors=_pickled_tensors(path))
    raise ModelError(
        f"{path.name}: files ending in {path.suffix or 'nothing'} are not read; expected "
        f".safetensors, or {', '.join(PICKLE_SUFFIXES)} holding only tensors"
    )


def read_pickle(path: Path, data: BytesIO | None = None, *, mapped: bool = False) -> Any:
    """What a pickle of tensors and plain values holds, of a file or of the `data` in it.

    `mapped` leaves the tensors of a file on the disk until they are used. Raises ModelError for
    any other.
    """
    try:
        return torch.load(data or path, map_location="cpu", weights_only=True, mmap=mapped or None)
    except Exception as error:  # damaged and hostile pickles raise anything
        raise ModelError(
            f"{path.name}: refused: it is damaged, or a pickle that holds more than tensors and "
            "could run code: use another copy, as .safetensors if there is one"
        ) from error


def map_pickle(path: Path) -> dict[str, Tensor]:
    """The tensors of a pickle by name, read from the disk only where they are used.

    Raises ModelError for a pickle of another kind, as `read_pickle`, and for none.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    return _named_tensors(path, read_pickle(path, mapped=True))


def read_folder_weights(folder: Path) -> WeightFile:
    """Read the weights of one diffusers component: one file, or shards with or without an index.

    Hidden files are none: systems put them beside others.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    shown = [path for path in files if not path.name.startswith(".")]
    for suffixes in ((INDEX_SUFFIX,), _SAFETENSORS, (PICKLE_INDEX_SUFFIX,), (".bin",)):
        found = [path for path in shown if path.name.lower().endswith(suffixes)]
        if found:
            return replace(_read_one_or_shards(found), path=folder)
    raise ModelError(f"{folder}: holds no weights; expected a .safetensors file")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ModelError when it is missing, huge or broken."""
    try:
        return _json_object(load_json(path), path)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: missing; is the model folder complete?") from error
    except JsonError as error:
        raise ModelError(f"{path}: {error}: download it again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error


def parse_json(text: str, source: object) -> dict[str, Any]:
    """A JSON object from anywhere. Raises ModelError, which names the source, for anything else."""
    try:
        return _json_object(decode_json(text), source)
    except JsonError as error:
        raise ModelError(f"{source}: {error}: download it again") from error


def _json_object(value: Any, source: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelError(f"{source}: expected a JSON object, got {type(value).__name__}")
    return value


def describe(names: Iterable[str]) -> str:
    """What a set of tensor names looks like, for error messages."""
    names = list(names)
    for part, family in _FAMILIES:
        if any(part in name for name in names):
            return family
    return f"unknown tensors ({', '.join(sorted(names)[:3])})" if names else "no tensors"


def _read_index(path: Path) -> WeightFile:
    """The tensors that an index lists, from files that lie beside it."""
    places = read_json(path).get("weight_map")
    if not places or not isinstance(places, dict) or {type(v) for v in places.values()} != {str}:
        raise ModelError(
            f"{path.name}: has no weight_map, which names each tensor's file: download it again"
        )
    parts = {name: _read_shard(path, name) for name in sorted(set(places.values()))}
    for tensor, name in places.items():
        if tensor not in parts[name].tensors:
            raise ModelError(f"{path.name}: {name} lacks {tensor}: download both again")
    return WeightFile(
        path=path,
        tensors={tensor: parts[name].tensors[tensor] for tensor, name in places.items()},
        metadata={k: v for part in parts.values() for k, v in part.metadata.items()},
    )


def _read_one_or_shards(files: list[Path]) -> WeightFile:
    """The first file; where its name numbers it among others, all of them."""
    numbered = [_SHARD.fullmatch(file.name) for file in files]
    first = numbered[0]
    if first is None:
        return read_weights(files[0])
    shards = {int(m["number"]): f for m, f in zip(numbered, files, strict=True) if m}
    count = int(first["count"])
    missing = [number for number in range(1, count + 1) if number not in shards]
    if missing or len(shards) > count:
        listed = ", ".join(str(number) for number in missing) or "none"
        raise ModelError(
            f"{files[0].parent}: shards of one model are numbered to {count}, and there are "
            f"{len(shards)} (missing: {listed}): download the folder again"
        )
    parts = [read_weights(shards[number]) for number in sorted(shards)]
    return WeightFile(
        path=files[0],
        tensors={key: value for part in parts for key, value in part.tensors.items()},
        metadata={k: v for part in parts for k, v in part.metadata.items()},
    )


def _read_shard(index: Path, name: str) -> WeightFile:
    """A file that an index names. Raises ModelError where that leads out of the index's folder."""
    plain = PurePosixPath(name).name == PureWindowsPath(name).name == name
    pickled = index.name.lower().endswith(PICKLE_INDEX_SUFFIX)
    if not plain or Path(name).suffix.lower() not in ((".bin",) if pickled else _SAFETENSORS):
        raise ModelError(
            f"{index.name}: names {name[:_SHOWN]!r}, which is no "
            f"{'.bin' if pickled else '.safetensors'} file in its own folder: download the index "
            "again"
        )
    return read_weights(index.with_name(name))


def _read_safetensors(path: Path) -> WeightFile:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return WeightFile(path=path, tensors=tensors, metadata=file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path.name}: {_broken_because(path)} ({error})") from error


def _broken_because(path: Path) -> str:
    """Why a file is no safetensors file."""
    with path.open("rb") as file:
        head = file.read(len(_LFS_POINTER))
    size = path.stat().st_size
    if head == _LFS_POINTER:
        return "is a Git LFS pointer, not the weights: run `git lfs pull` or download the file"
    if head[:1] == b"<":
        return "is a web page saved under this name: download the file itself"
    stated = int.from_bytes(head[:8], "little")
    if size < 8 or stated + 8 > size:
        return f"is no safetensors file, damaged or cut off after {size} bytes: download it again"
    return f"is incomplete or damaged ({size} bytes): download it again"


def _pickled_tensors(path: Path) -> dict[str, Tensor]:
    return _named_tensors(path, read_pickle(path))


def _named_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    tensors = _flatten(content)
    if not tensors:
        raise ModelError(
            f"{path.name}: holds no tensors by name: expected a state dict, found "
            f"{type(content).__name__}"
        )
    return tensors


def _flatten(content: object) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        return {}
    for name in _NESTED:
        if isinstance(content.get(name), Mapping):
            return _flatten(content[name])
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
