"""Work out model configurations from tensor shapes, for weights that come without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelError
from ..files.weights import describe
from .latents import FRAMES_PER_LATENT, LATENT_CHANNELS, PATCH
from .layout import PATCH_WEIGHT, WIDTH_2B, Layout

Shapes = Mapping[str, tuple[int, ...]]
TEXT_TOKENS = 226  # CogVideoX: max_text_seq_length
SCALING_2B, SCALING_5B = 1.15258426, 0.7  # CogVideoX VAE: scaling_factor
SNR_SHIFT_2B, SNR_SHIFT_5B = 3.0, 1.0  # CogVideoX scheduler: snr_shift_scale
# Latent height, width and frames of training; 1.5's rotary positions do not depend on them.
_SAMPLE_1_0 = {"sample_height": 60, "sample_width": 90, "sample_frames": 49}
_SAMPLE_1_5 = {"sample_height": 96, "sample_width": 170, "sample_frames": 81}
_BLOCK = "transformer_blocks.0"
_REQUIRED = (
    PATCH_WEIGHT,
    "patch_embed.text_proj.weight",
    "time_embedding.linear_1.weight",
    f"{_BLOCK}.attn1.norm_q.weight",
    f"{_BLOCK}.attn1.to_q.weight",
    "proj_out.weight",
)


def transformer_config(shapes: Shapes, layout: Layout) -> dict[str, Any]:
    """Configuration of a CogVideoX transformer from its shapes, in diffusers' spelling."""
    missing = [name for name in _REQUIRED if name not in shapes]
    if missing:
        raise ModelError(
            f"not a CogVideoX transformer: it lacks {', '.join(missing[:3])}; it looks like "
            f"{describe(shapes)}"
        )
    width, head = shapes[PATCH_WEIGHT][0], shapes[f"{_BLOCK}.attn1.norm_q.weight"][0]
    config = {
        "num_attention_heads": width // head,
        "attention_head_dim": head,
        "in_channels": layout.in_channels,
        "out_channels": LATENT_CHANNELS,
        "time_embed_dim": shapes["time_embedding.linear_1.weight"][0],
        "ofs_embed_dim": shapes.get("ofs_embedding.linear_1.weight", (None,))[0],
        "text_embed_dim": shapes["patch_embed.text_proj.weight"][1],
        "num_layers": count_parts(shapes, "transformer_blocks."),
        "attention_bias": f"{_BLOCK}.attn1.to_q.bias" in shapes,
        "norm_elementwise_affine": f"{_BLOCK}.norm1.norm.weight" in shapes,
        "patch_size": _patch(shapes),
        "patch_size_t": layout.patch_time,
        "patch_bias": layout.patch_time is None and "patch_embed.proj.bias" in shapes,
        "max_text_seq_length": TEXT_TOKENS,
    }
    config |= _SAMPLE_1_0 if layout.patch_time is None else _SAMPLE_1_5
    return config | _positions(shapes, config)


def vae_config(shapes: Shapes, layout: Layout, width: int) -> dict[str, Any]:
    """Configuration of a CogVideoX VAE; what shapes do not tell follows the transformer's width."""
    out = shapes.get("encoder.conv_out.conv.weight")
    if out is None:
        raise ModelError(
            f"not a CogVideoX VAE: it has no encoder.conv_out.conv.weight; it looks like "
            f"{describe(shapes)}"
        )
    if out[0] != 2 * LATENT_CHANNELS:
        raise ModelError(
            f"the VAE has {out[0] // 2} latent channels, expected {LATENT_CHANNELS}: it belongs "
            "to another model"
        )
    blocks = count_parts(shapes, "encoder.down_blocks.")
    return {
        "down_block_types": ["CogVideoXDownBlock3D"] * blocks,
        "up_block_types": ["CogVideoXUpBlock3D"] * blocks,
        "block_out_channels": [
            shapes[f"encoder.down_blocks.{i}.resnets.0.conv2.conv.weight"][0] for i in range(blocks)
        ],
        "layers_per_block": count_parts(shapes, "encoder.down_blocks.0.resnets."),
        "latent_channels": LATENT_CHANNELS,
        "temporal_compression_ratio": FRAMES_PER_LATENT,
        "scaling_factor": SCALING_2B if width == WIDTH_2B else SCALING_5B,
        # CogVideoX 1.5 I2V divides the image latent by the factor.
        "invert_scale_latents": layout.name == "i2v" and layout.version == "1.5",
    }


def text_encoder_config(shapes: Shapes) -> dict[str, Any]:
    """Configuration of a T5 v1.1 encoder."""
    attention = "encoder.block.0.layer.0.SelfAttention"
    bias, wide = f"{attention}.relative_attention_bias.weight", f"{attention}.q.weight"
    gate = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight"
    missing = [name for name in ("shared.weight", bias, wide, gate) if name not in shapes]
    if missing:
        raise ModelError(
            f"not a T5 v1.1 text encoder: it lacks {', '.join(missing)}; it looks like "
            f"{describe(shapes)}"
        )
    vocabulary, width = shapes["shared.weight"]
    buckets, heads = shapes[bias]
    return {
        "vocab_size": vocabulary,
        "d_model": width,
        "d_kv": shapes[wide][0] // heads,
        "d_ff": shapes[gate][0],
        "num_layers": count_parts(shapes, "encoder.block."),
        "num_heads": heads,
        "relative_attention_num_buckets": buckets,
        "feed_forward_proj": "gated-gelu",
    }


def schedule_config(width: int) -> dict[str, Any]:
    """The scheduler CogVideoX is published with (2B and 5B differ in the SNR shift)."""
    return {
        "_class_name": "CogVideoXDDIMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "set_alpha_to_one": True,
        "steps_offset": 0,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "snr_shift_scale": SNR_SHIFT_2B if width == WIDTH_2B else SNR_SHIFT_5B,
        "timestep_spacing": "trailing",
    }


def _positions(shapes: Shapes, config: Mapping[str, Any]) -> dict[str, Any]:
    """2B adds fixed sine positions, 5B rotates, and some I2V models store learned ones too."""
    stored = shapes.get("patch_embed.pos_embedding")
    if stored is None:
        rotary = config["num_attention_heads"] * config["attention_head_dim"] != WIDTH_2B
        return {
            "use_rotary_positional_embeddings": rotary,
            "use_learned_positional_embeddings": False,
        }
    frames = (config["sample_frames"] - 1) // FRAMES_PER_LATENT + 1
    frames //= config["patch_size_t"] or 1
    patch = config["patch_size"]
    grid = frames * (config["sample_height"] // patch) * (config["sample_width"] // patch)
    if stored[1] != TEXT_TOKENS + grid:
        raise ModelError(
            f"patch_embed.pos_embedding holds {stored[1]} positions, expected "
            f"{TEXT_TOKENS + grid}: use the model's diffusers folder, whose configuration tells "
            "the size it was trained at"
        )
    return {"use_rotary_positional_embeddings": True, "use_learned_positional_embeddings": True}


def _patch(shapes: Shapes) -> int:
    """Latents along a side of one token; CogVideoX 1.5's shapes do not tell."""
    weight = shapes[PATCH_WEIGHT]
    return weight[2] if len(weight) == 4 else PATCH


def count_parts(shapes: Shapes, prefix: str) -> int:
    """How many numbered children follow a prefix."""
    numbers = {name[len(prefix) :].split(".")[0] for name in shapes if name.startswith(prefix)}
    return len(numbers)
