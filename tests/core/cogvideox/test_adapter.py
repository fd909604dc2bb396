"""Adapters: one file, read by us and by stock diffusers, over a base that stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from vivid_core.cogvideox.adapter import (
    Adapter,
    AdapterFacts,
    apply_adapter,
    describe_base,
    extract_adapter,
    load_adapter,
    lora_config,
    save_adapter,
)
from vivid_core.cogvideox.bundle import ModelBundle
from vivid_core.cogvideox.save import save_bundle
from vivid_core.cogvideox.surgery import clone_transformer, widen_patch_embedder
from vivid_core.errors import AdapterError, InputError, ModelError

RANK, ALPHA = 4, 8.0


def train(bundle: ModelBundle, seed: int = 1) -> nn.Module:
    """A widened clone with a LoRA, both as if trained."""
    transformer = clone_transformer(bundle.transformer)
    widen_patch_embedder(transformer, 33)
    transformer.add_adapter(lora_config(RANK, ALPHA))
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in transformer.named_parameters():
        if "lora_" in name or "patch_embed.proj" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return transformer


def adapter_of(bundle: ModelBundle, transformer: nn.Module, name: str = "balloon") -> Adapter:
    facts = AdapterFacts(
        layout="vivid",
        rank=RANK,
        alpha=ALPHA,
        train_size=(9, 32, 32),
        training_step=7,
        licence="Apache-2.0",
        **describe_base(bundle),
    )
    return extract_adapter(transformer, facts, name=name)


@pytest.fixture(params=[None, 2], ids=["1.0", "1.5"])
def base(request: pytest.FixtureRequest, bundle) -> ModelBundle:
    return bundle("t2v", patch_time=request.param)


@pytest.fixture
def file(tmp_path: Path, bundle) -> Path:
    base = bundle()
    save_adapter(tmp_path / "balloon.safetensors", adapter_of(base, train(base)))
    return tmp_path / "balloon.safetensors"


def test_what_was_trained_is_what_is_applied(tmp_path: Path, base, forward):
    trained = train(base)
    path = tmp_path / "balloon.safetensors"
    save_adapter(path, adapter_of(base, trained), dtype=torch.float32)
    loaded = load_adapter(path)
    applied = apply_adapter(base, loaded)
    latents = torch.randn(1, 4, 33, 8, 8)
    assert torch.equal(forward(applied.transformer, latents), forward(trained, latents))
    assert loaded.facts == adapter_of(base, trained).facts
    assert applied.layout.name == "vivid"
    assert applied.layout.patch_time == base.layout.patch_time
    assert applied.name == "tiny + balloon"
    assert applied.warnings == ()


def test_training_that_wraps_the_model_with_peft(base, forward):
    """peft's own wrapper, the patch embedder saved whole as a module of its own."""
    from peft import get_peft_model

    wide = clone_transformer(base.transformer)
    widen_patch_embedder(wide, 33)
    config = lora_config(RANK, ALPHA)
    config.modules_to_save = ["patch_embed.proj"]
    model = get_peft_model(wide, config)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn_like(parameter) * 0.1
    applied = apply_adapter(base, adapter_of(base, model))
    latents = torch.randn(1, 4, 33, 8, 8)
    assert torch.equal(forward(applied.transformer, latents), forward(model.model, latents))


def test_the_base_stays_bit_identical(bundle, same, forward):
    base, untouched = bundle(), bundle()
    latents = torch.randn(1, 3, 16, 8, 8)
    before = forward(base.transformer, latents)
    for strength in (0.0, 0.5, 1.0):
        apply_adapter(base, adapter_of(base, train(base)), strength)
    assert same(base.transformer, untouched.transformer)
    assert torch.equal(forward(base.transformer, latents), before)
    assert base.transformer.config.in_channels == 16
    assert base.layout.name == "t2v"


def test_strength_scales_the_lora_alone(bundle, forward):
    base = bundle()
    adapter = adapter_of(base, train(base))
    latents = torch.randn(1, 3, 33, 8, 8)
    results = {s: forward(apply_adapter(base, adapter, s).transformer, latents) for s in (0.0, 1.0)}
    without = clone_transformer(base.transformer)
    widen_patch_embedder(without, 33, source=adapter.patch_embedder)
    assert torch.equal(results[0.0], forward(without, latents))
    assert not torch.allclose(results[0.0], results[1.0], atol=1e-3)
    doubled = replace(adapter, facts=replace(adapter.facts, alpha=ALPHA / 2))
    half = forward(apply_adapter(base, adapter, 0.5).transformer, latents)
    assert torch.equal(half, forward(apply_adapter(base, doubled).transformer, latents))


def test_two_adapters_add_up(bundle, forward):
    base = bundle()
    first, second = (adapter_of(base, train(base, seed)) for seed in (1, 2))
    alone = apply_adapter(base, first, 0.7)
    both = apply_adapter(alone, second, 0.0)
    silent = apply_adapter(alone, replace(second, patch_embedder=first.patch_embedder), 0.0)
    latents = torch.randn(1, 3, 33, 8, 8)
    expected = forward(alone.transformer, latents)
    assert torch.allclose(forward(silent.transformer, latents), expected, atol=1e-6)
    assert not torch.allclose(forward(both.transformer, latents), expected, atol=1e-3)


def test_stock_diffusers_loads_the_lora(tmp_path: Path, bundle, forward):
    """On the 16 channels both know: stock pipeline and file, ours without the patch embedder."""
    from diffusers import CogVideoXPipeline

    base = bundle()
    save_bundle(base, tmp_path / "model")
    adapter = adapter_of(base, train(base))
    save_adapter(tmp_path / "balloon.safetensors", adapter, dtype=torch.float32)
    pipeline = CogVideoXPipeline.from_pretrained(tmp_path / "model")
    pipeline.load_lora_weights(str(tmp_path), weight_name="balloon.safetensors")
    own_embedder = base.transformer.patch_embed.proj.state_dict()
    facts = replace(adapter.facts, layout="t2v")
    ours = apply_adapter(base, replace(adapter, patch_embedder=own_embedder, facts=facts))
    latents = torch.randn(1, 3, 16, 8, 8)
    stock = forward(pipeline.transformer, latents)
    assert torch.equal(stock, forward(ours.transformer, latents))
    assert not torch.allclose(stock, forward(base.transformer, latents), atol=1e-3)


def test_the_file_says_what_it_is(file: Path):
    with safe_open(file, "pt") as opened:
        names, metadata = set(opened.keys()), opened.metadata()
    assert all("lora" in name for name in names)
    assert "vivid_lora_extra.patch_embed.proj.weight" in names
    assert "transformer.transformer_blocks.0.attn1.to_q.lora_A.weight" in names
    assert json.loads(metadata["lora_adapter_metadata"])["transformer.r"] == RANK
    facts = json.loads(metadata["vivid_adapter"])
    assert facts["layout"] == "vivid"
    assert facts["alpha"] == ALPHA
    assert facts["training_step"] == 7
    assert facts["licence"] == "Apache-2.0"


def test_default_alpha_is_the_rank():
    assert lora_config(32).lora_alpha == 32


def test_a_base_of_other_shapes_is_refused_with_both_shapes(file: Path, bundle, transformer):
    narrow = bundle().with_(name="narrow", transformer=transformer(num_attention_heads=1))
    with pytest.raises(AdapterError, match=r"lora_A.weight is \[4, 32\], but .*\[16, 16\]"):
        apply_adapter(narrow, load_adapter(file))
    shallow = bundle().with_(name="shallow", transformer=transformer(num_layers=1))
    with pytest.raises(AdapterError, match=r"transformer_blocks.1.*which shallow does not have"):
        apply_adapter(shallow, load_adapter(file))
    pairs = bundle("t2v", patch_time=2)
    with pytest.raises(AdapterError, match=r"shape \[32, 33, 2, 2\], tiny one of \[32, 128\]"):
        apply_adapter(pairs, load_adapter(file))


def test_a_base_of_the_same_shape_and_other_weights_is_warned_about(
    file: Path, bundle, transformer
):
    other = bundle().with_(name="finetune", transformer=transformer(seed=8))
    applied = apply_adapter(other, load_adapter(file))
    assert "trained on tiny, whose weights are not those of finetune" in applied.warnings[0]


def test_a_scheduler_of_another_kind_is_warned_about(file: Path, bundle):
    base = bundle()
    noise = base.with_(schedule={**base.schedule, "prediction_type": "epsilon"})
    assert "trained for v_prediction" in apply_adapter(noise, load_adapter(file)).warnings[0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_right_base_in_half_precision_is_recognised(file: Path, bundle, transformer, dtype):
    half = bundle().with_(transformer=transformer().to(dtype))
    applied = apply_adapter(half, load_adapter(file))
    assert applied.warnings == ()
    assert {p.dtype for p in applied.transformer.parameters()} == {dtype}


def test_a_layout_that_contradicts_the_channels_is_refused(file: Path, bundle):
    adapter = load_adapter(file)
    wrong = replace(adapter, facts=replace(adapter.facts, layout="void"))
    with pytest.raises(ModelError, match="'void'.*fun_inp or vivid"):
        apply_adapter(bundle(), wrong)


def test_other_files_are_no_adapters(file: Path, tmp_path: Path):
    save_file(load_file(file), tmp_path / "bad.safetensors", {"vivid_adapter": '{"rank": 4}'})
    with pytest.raises(AdapterError, match="metadata is damaged"):
        load_adapter(tmp_path / "bad.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="incomplete"):
        load_adapter(tmp_path / "cut.safetensors")


def test_facts_of_later_versions_are_passed_over(file: Path, tmp_path: Path):
    with safe_open(file, "pt") as opened:
        facts = json.loads(opened.metadata()["vivid_adapter"]) | {"from_the_future": 1}
    later = tmp_path / "later.safetensors"
    save_file(load_file(file), later, {"vivid_adapter": json.dumps(facts)})
    assert load_adapter(later).facts == load_adapter(file).facts


def test_a_failed_save_leaves_nothing(tmp_path: Path, bundle):
    base = bundle()
    (tmp_path / "taken.safetensors").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        save_adapter(tmp_path / "taken.safetensors", adapter_of(base, train(base)))
    assert [item.name for item in tmp_path.iterdir()] == ["taken.safetensors"]
