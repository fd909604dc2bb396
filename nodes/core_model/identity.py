"""What tells models of ComfyUI apart: weights, patches, options and what they are sampled with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ...vivid_core.files.digest import digest_of

if TYPE_CHECKING:
    from .inpainter import CoreModel

SAMPLES = 8  # values of each weight that tell it apart
DEPTH = 8  # of what is in what; deeper there are callables that bring the model along
PLAIN = (str, int, float, bool, type(None))
# Of a guider: what is described beside it, or comes and goes while it samples.
NOT_ITS_OWN = frozenset(
    ("model_patcher", "model_options", "conds", "original_conds", "inner_model", "loaded_models")
)


def model_digest(core: CoreModel, device: torch.device) -> str:
    """The same in another session, whether the weights are loaded or patched right now or not."""
    schedule, texts = core.schedule, core.texts
    vae = core.vae.first_stage_model
    parts: list[Any] = [
        [core.family.contract, core.strength, device.type],
        [schedule.sampler_name, schedule.scheduler, _facts(schedule.sampler)],
        [_facts(schedule.sigmas), _facts(core.reference), _facts(texts.given)],
        _guider_facts(schedule.guider),
        [_model_facts(model) for model in core.models],
        [[name, _samples(weight)] for name, weight in vae.named_parameters()],
    ]
    if core.iclora is not None:
        parts.append(_facts(core.iclora))
    if texts.clip is not None:
        parts += [list(_weights(texts.clip.patcher)), patch_facts(texts.clip.patcher)]
    return digest_of(*parts)


def patch_facts(patcher: Any) -> list[Any]:
    """What a patcher adds to the weights it was made of, and how it lets them be called."""
    return [
        _facts(patcher.patches, _samples),
        _facts(patcher.model_options),
        _facts(getattr(patcher, "object_patches", {})),
    ]


def _guider_facts(guider: Any) -> Any:
    if guider is None:
        return None
    own = {name: value for name, value in vars(guider).items() if name not in NOT_ITS_OWN}
    return [type(guider).__qualname__, _facts(own)]


def _model_facts(model: Any) -> list[Any]:
    return [
        str(model.model_dtype()),
        list(_weights(model)),
        patch_facts(model),
        _facts(vars(model.get_model_object("model_sampling"))),
    ]


def _weights(patcher: Any) -> Iterator[list[Any]]:
    """Of each weight: its name and some values, as they were before any patch."""
    for name, weight in patcher.model.named_parameters():
        kept = patcher.backup.get(name)
        yield [name, _samples(weight if kept is None else getattr(kept, "weight", kept))]


def _facts(value: Any, of_tensor: Callable[[Tensor], Any] | None = None) -> Any:
    return _Description(of_tensor=of_tensor or _digest).of(value, DEPTH)


@dataclass(frozen=True, kw_only=True)
class _Description:
    """A value as JSON holds it; of what JSON cannot hold, what kind of thing it is and holds.

    Of functions that is what they close over, of objects what is in their public attributes: what
    begins with an underscore changes while they work. Each is described once.
    """

    of_tensor: Callable[[Tensor], Any]
    seen: dict[int, Any] = field(default_factory=dict)

    def of(self, value: Any, depth: int) -> Any:
        if isinstance(value, Tensor):
            return self.of_tensor(value)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, PLAIN):
            return value
        if depth == 0:
            return _kind(value)
        if isinstance(value, Mapping):
            return self._named(value, depth)
        if isinstance(value, list | tuple):
            return [self.of(one, depth - 1) for one in value]
        return self._thing(value, depth)

    def _named(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        named = {str(key): self.of(one, depth - 1) for key, one in value.items() if key != "uuid"}
        return {key: named[key] for key in sorted(named)}

    def _thing(self, value: Any, depth: int) -> Any:
        if id(value) in self.seen or _is_described_elsewhere(value):
            return _kind(value)
        self.seen[id(value)] = value
        return [_kind(value), self._named(_held(value), depth - 1)]


def _held(value: Any) -> dict[str, Any]:
    if isinstance(value, MethodType):
        return {"self": value.__self__}
    if isinstance(value, partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    if isinstance(value, FunctionType):
        cells = {str(i): _content(cell) for i, cell in enumerate(value.__closure__ or ())}
        return {"closure": cells, "defaults": [value.__defaults__, value.__kwdefaults__]}
    held = getattr(value, "__dict__", {})
    return {str(name): one for name, one in held.items() if not str(name).startswith("_")}


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _is_described_elsewhere(value: Any) -> bool:
    """Networks, ComfyUI's holders of networks, classes and modules."""
    if isinstance(value, nn.Module | type | ModuleType):
        return True
    return any(hasattr(value, name) for name in ("patches_uuid", "patcher"))


def _kind(value: Any) -> str:
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _digest(value: Tensor) -> list[Any]:
    """Every bit of it counts."""
    if value.is_meta:
        return [list(value.shape)]
    bits = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return [list(value.shape), str(value.dtype), hashlib.sha256(bits.data).hexdigest()]


def _samples(value: Tensor) -> list[Any]:
    if value.is_meta:
        return [list(value.shape)]
    flat = value.detach().flatten()
    picked = flat[:: max(1, flat.numel() // SAMPLES)][:SAMPLES].float().cpu()
    return [list(value.shape), picked.tolist()]
