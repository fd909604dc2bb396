"""Tensor names survive the way to ComfyUI's spelling and back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.cogvideox.keys import (
    module_name,
    rename,
    respell,
    text_encoder_tensors,
    unscale_fp8,
)
from vivid_core.errors import ModelError

PARTS = (
    *("norm1.linear.weight", "norm1.norm.bias", "norm2.linear.bias", "norm2.norm.weight"),
    *(f"attn1.{name}.weight" for name in ("to_q", "to_k", "to_v", "to_out.0", "norm_q", "norm_k")),
    *("ff.net.0.proj.weight", "ff.net.0.proj.bias", "ff.net.2.weight", "ff.net.2.bias"),
)
ROOTS = (
    *("patch_embed.proj.weight", "patch_embed.text_proj.bias", "patch_embed.pos_embedding"),
    *("time_embedding.linear_1.weight", "time_embedding.linear_2.bias"),
    *("ofs_embedding.linear_1.weight", "norm_final.weight", "norm_out.linear.weight"),
    *("norm_out.norm.bias", "proj_out.weight"),
)
BLOCK_KEYS = st.builds(
    "transformer_blocks.{}.{}".format, st.integers(0, 99), st.sampled_from(PARTS)
)
KEYS = st.one_of(BLOCK_KEYS, st.sampled_from(ROOTS))
PREFIXES = st.sampled_from(["", "diffusion_model.", "model.diffusion_model."])


@given(KEYS)
def test_there_and_back(key: str):
    assert rename(rename(key, "comfyui"), "diffusers") == key
    assert rename(key, "diffusers") == key


@given(st.sets(KEYS, min_size=1), PREFIXES)
def test_state_dicts_map_one_to_one(keys: set[str], prefix: str):
    tensors = {key: number for number, key in enumerate(sorted(keys))}
    comfyui = respell(tensors, "comfyui")
    assert len(comfyui) == len(tensors)
    prefixed = {prefix + key: value for key, value in comfyui.items()}
    assert respell(prefixed, "diffusers") == tensors


def test_the_names_core_uses():
    """The spelling of ComfyUI core's own CogVideoX class."""
    expected = {
        "transformer_blocks.3.attn1.to_out.0.bias": "blocks.3.attn_out.bias",
        "transformer_blocks.3.attn1.to_q.weight": "blocks.3.q.weight",
        "transformer_blocks.3.attn1.norm_k.weight": "blocks.3.norm_k.weight",
        "transformer_blocks.3.ff.net.0.proj.weight": "blocks.3.ff_proj.weight",
        "transformer_blocks.3.ff.net.2.weight": "blocks.3.ff_out.weight",
        "transformer_blocks.3.norm1.linear.weight": "blocks.3.norm1.linear.weight",
        "time_embedding.linear_1.weight": "time_embedding_linear_1.weight",
        "ofs_embedding.linear_2.bias": "ofs_embedding_linear_2.bias",
    }
    assert {key: rename(key, "comfyui") for key in expected} == expected


def test_t5_names_from_single_files():
    embedding, layer = torch.ones(4, 2), torch.zeros(2, 2)
    found = text_encoder_tensors(
        {
            "text_encoders.t5xxl.transformer.encoder.embed_tokens.weight": embedding,
            "text_encoders.t5xxl.transformer.encoder.block.0.x.weight": layer,
            "text_encoders.t5xxl.transformer.decoder.block.0.x.weight": layer,
            "text_encoders.t5xxl.transformer.spiece_model": torch.zeros(9, dtype=torch.uint8),
        }
    )
    assert set(found) == {
        "shared.weight",
        "encoder.embed_tokens.weight",
        "encoder.block.0.x.weight",
    }
    assert found["shared.weight"] is embedding


@pytest.mark.parametrize("suffix", [".scale_weight", ".weight_scale"])
def test_scaled_fp8_is_undone(suffix: str):
    weight = torch.tensor([[1.0, -2.0]]).to(torch.float8_e4m3fn)
    tensors = {"a.weight": weight, f"a{suffix}": torch.tensor(0.5), "scaled_fp8": torch.zeros(2)}
    plain = unscale_fp8(tensors)
    assert list(plain) == ["a.weight"]
    assert torch.equal(plain["a.weight"], torch.tensor([[0.5, -1.0]]))


def test_other_quantised_files_are_refused():
    tensors = {"a.weight": torch.zeros(2, 2, dtype=torch.uint8), "a.weight_scale": torch.ones(2)}
    with pytest.raises(ModelError, match="a.weight is quantised"):
        unscale_fp8(tensors)


@pytest.mark.parametrize("patch_time", [None, 2])
def test_every_layer_that_a_lora_can_change_has_its_names(patch_time: int | None):
    """No more and no fewer than the real class has."""
    from diffusers import CogVideoXTransformer3DModel
    from torch import nn

    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=1, attention_head_dim=16, time_embed_dim=4, text_embed_dim=4,
        num_layers=12, patch_size_t=patch_time, ofs_embed_dim=16,
    )  # fmt: skip
    layers = [
        name
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    assert len(layers) == 12 * 8 + 8
    for name in layers:
        for spelled in (name, rename(name, "comfyui")):
            assert module_name(spelled) == module_name(spelled.replace(".", "_")) == name


@pytest.mark.parametrize(
    "name",
    ["", "blocks", "transformer_blocks.0.attn1.norm_q", "transformer_blocks.99999.ff.net.2",
     "transformer_blocks.0.attn2.to_q", "x.proj_out", "proj_out.weight"],
)  # fmt: skip
def test_other_layers_have_none(name: str):
    assert module_name(name) is None
