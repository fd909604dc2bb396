"""Change a transformer's patch embedder, on a clone or with an undo."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError

Undo = Callable[[], None]
_HOOK_ATTRIBUTES = ("_diffusers_hook", "_hf_hook", "_old_forward")


def clone_transformer(transformer: Any) -> nn.Module:
    """A module of its own that shares the original's weight storage.

    Moving, replacing or wrapping the clone's weights leaves the original as it is; only writing
    into a weight in place would be seen by both. Offload hooks stay behind on the original.
    """
    with torch.inference_mode(False), torch.no_grad():
        memo: dict[int, Any] = {
            id(p): nn.Parameter(p.detach(), requires_grad=p.requires_grad)
            for p in transformer.parameters()
        }
        memo |= {id(b): b.detach() for b in transformer.buffers()}
        for module in transformer.modules():
            memo |= {id(value): None for value in _hook_state(module)}
        clone = copy.deepcopy(transformer, memo)
    for module in clone.modules():
        _strip_hooks(module)
    return clone


def widen_patch_embedder(
    transformer: Any, in_channels: int, *, source: Mapping[str, Tensor] | None = None
) -> Undo:
    """Give a transformer more input channels, in place; returns how to undo it.

    New channels come after the old ones. Their weights are zero, so that the output does not
    change whatever they hold; or all weights come from `source` ("weight" and, where the
    embedder has one, "bias"), for example those of an inpainting model of the same base.
    """
    proj = transformer.patch_embed.proj
    columns = _columns_per_channel(transformer)
    extra = in_channels - transformer.config.in_channels
    if source is None and extra < 0:
        raise ModelError(
            f"the transformer already reads {transformer.config.in_channels} channels, "
            f"cannot narrow it to {in_channels}"
        )
    if source is not None:
        return set_patch_embedder(transformer, source)
    old = proj.weight.detach()
    zeros = old.new_zeros(old.shape[0], extra * columns, *old.shape[2:])
    tensors = {"weight": torch.cat([old, zeros], dim=1)}
    if proj.bias is not None:
        tensors["bias"] = proj.bias.detach().clone()
    return set_patch_embedder(transformer, tensors)


def set_patch_embedder(transformer: Any, tensors: Mapping[str, Tensor]) -> Undo:
    """Replace the patch embedder's weights, in place, whatever their channel count.

    Raises ModelError when they are made for another kind or width of transformer.
    """
    with torch.inference_mode(False), torch.no_grad():
        old, old_channels = transformer.patch_embed.proj, transformer.config.in_channels
        if hasattr(old, "base_layer"):
            raise ModelError(
                "the model carries a LoRA on its patch embedder: apply the VIVID adapter first, "
                "or merge the LoRA into the base"
            )
        weight = tensors["weight"]
        _require_fits(old, weight)
        channels = weight.shape[1] // _columns_per_channel(transformer)
        new = _like(old, channels, weight)
        values = {"weight": weight, "bias": tensors.get("bias", old.bias)}
        state = {k: v.detach().to(old.weight).clone() for k, v in values.items() if v is not None}
        new.load_state_dict(state, assign=True)
        new.train(old.training).requires_grad_(old.weight.requires_grad)
    _install(transformer, new, channels)
    return lambda: _install(transformer, old, old_channels)


def _install(transformer: Any, proj: Any, channels: int) -> None:
    transformer.patch_embed.proj = proj
    transformer.register_to_config(in_channels=channels)


def _columns_per_channel(transformer: Any) -> int:
    """How many columns of axis 1 one channel has: 1, or a patch where it is a Linear (1.5)."""
    config = transformer.config
    if config.patch_size_t is None:
        return 1
    return config.patch_size**2 * config.patch_size_t


def _require_fits(old: Any, weight: Tensor) -> None:
    have, given = tuple(old.weight.shape), tuple(weight.shape)
    if len(have) != len(given) or have[0] != given[0] or have[2:] != given[2:]:
        raise ModelError(
            f"a patch embedder of shape {list(given)} does not fit a transformer whose own is "
            f"{list(have)}: only axis 1 (input channels) may differ"
        )


def _like(old: Any, channels: int, weight: Tensor) -> nn.Module:
    bias = old.bias is not None
    if isinstance(old, nn.Conv2d):
        size, stride = old.kernel_size[0], old.stride[0]
        return nn.Conv2d(channels, weight.shape[0], size, stride, bias=bias, device="meta")
    return nn.Linear(weight.shape[1], weight.shape[0], bias=bias, device="meta")


def _hook_state(module: Any) -> list[object]:
    names = [name for name in _HOOK_ATTRIBUTES if name in module.__dict__]
    return [module.__dict__[name] for name in names]


def _strip_hooks(module: Any) -> None:
    hooked = [name for name in _HOOK_ATTRIBUTES if name in module.__dict__]
    for name in hooked:
        del module.__dict__[name]
    if hooked:
        module.__dict__.pop("forward", None)  # hooks put their own in front of the class's
