"""Merge an adapter into its base, or export its LoRA, in diffusers' or ComfyUI's spelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError
from .adapter import Adapter, Model, base_warnings, embedder_facts, require_fits, require_strength
from .bundle import ModelBundle
from .keys import Spelling, rename, respell
from .layout import WIDTH_2B
from .load import POSITIONS
from .lora_files import DIFFUSERS_PREFIX, modules_of
from .save import save_checkpoint
from .surgery import clone_transformer, set_patch_embedder

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
    require_strength(strength)
    require_fits(bundle, adapter)
    merged = dict(bundle.transformer.state_dict())
    for name in modules_of(adapter.lora):
        key = f"{name}.weight"
        change = _delta(adapter, name, merged[key])
        merged[key] = (merged[key].float() + strength * change).to(merged[key].dtype)
    own = merged["patch_embed.proj.weight"]
    for key, value in adapter.patch_embedder.items():
        merged[f"patch_embed.proj.{key}"] = value.to(own)
    return respell(merged, spelling)


def save_merged(
    path: Path,
    bundle: ModelBundle,
    adapter: Adapter,
    *,
    strength: float = 1.0,
    spelling: Spelling = "comfyui",
) -> None:
    """Write the merged transformer as one file that says itself what it is."""
    merged = merged_bundle(bundle, adapter, strength=strength)
    tensors = dict(merged.transformer.state_dict())
    if spelling == "comfyui":
        tensors |= _fixed_positions(merged.transformer)
    save_checkpoint(
        path,
        respell(tensors, spelling),
        config=dict(merged.transformer.config),
        layout=merged.layout,
        train_size=merged.train_size,
        blank_is_zeros=merged.blank_is_zeros,
    )


def merged_bundle(bundle: Model, adapter: Adapter, *, strength: float = 1.0) -> Model:
    """A new bundle whose transformer is base and adapter in one; the given one stays as it is."""
    tensors = merge_adapter(bundle, adapter, strength=strength)
    transformer: Any = clone_transformer(bundle.transformer)
    set_patch_embedder(transformer, {"weight": tensors["patch_embed.proj.weight"]})
    with torch.inference_mode(False), torch.no_grad():
        transformer.load_state_dict(tensors, assign=True)
    return bundle.with_(
        name=f"{bundle.name} with {adapter.name}",
        transformer=transformer.eval().requires_grad_(False),
        warnings=bundle.warnings + base_warnings(bundle, adapter),
        **embedder_facts(transformer, adapter, bundle.layout),
    )


def export_lora(adapter: Adapter, *, spelling: Spelling = "comfyui") -> dict[str, Tensor]:
    """The LoRA part alone, under the names that spelling's loaders read.

    The patch embedder is not part of it: for a model with VIVID's channels use `merge_adapter`.
    """
    prefix = _COMFYUI_LORA if spelling == "comfyui" else DIFFUSERS_PREFIX
    exported = {}
    for key, value in adapter.lora.items():
        name, part = key.rsplit(".lora_", 1)
        rank, alpha = adapter.scales[name]
        scaled = value * (alpha / rank) if part[0] == "B" else value
        exported[f"{prefix}{rename(name, spelling)}.lora_{part}"] = scaled
    return exported


def _fixed_positions(transformer: Any) -> dict[str, Tensor]:
    """2B's table of positions, by which ComfyUI tells it from models with rotary ones."""
    config, embedder = transformer.config, transformer.patch_embed
    if config.use_rotary_positional_embeddings or embedder.proj.weight.shape[0] != WIDTH_2B:
        return {}
    return {POSITIONS: embedder.pos_embedding.to(embedder.proj.weight)}


def _delta(adapter: Adapter, name: str, weight: Tensor) -> Tensor:
    """What the LoRA adds to a weight at strength 1, float32; of a convolution in its shape."""
    a, b = (adapter.lora[f"{name}.lora_{part}.weight"].to(weight.device).float() for part in "AB")
    rank, alpha = adapter.scales[name]
    return (alpha / rank * (b.flatten(1) @ a.flatten(1))).reshape(weight.shape)
