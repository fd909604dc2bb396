"""Merge an adapter into its base, or export its LoRA, in diffusers' or ComfyUI's spelling."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ModelError
from .adapter import Adapter, require_fits
from .bundle import ModelBundle
from .keys import Spelling, rename, respell

_COMFYUI_LORA = "diffusion_model."


def merge_adapter(
    bundle: ModelBundle,
    adapter: Adapter,
    *,
    strength: float = 1.0,
    spelling: Spelling = "diffusers",
) -> dict[str, Tensor]:
    """The transformer's tensors with the adapter in them, in the base's precision."""
    if getattr(bundle.transformer, "peft_config", None):
        raise ModelError(f"{bundle.name} carries an adapter already: merge into its base model")
    require_fits(bundle, adapter)
    merged = dict(bundle.transformer.state_dict())
    for name in _lora_modules(adapter):
        key = f"{name}.weight"
        change = _delta(adapter, name, merged[key].device)
        merged[key] = (merged[key].float() + strength * change).to(merged[key].dtype)
    own = merged["patch_embed.proj.weight"]
    for key, value in adapter.patch_embedder.items():
        merged[f"patch_embed.proj.{key}"] = value.to(own)
    return respell(merged, spelling)


def export_lora(adapter: Adapter, *, spelling: Spelling = "comfyui") -> dict[str, Tensor]:
    """The LoRA part alone, under the names that spelling's loaders read.

    The patch embedder is not part of it: for a model with VIVID's channels use `merge_adapter`.
    """
    scale = adapter.facts.alpha / adapter.facts.rank
    prefix = _COMFYUI_LORA if spelling == "comfyui" else "transformer."
    exported = {}
    for key, value in adapter.lora.items():
        name, part = key.rsplit(".lora_", 1)
        scaled = value * scale if part[0] == "B" else value
        exported[f"{prefix}{rename(name, spelling)}.lora_{part}"] = scaled
    return exported


def _lora_modules(adapter: Adapter) -> list[str]:
    return sorted({key.rsplit(".lora_", 1)[0] for key in adapter.lora})


def _delta(adapter: Adapter, name: str, device: torch.device) -> Tensor:
    a, b = (adapter.lora[f"{name}.lora_{part}.weight"].float().to(device) for part in "AB")
    return adapter.facts.alpha / adapter.facts.rank * (b @ a)
