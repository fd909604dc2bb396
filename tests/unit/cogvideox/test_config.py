"""Configurations worked out from shapes equal the published ones, at full size on no device."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from vivid_core.cogvideox.config import (
    schedule_config,
    text_encoder_config,
    transformer_config,
    vae_config,
)
from vivid_core.cogvideox.keys import respell
from vivid_core.cogvideox.layout import detect_layout, layout_named
from vivid_core.errors import ModelError
from vivid_core.files.modules import check_shapes

TWO_B = {
    "num_attention_heads": 30,
    "num_layers": 30,
    "use_rotary_positional_embeddings": False,
    "use_learned_positional_embeddings": False,
}
FIVE_B = {
    "num_attention_heads": 48,
    "num_layers": 42,
    "use_rotary_positional_embeddings": True,
    "use_learned_positional_embeddings": False,
}
PAIRS = {"patch_size_t": 2, "patch_bias": False, "sample_frames": 81}
# name -> what its published configuration says beyond diffusers' defaults
PUBLISHED: dict[str, tuple[str, dict[str, Any]]] = {
    "CogVideoX-2b": ("t2v", TWO_B),
    "CogVideoX-5b": ("t2v", FIVE_B),
    "CogVideoX-5b-I2V": (
        "i2v",
        FIVE_B | {"in_channels": 32, "use_learned_positional_embeddings": True},
    ),
    "CogVideoX1.5-5B": ("t2v", FIVE_B | PAIRS),
    "CogVideoX1.5-5B-I2V": ("i2v", FIVE_B | PAIRS | {"in_channels": 32, "ofs_embed_dim": 512}),
    "CogVideoX-Fun-2b-InP": ("fun_inp", TWO_B | {"in_channels": 33}),
    "CogVideoX-Fun-5b-InP": ("fun_inp", FIVE_B | {"in_channels": 33}),
    "CogVideoX-Fun-V1.5-5b-InP": ("fun_inp", FIVE_B | PAIRS | {"in_channels": 33}),
    "VOID": ("void", FIVE_B | PAIRS | {"in_channels": 48}),
    "InsViE": ("insvie", TWO_B | {"in_channels": 32}),
}
DEFAULTS = {
    "attention_head_dim": 64,
    "in_channels": 16,
    "out_channels": 16,
    "time_embed_dim": 512,
    "text_embed_dim": 4096,
    "patch_size": 2,
    "patch_size_t": None,
    "ofs_embed_dim": None,
    "attention_bias": True,
    "patch_bias": True,
    "norm_elementwise_affine": True,
    "max_text_seq_length": 226,
    "sample_frames": 49,
}


def meta_transformer(options: dict[str, Any]) -> nn.Module:
    from diffusers import CogVideoXTransformer3DModel

    with torch.device("meta"):
        return CogVideoXTransformer3DModel(**options)


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_transformers(name: str):
    layout_name, options = PUBLISHED[name]
    module = meta_transformer(options)
    shapes = shapes_of(module)
    comfyui = {f"model.diffusion_model.{k}": v for k, v in respell(shapes, "comfyui").items()}
    layout = detect_layout(comfyui)
    config = transformer_config(respell(comfyui, "diffusers"), layout)
    assert layout.name == layout_name
    for key, value in (DEFAULTS | options).items():
        assert config[key] == value, key
    check_shapes(meta_transformer(config), shapes, what="transformer")


def test_the_patch_is_read_from_the_embedder():
    options = FIVE_B | {"num_attention_heads": 2, "num_layers": 1, "patch_size": 1}
    shapes = shapes_of(meta_transformer(options))
    config = transformer_config(shapes, detect_layout(shapes))
    assert config["patch_size"] == 1
    check_shapes(meta_transformer(config), shapes, what="transformer")


def test_5b_has_the_published_size():
    module = meta_transformer(PUBLISHED["CogVideoX-5b"][1])
    assert sum(p.numel() for p in module.parameters()) == pytest.approx(5.57e9, rel=0.01)


def test_published_vae():
    from diffusers import AutoencoderKLCogVideoX

    blocks = 4
    options = {
        "down_block_types": ("CogVideoXDownBlock3D",) * blocks,
        "up_block_types": ("CogVideoXUpBlock3D",) * blocks,
        "block_out_channels": (128, 256, 256, 512),
        "layers_per_block": 3,
    }
    with torch.device("meta"):
        shapes = shapes_of(AutoencoderKLCogVideoX(**options))
    config = vae_config(shapes, layout_named("t2v"), 3072)
    assert {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()} == {
        **options,
        "latent_channels": 16,
        "temporal_compression_ratio": 4,
        "scaling_factor": 0.7,
        "invert_scale_latents": False,
    }
    assert vae_config(shapes, layout_named("t2v"), 1920)["scaling_factor"] == 1.15258426
    assert vae_config(shapes, layout_named("i2v", version="1.5"), 3072)["invert_scale_latents"]
    with torch.device("meta"):
        check_shapes(AutoencoderKLCogVideoX(**config), shapes, what="VAE")


def test_t5_xxl():
    from transformers import T5Config, T5EncoderModel

    options = {
        "vocab_size": 32128,
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10240,
        "num_layers": 24,
        "num_heads": 64,
        "relative_attention_num_buckets": 32,
        "feed_forward_proj": "gated-gelu",
    }
    with torch.device("meta"):
        shapes = shapes_of(T5EncoderModel(T5Config(**options)))
    assert text_encoder_config(shapes) == options


def test_schedules_differ_in_the_shift():
    assert schedule_config(1920)["snr_shift_scale"] == 3.0
    assert schedule_config(3072)["snr_shift_scale"] == 1.0


def test_positions_of_another_size_are_refused():
    shapes = shapes_of(meta_transformer(PUBLISHED["CogVideoX-5b-I2V"][1]))
    shapes["patch_embed.pos_embedding"] = (1, 1000, 3072)
    with pytest.raises(ModelError, match="holds 1000 positions, expected 17776"):
        transformer_config(shapes, detect_layout(shapes))


def test_a_transformer_with_parts_missing():
    shapes = {"patch_embed.proj.weight": (3072, 33, 2, 2), "proj_out.weight": (64, 3072)}
    with pytest.raises(ModelError, match="it lacks patch_embed.text_proj.weight"):
        transformer_config(shapes, detect_layout(shapes))
