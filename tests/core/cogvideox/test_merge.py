"""A merged model equals base and adapter, in both spellings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vivid_core.cogvideox.adapter import (
    AdapterFacts,
    apply_adapter,
    describe_base,
    extract_adapter,
    lora_config,
)
from vivid_core.cogvideox.load import load_bundle
from vivid_core.cogvideox.merge import export_lora, merge_adapter
from vivid_core.cogvideox.save import save_bundle
from vivid_core.cogvideox.surgery import clone_transformer, widen_patch_embedder
from vivid_core.errors import ModelError


@pytest.fixture(params=[None, 2], ids=["1.0", "1.5"])
def base(request: pytest.FixtureRequest, bundle):
    return bundle("t2v", patch_time=request.param)


@pytest.fixture
def adapter(base):
    transformer = clone_transformer(base.transformer)
    widen_patch_embedder(transformer, 33)
    transformer.add_adapter(lora_config(4, 8.0))
    for name, parameter in transformer.named_parameters():
        if "lora_" in name or "patch_embed.proj" in name:
            parameter.data = torch.randn_like(parameter) * 0.1
    facts = AdapterFacts(
        layout="vivid", rank=4, alpha=8.0, train_size=(9, 32, 32), **describe_base(base)
    )
    return extract_adapter(transformer, facts, name="balloon")


@pytest.mark.parametrize("spelling", ["diffusers", "comfyui"])
@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
def test_merged_equals_applied(
    tmp_path: Path, base, adapter, forward, spelling: str, strength: float
):
    save_bundle(base, tmp_path / "base")
    merged = merge_adapter(base, adapter, strength=strength, spelling=spelling)
    save_file(merged, tmp_path / "merged.safetensors")
    loaded = load_bundle(tmp_path / "merged.safetensors", base=tmp_path / "base")
    latents = torch.randn(1, 4, 33, 8, 8)
    applied = apply_adapter(base, adapter, strength)
    expected = forward(applied.transformer, latents)
    assert torch.allclose(forward(loaded.transformer, latents), expected, atol=2e-5)
    assert any(key.startswith("blocks.") for key in merged) == (spelling == "comfyui")


def test_merging_leaves_the_base_alone(base, bundle, adapter, same):
    merge_adapter(base, adapter)
    untouched = bundle("t2v", patch_time=base.layout.patch_time)
    assert same(base.transformer, untouched.transformer)


def test_a_model_that_carries_an_adapter_is_refused(base, adapter):
    with pytest.raises(ModelError, match="carries an adapter already"):
        merge_adapter(apply_adapter(base, adapter), adapter)


def test_a_model_that_carries_an_adapter_is_not_saved(tmp_path: Path, base, adapter):
    with pytest.raises(ModelError, match="merge it before saving"):
        save_bundle(apply_adapter(base, adapter), tmp_path / "model")


def test_lora_for_core(base, adapter):
    exported = export_lora(adapter)
    a = exported["diffusion_model.blocks.1.attn_out.lora_A.weight"]
    b = exported["diffusion_model.blocks.1.attn_out.lora_B.weight"]
    name = "transformer_blocks.1.attn1.to_out.0"
    expected = base.transformer.state_dict()[f"{name}.weight"] + b @ a
    assert torch.allclose(merge_adapter(base, adapter)[f"{name}.weight"], expected, atol=1e-6)
    assert len(exported) == len(adapter.lora)
