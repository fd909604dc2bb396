"""What tells models of ComfyUI apart: weights, patches, options and what they are sampled with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...vivid_core.files.digest import digest_of

if TYPE_CHECKING:
    from .inpainter import CoreModel

SAMPLES = 8  # values of each tensor that tell it apart
DEPTH = 6  # of lists in lists; deeper there are callables that bring the model along
PLAIN = (str, int, float, bool, type(None))


def model_digest(core: CoreModel, device: torch.device) -> str:
    """The same in another session, whether the weights are loaded or patched right now or not."""
    schedule, texts = core.schedule, core.texts
    vae = core.vae.first_stage_model
    parts: list[Any] = [
        [core.family.contract, core.strength, device.type],
        [schedule.sampler_name, schedule.scheduler, _facts(schedule.sampler)],
        [_facts(schedule.sigmas), _facts(core.reference), _facts(texts.given)],
        [type(schedule.guider).__name__, getattr(schedule.guider, "cfg", None)],
        [_model_facts(model) for model in core.models],
        [[name, _facts(weight)] for name, weight in vae.named_parameters()],
    ]
    if core.iclora is not None:
        parts.append(_facts(core.iclora))
    if texts.clip is not None:
        parts += [list(_weights(texts.clip.patcher)), _facts(texts.clip.patcher.patches)]
    return digest_of(*parts)


def _model_facts(model: Any) -> list[Any]:
    return [
        str(model.model_dtype()),
        list(_weights(model)),
        _facts(model.patches),
        _facts(model.model_options),
        _facts(vars(model.get_model_object("model_sampling"))),
    ]


def _weights(patcher: Any) -> Iterator[list[Any]]:
    """Of each weight: its name and some values, as they were before any patch."""
    for name, weight in patcher.model.named_parameters():
        kept = patcher.backup.get(name)
        yield [name, _facts(weight if kept is None else getattr(kept, "weight", kept))]


def _facts(value: Any, depth: int = DEPTH) -> Any:
    """A value as JSON holds it; of what JSON cannot hold, what kind of thing it is."""
    if isinstance(value, Tensor):
        return _samples(value)
    if isinstance(value, PLAIN):
        return value
    if depth == 0:
        return type(value).__name__
    if isinstance(value, Mapping):
        named = {str(key): _facts(one, depth - 1) for key, one in value.items()}
        return {key: named[key] for key in sorted(named) if key != "uuid"}
    if isinstance(value, list | tuple):
        return [_facts(one, depth - 1) for one in value]
    weights = getattr(value, "weights", None)  # a LoRA's, in all its kinds
    if weights is not None:
        return [type(value).__name__, _facts(weights, depth - 1)]
    return getattr(value, "__qualname__", type(value).__name__)


def _samples(value: Tensor) -> list[Any]:
    if value.is_meta:
        return [list(value.shape)]
    flat = value.detach().flatten()
    picked = flat[:: max(1, flat.numel() // SAMPLES)][:SAMPLES].float().cpu()
    return [list(value.shape), picked.tolist()]
