"""Checkpoints of a training: safetensors files, the last few of them, each whole or not there."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..cogvideox.save import write_safetensors
from ..errors import InputError, ModelError
from ..files.guarded import decode_json
from ..files.seal import SEAL, require_intact, sealed_metadata
from ..files.weights import read_weights

log = logging.getLogger(__name__)
_STATE, _IDENTITY = "vivid_training_state", "vivid_training_of"
_TENSOR, _MAPPING, _SEQUENCE = "tensor", "mapping", "sequence"


class Checkpoints:
    """States of one training in a folder, named by their steps; `keep` of them stay.

    `identity` says what the training is of, as {what: {name: digest}}: a folder whose newest
    checkpoint says something else is refused, with the name that differs.
    """

    def __init__(
        self, folder: Path, *, keep: int, identity: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.folder, self.keep, self.identity = folder, keep, identity

    @property
    def place(self) -> Path:
        return max(self._files(), default=self.folder)

    def load(self) -> dict[str, Any] | None:
        """The newest state. Raises ModelError if damaged, InputError if of another training."""
        files = self._files()
        if not files:
            return None
        try:
            file = read_weights(files[-1])
            if SEAL in file.metadata:  # earlier versions wrote none
                require_intact(file)
            plain = decode_json(file.metadata[_STATE], finite=False)
            known = decode_json(file.metadata[_IDENTITY])
            state = _join(plain, file.tensors)
        except (ModelError, KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"{files[-1]}: is no checkpoint of a training, or damaged ({error!r}): delete it "
                "to go on from the one before"
            ) from error
        self._require_same(known)
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Write the state of its "step", then delete the oldest of more than `keep`."""
        tensors: dict[str, Tensor] = {}
        plain = _split(state, "", tensors)
        metadata = {
            "format": "pt",
            _STATE: json.dumps(plain),
            _IDENTITY: json.dumps(self.identity),
        }
        self._remove_unfinished()
        apart = _apart(tensors)
        write_safetensors(
            self.folder / f"step_{state['step']:09}.safetensors",
            apart,
            sealed_metadata(apart, metadata),
        )
        for path in self._files()[: -self.keep]:
            path.unlink(missing_ok=True)

    def forget_from(self, step: int) -> None:
        for path in self._files():
            if path.stem >= f"step_{step:09}":
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        """From the oldest to the newest."""
        return sorted(self.folder.glob("step_*.safetensors"))

    def _remove_unfinished(self) -> None:
        """What a killed run was writing, under safetensors' own name or under ours."""
        for pattern in (".tmp*", ".step_*.part"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _require_same(self, known: Mapping[str, Mapping[str, str]]) -> None:
        for what, entries in self.identity.items():
            before = known.get(what, {})
            for name in sorted({*before, *entries}):
                if before.get(name) != entries.get(name):
                    raise InputError(what, self._difference(name, before.get(name), entries))

    def _difference(self, name: str, before: str | None, entries: Mapping[str, str]) -> str:
        change = "is new" if before is None else "is gone" if name not in entries else "differs"
        return (
            f"{name} {change} since the training in {self.folder.parent} began: put it back, or "
            "train in another folder, from the adapter that is there"
        )


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of those that share memory with one before, as tables of 8-bit optimizers do."""
    seen: set[int] = set()
    apart = {}
    for path, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        apart[path] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return apart


def _split(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """What JSON can hold of a value, its tensors put aside under their paths."""
    if isinstance(value, Tensor):
        tensors[path] = value
        return {_TENSOR: path}
    if isinstance(value, Mapping):
        pairs = [[key, _split(item, f"{path}/{key}", tensors)] for key, item in value.items()]
        return {_MAPPING: pairs}
    if isinstance(value, list | tuple):
        return {_SEQUENCE: [_split(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]}
    return value


def _join(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The value that was split. Tensors are copied: kernels round differently on mapped files."""
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == _TENSOR:
        return tensors[content].clone()
    if kind == _MAPPING:
        return {key: _join(item, tensors) for key, item in content}
    return [_join(item, tensors) for item in content]
