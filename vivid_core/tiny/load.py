"""Load vivid-tiny: a text-to-video base and the VIVID adapter on top of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..cogvideox.adapter import apply_adapter, load_adapter
from ..cogvideox.adapters import AdapterFile, apply_adapters, brings_embedder, load_adapters
from ..cogvideox.layout import LayoutName, layout_named
from ..cogvideox.load import load_bundle
from ..cogvideox.model import CogVideoX
from ..errors import InputError
from .build import SCHEDULE, TRAIN_SIZE

TINY_NAME = "vivid-tiny"
TINY_WORLD = "coloured shapes"
TINY_WEIGHTS = Path(__file__).parent / "weights"
ADAPTER_FILE = "vivid-tiny-adapter.safetensors"
INSTRUCT_FILE = "instruct.safetensors"  # instead of the adapter: edits by instruction
TINY, TINY_INSTRUCT = "tiny", "tiny-instruct"  # what they are called where a model is named


def load_tiny(
    *, adapter: bool = True, weights: Path = TINY_WEIGHTS, device: torch.device | None = None
) -> CogVideoX:
    """The bundled model, float32. Without its adapter it is a plain text-to-video base."""
    bundle = load_bundle(
        weights / "base", dtype=torch.float32, device=device or torch.device("cpu")
    ).with_(name=TINY_NAME, demo_of=TINY_WORLD)
    if not adapter:
        return bundle
    return apply_adapter(bundle, load_adapter(weights / ADAPTER_FILE)).with_(name=TINY_NAME)


def load_tiny_instruct(
    *, weights: Path = TINY_WEIGHTS, device: torch.device | None = None
) -> CogVideoX:
    """The bundled model with its other adapter: it edits by instruction."""
    base = load_tiny(adapter=False, weights=weights, device=device)
    return apply_adapter(base, load_adapter(weights / INSTRUCT_FILE)).with_(name=TINY_NAME)


def load_model(
    model: str | Path = "tiny",
    *,
    adapters: Sequence[AdapterFile] = (),
    base: Path | None = None,
    device: torch.device | None = None,
) -> CogVideoX:
    """The model to edit with: "tiny", "tiny-instruct", or a folder or file of a CogVideoX.

    `adapters` are a VIVID adapter, LoRAs, or both, applied in order; with "tiny" a VIVID adapter
    replaces the one that comes along. A single file finds VAE, text encoder and tokenizer in the
    folder `base`, which goes with no other. Raises ModelError for files that are not what they
    should be, and AdapterError for adapters that do not go together.
    """
    chosen = load_adapters(adapters)
    if base is not None and model in (TINY, TINY_INSTRUCT):
        raise InputError("base", f"is not read with {model}, which has all its parts: leave it out")
    if model == TINY_INSTRUCT and not brings_embedder(chosen):
        loaded = load_tiny_instruct(device=device)
    elif model in (TINY, TINY_INSTRUCT):
        loaded = load_tiny(device=device, adapter=not brings_embedder(chosen))
    else:
        loaded = load_bundle(Path(model), base=base, device=device)
    return apply_adapters(loaded, chosen)


def assemble(
    *,
    transformer: Any,
    vae: nn.Module,
    text_encoder: nn.Module,
    tokenizer: Any,
    layout: LayoutName,
) -> CogVideoX:
    """A bundle of parts built in memory: by the trainer, and by tests with random weights."""
    parts = [module.eval().requires_grad_(False) for module in (transformer, vae, text_encoder)]
    special = set(tokenizer.all_special_tokens)
    return CogVideoX(
        name=TINY_NAME,
        transformer=parts[0],
        vae=parts[1],
        text_encoder=parts[2],
        tokenizer=tokenizer,
        schedule=dict(SCHEDULE),
        layout=layout_named(layout),
        train_size=TRAIN_SIZE,
        max_text_tokens=transformer.config.max_text_seq_length,
        known_words=frozenset(set(tokenizer.get_vocab()) - special),
    )
