"""Tiny models with random weights that ComfyUI's own loaders take for the real ones.

Imports ComfyUI's modules inside its functions: they are there in ComfyUI's Python only.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

WAN_TEXT, COGVIDEOX_TEXT = 4096, 64  # widths of their text encoders
TOKENS = 4
SPREAD = 0.05  # of random weights
COGVIDEOX_GAIN = {"block_out_channels": (32,) * 4, "layers_per_block": 1}


def random_state(module: Any, seed: int = 0) -> dict[str, Tensor]:
    """Weights of a module: scales 1, the rest small random numbers."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, weight in module.state_dict().items():
        values = torch.randn(weight.shape, generator=generator) * SPREAD
        scale = name.endswith(("gamma", "norm_q.weight", "norm_k.weight"))
        state[name] = values + 1 if scale or ("norm" in name and "weight" in name) else values
    return state


def wan_state(*, channels: int = 16, vace: bool = False, layers: int = 2) -> dict[str, Tensor]:
    """Weights of a Wan 2.1 transformer of one head."""
    import comfy.ldm.wan.model as wan
    import comfy.ops

    sizes: dict[str, Any] = {
        "dim": 128, "ffn_dim": 256, "num_heads": 1, "num_layers": layers, "in_dim": channels,
        "text_dim": WAN_TEXT, "operations": comfy.ops.disable_weight_init, "dtype": torch.float32,
    }  # fmt: skip
    if vace:
        return random_state(wan.VaceWanModel(vace_layers=1, vace_in_dim=96, **sizes))
    return random_state(wan.WanModel(model_type="t2v", **sizes))


def cogvideox_state(*, channels: int = 33, paired: bool = False) -> dict[str, Tensor]:
    """Weights of a CogVideoX transformer of one head; `paired` is version 1.5's way."""
    import comfy.ldm.cogvideo.model as cogvideo
    import comfy.ops

    return random_state(
        cogvideo.CogVideoXTransformer3DModel(
            num_attention_heads=1, in_channels=channels, time_embed_dim=32, num_layers=2,
            text_embed_dim=COGVIDEOX_TEXT, use_rotary_positional_embeddings=True,
            patch_size_t=2 if paired else None, patch_bias=not paired,
            operations=comfy.ops.disable_weight_init, dtype=torch.float32,
        )
    )  # fmt: skip


def wan_vae_state() -> dict[str, Tensor]:
    import comfy.ldm.wan.vae as wan

    return random_state(
        wan.WanVAE(dim=8, z_dim=16, temperal_downsample=[False, True, True])
    )


def load_model(state: dict[str, Tensor]) -> Any:
    """A MODEL, detected and loaded by ComfyUI."""
    import comfy.sd

    loaded = comfy.sd.load_diffusion_model_state_dict(dict(state), {"dtype": torch.float32})
    assert loaded is not None, "ComfyUI does not know this model"
    return loaded


def load_vae(state: dict[str, Tensor]) -> Any:
    import comfy.sd

    return comfy.sd.VAE(sd=dict(state), dtype=torch.float32)


@cache
def wan_vae() -> Any:
    return load_vae(wan_vae_state())


@cache
def cogvideox_vae() -> Any:
    """ComfyUI builds this VAE at its full size only: here with fewer channels."""
    from functools import partial

    import comfy.ldm.cogvideo.vae as cogvideo

    small = partial(cogvideo.AutoencoderKLCogVideoX, **COGVIDEOX_GAIN)
    with patch.object(cogvideo, "AutoencoderKLCogVideoX", small):
        return load_vae(random_state(small()))


def conditioning(width: int, seed: int = 1) -> list[Any]:
    """What a text encoder would make of some caption."""
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(1, TOKENS, width, generator=generator), {}]]


def quiet() -> None:
    """ComfyUI says much of every model that it loads."""
    logging.disable(logging.INFO)
