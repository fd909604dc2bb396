"""A merged model equals base and adapter, in both spellings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vivid_core.cogvideox.adapter import (
    Adapter,
    AdapterFacts,
    apply_adapter,
    describe_base,
    extract_adapter,
    lora_config,
)
from vivid_core.cogvideox.load import load_bundle
from vivid_core.cogvideox.merge import export_lora, merge_adapter, merged_bundle, save_merged
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


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_merged_model_loads_as_what_it_is(
    tmp_path: Path, base, adapter, forward, same, bundle, as_folder: bool
):
    save_bundle(base, tmp_path / "base")
    if as_folder:
        save_bundle(merged_bundle(base, adapter, strength=0.5), tmp_path / "merged")
        loaded = load_bundle(tmp_path / "merged")
    else:
        save_merged(tmp_path / "merged.safetensors", base, adapter, strength=0.5)
        loaded = load_bundle(tmp_path / "merged.safetensors", base=tmp_path / "base")
    applied, latents = apply_adapter(base, adapter, 0.5), torch.randn(1, 4, 33, 8, 8)
    expected = forward(applied.transformer, latents)
    assert torch.allclose(forward(loaded.transformer, latents), expected, atol=2e-5)
    assert (loaded.layout, loaded.train_size) == (applied.layout, (9, 32, 32))
    untouched = bundle("t2v", patch_time=base.layout.patch_time)
    assert same(base.transformer, untouched.transformer)


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


def test_comfyuis_file_of_a_2b_model_stores_its_positions(
    tmp_path: Path, bundle, transformer, forward
):
    """Without them ComfyUI takes it for a rotary model. We compute them ourselves."""
    wide = {"num_attention_heads": 30, "attention_head_dim": 64, "num_layers": 1}
    fixed = {"use_rotary_positional_embeddings": False}
    base = bundle().with_(transformer=transformer(**wide, **fixed))
    lora = {
        "proj_out.lora_A.weight": torch.full((1, 1920), 0.01),
        "proj_out.lora_B.weight": torch.ones(64, 1),
    }
    adapter = Adapter(name="plain", lora=lora)
    for spelling in ("comfyui", "diffusers"):
        file = tmp_path / f"{spelling}.safetensors"
        save_merged(file, base, adapter, spelling=spelling)
        with safe_open(file, "pt") as opened:
            stored = "patch_embed.pos_embedding" in opened.keys()  # noqa: SIM118
        assert stored == (spelling == "comfyui")
    save_bundle(bundle(), tmp_path / "base")
    loaded = load_bundle(tmp_path / "comfyui.safetensors", base=tmp_path / "base")
    latents = torch.randn(1, 3, 16, 8, 8)
    expected = forward(apply_adapter(base, adapter).transformer, latents)
    assert torch.allclose(forward(loaded.transformer, latents), expected, atol=2e-5)
