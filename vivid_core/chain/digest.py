"""What makes a window, as a digest: the same digest stands for the same pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ..cogvideox.bundle import ModelBundle
from ..edit.request import EditRequest
from ..files.digest import digest_of

SAMPLES = 8  # values of each weight that tell models apart
_PIXELS = ("clip", "mask", "keyframes")


def model_digest(bundle: ModelBundle, device: torch.device) -> str:
    """Stands for everything of a model, and of where it runs, that decides what it makes."""
    facts: dict[str, Any] = {
        "layout": bundle.layout.name,
        "version": bundle.layout.version,
        "train_size": bundle.train_size,
        "knows_last_frame": bundle.knows_last_frame,
        "schedule": {key: repr(value) for key, value in bundle.schedule.items()},
        "lora_scales": list(_lora_scales(bundle.transformer)),
        "tiling": _tiling(bundle.vae),
        "device": device.type,
    }
    parts = (bundle.transformer, bundle.vae, bundle.text_encoder)
    return digest_of(facts, *(list(_samples(part)) for part in parts))


def request_digest(request: EditRequest) -> str:
    """Stands for an edit: settings and captions, pixels, mask and keyframes."""
    settings = {
        item.name: getattr(request, item.name)
        for item in fields(request)
        if item.name not in _PIXELS
    }
    keyframes = [(k.frame, k.finished, pixel_digest(k.pixels)) for k in request.keyframes]
    pixels = pixel_digest(request.clip.frames), pixel_digest(request.mask.values)
    return digest_of(settings, pixels, keyframes)


def pixel_digest(pixels: Tensor) -> str:
    """Stands for the values and the shape of a tensor on the CPU."""
    array = np.ascontiguousarray(pixels.numpy())
    return digest_of(list(array.shape), hashlib.sha256(array.data).digest())


def _samples(module: torch.nn.Module) -> Iterator[list[Any]]:
    """Of each weight: its name, shape, type and some values."""
    for name, weight in module.named_parameters():
        flat = weight.detach().flatten()
        picked = flat[:: max(1, flat.numel() // SAMPLES)][:SAMPLES].float().cpu()
        yield [name, list(weight.shape), str(weight.dtype), [float(value) for value in picked]]


def _tiling(vae: Any) -> dict[str, Any]:
    """In which tiles a VAE works, if it does."""
    if not vae.use_tiling:
        return {}
    options = cast("dict[str, Any]", vars(vae))
    return {name: value for name, value in options.items() if name.startswith("tile_")}


def _lora_scales(module: Any) -> Iterator[str]:
    """At which strength each layer adds its adapters."""
    for name, layer in module.named_modules():
        scaling = getattr(layer, "scaling", None)
        if isinstance(scaling, dict):
            yield f"{name} {scaling}"
