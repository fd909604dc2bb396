"""Plain LoRAs: the same one in every spelling changes a model the same way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from vivid_core.cogvideox.adapter import apply_adapter, load_adapter, save_adapter
from vivid_core.cogvideox.merge import export_lora, merge_adapter, merged_bundle
from vivid_core.cogvideox.surgery import clone_transformer, set_patch_embedder
from vivid_core.errors import ModelError

from . import loras
from .conftest import build_bundle, build_transformer, run_transformer

LATENTS = torch.randn(1, 3, 16, 8, 8, generator=torch.Generator().manual_seed(3))
TOLERANCE = 2e-5


def by_hand(base, pairs) -> torch.Tensor:
    """The output with the changes added to the weights."""
    clone = clone_transformer(base.transformer)
    clone.load_state_dict(loras.expected(base.transformer, pairs), assign=True)
    return run_transformer(clone, LATENTS)


@pytest.mark.parametrize("spelling", loras.SPELLINGS)
def test_every_spelling_gives_the_same_output(tmp_path: Path, spelling: str):
    base = build_bundle()
    pairs = loras.draw_pairs(base.transformer, ranks=(1, 2, 3), alphas=(0.5, 2.0, 7.0, 3.0))
    adapter = load_adapter(loras.SPELLINGS[spelling](tmp_path, pairs))
    applied = apply_adapter(base, adapter)
    wanted = by_hand(base, pairs)
    assert torch.allclose(run_transformer(applied.transformer, LATENTS), wanted, atol=TOLERANCE)
    merged = merged_bundle(base, adapter)
    assert torch.allclose(run_transformer(merged.transformer, LATENTS), wanted, atol=TOLERANCE)
    plain = run_transformer(base.transformer, LATENTS)
    assert not torch.allclose(wanted, plain, atol=1e-2)
    for bundle in (applied, merged):
        assert (bundle.layout, bundle.train_size) == (base.layout, base.train_size)
        assert bundle.warnings == ()


@settings(max_examples=25)
@given(
    spelling=st.sampled_from(sorted(loras.SPELLINGS)),
    targets=st.lists(st.sampled_from(loras.TARGETS), min_size=1, unique=True),
    ranks=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    alphas=st.lists(st.sampled_from([0.25, 1.0, 4.0, 32.0]), min_size=1, max_size=4),
    strength=st.sampled_from([0.0, 0.5, 1.0]),
    patch_time=st.sampled_from([None, 2]),
)
def test_weights_are_alpha_by_rank(
    tmp_path_factory: pytest.TempPathFactory,
    spelling: str,
    targets: list[str],
    ranks: list[int],
    alphas: list[float],
    strength: float,
    patch_time: int | None,
):
    base = build_bundle(patch_time=patch_time)
    pairs = loras.draw_pairs(
        base.transformer, tuple(targets), ranks=tuple(ranks), alphas=tuple(alphas)
    )
    folder = tmp_path_factory.mktemp("lora")
    adapter = load_adapter(loras.SPELLINGS[spelling](folder, pairs))
    halved = {name: replace(pair, alpha=pair.alpha * strength) for name, pair in pairs.items()}
    wanted = loras.expected(base.transformer, halved)
    merged = merge_adapter(base, adapter, strength=strength)
    assert all(torch.allclose(merged[key], wanted[key], atol=1e-5) for key in wanted)
    applied = apply_adapter(base, adapter, strength).transformer
    for name, pair in halved.items():
        change = applied.get_submodule(name).get_delta_weight("vivid_0")
        assert torch.allclose(change.flatten(1), pair.change, atol=1e-5)


def test_without_alpha_it_is_the_rank(tmp_path: Path):
    base = build_bundle()
    pairs = loras.draw_pairs(base.transformer, ranks=(1, 2), alphas=(1.0, 2.0))
    file = loras.kohya(tmp_path, pairs)
    tensors = {k: v for k, v in load_file(file).items() if not k.endswith(".alpha")}
    save_file(tensors, file)
    adapter = load_adapter(file)
    assert adapter.alphas == {}
    wanted = loras.expected(base.transformer, pairs)
    merged = merge_adapter(base, adapter)
    assert all(torch.allclose(merged[key], wanted[key], atol=1e-6) for key in wanted)


def test_peft_files_that_lost_their_configuration_say_so(tmp_path: Path, bundle):
    base = bundle()
    file = loras.peft(tmp_path, loras.draw_pairs(base.transformer))
    moved = tmp_path / "style.safetensors"
    file.rename(moved)
    applied = apply_adapter(base, load_adapter(moved))
    assert "does not say its alpha" in applied.warnings[0]


def test_rank_stabilised_loras(tmp_path: Path, bundle):
    base = bundle()
    pairs = loras.draw_pairs(base.transformer, ranks=(4,), alphas=(3.0,))
    file = loras.peft(tmp_path, pairs)
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({"lora_alpha": 3.0, "use_rslora": True}))
    assert set(load_adapter(file).scales.values()) == {(4, 6.0)}  # 3 / sqrt(4) = 6 / 4


@pytest.mark.parametrize(
    "dtype", ["float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
)
def test_precisions(tmp_path: Path, bundle, dtype: str):
    base = bundle()
    pairs = loras.draw_pairs(base.transformer)
    stored = getattr(torch, dtype)
    rounded = {
        name: replace(p, a=p.a.to(stored).float(), b=p.b.to(stored).float())
        for name, p in pairs.items()
    }
    file = loras.diffusers(
        tmp_path, {n: replace(p, a=p.a.to(stored), b=p.b.to(stored)) for n, p in pairs.items()}
    )
    merged = merge_adapter(base, load_adapter(file))
    wanted = loras.expected(base.transformer, rounded)
    assert all(torch.allclose(merged[key], wanted[key], atol=1e-5) for key in wanted)


def test_parts_of_the_text_encoder_are_left_out_with_a_warning(tmp_path: Path, bundle):
    base = bundle()
    pairs = loras.draw_pairs(base.transformer)
    file = loras.kohya(tmp_path, pairs)
    extra = "lora_te_encoder_block_0_layer_0_SelfAttention_q"
    parts = {f"{extra}.lora_{half}.weight": torch.ones(2, 2) for half in ("up", "down")}
    save_file(load_file(file) | parts | {f"{extra}.alpha": torch.tensor(1.0)}, file)
    applied = apply_adapter(base, load_adapter(file))
    assert "also changes the text encoder (lora_te_encoder" in applied.warnings[0]
    output = run_transformer(applied.transformer, LATENTS)
    assert torch.allclose(output, by_hand(base, pairs), atol=TOLERANCE)


def test_two_of_the_same_add_up(tmp_path: Path, bundle):
    base = bundle("vivid")
    pairs = loras.draw_pairs(base.transformer)
    first = load_adapter(loras.kohya(tmp_path, pairs))
    twice = {name: replace(pair, alpha=2 * pair.alpha) for name, pair in pairs.items()}
    both = apply_adapter(apply_adapter(base, first), first)
    alone = merged_bundle(base, load_adapter(loras.kohya(tmp_path, twice)))
    latents = torch.randn(1, 3, 33, 8, 8)
    one, two = (run_transformer(b.transformer, latents) for b in (both, alone))
    assert torch.allclose(one, two, atol=TOLERANCE)
    assert both.layout.name == "vivid"


def test_what_is_saved_is_read_again(tmp_path: Path, bundle):
    base = bundle()
    pairs = loras.draw_pairs(base.transformer, ranks=(1, 2, 2), alphas=(0.5, 3.0, 3.0))
    adapter = load_adapter(loras.kohya(tmp_path, pairs))
    save_adapter(tmp_path / "again.safetensors", adapter, dtype=torch.float32)
    again = load_adapter(tmp_path / "again.safetensors")
    assert (again.scales, again.facts, again.patch_embedder) == (adapter.scales, None, {})
    assert all(torch.equal(again.lora[key], value) for key, value in adapter.lora.items())
    exported = export_lora(adapter, spelling="comfyui")
    save_file(exported, tmp_path / "exported.safetensors")
    wanted = merge_adapter(base, adapter)
    merged = merge_adapter(base, load_adapter(tmp_path / "exported.safetensors"))
    assert all(torch.allclose(merged[key], wanted[key], atol=1e-6) for key in wanted)


def test_stock_diffusers_agrees(tmp_path: Path, bundle):
    """On the spelling that is its own, with mixed ranks."""
    base = bundle()
    pairs = loras.draw_pairs(base.transformer, ranks=(1, 2, 3), alphas=(2.0, 1.0))
    file = loras.diffusers(tmp_path, pairs)
    with safe_open(file, "pt") as opened:
        metadata = json.loads(opened.metadata()["lora_adapter_metadata"])
    stock = build_transformer()
    stock.load_lora_adapter(load_file(file), prefix="transformer", metadata=metadata)
    ours = apply_adapter(base, load_adapter(file)).transformer
    assert torch.allclose(
        run_transformer(stock, LATENTS), run_transformer(ours, LATENTS), atol=TOLERANCE
    )


def test_a_vivid_adapter_goes_below_a_lora_of_the_patch_embedder(tmp_path: Path, bundle):
    base = bundle()
    plain = load_adapter(loras.kohya(tmp_path, loras.draw_pairs(base.transformer)))
    with pytest.raises(ModelError, match="apply the VIVID adapter first"):
        set_patch_embedder(
            apply_adapter(base, plain).transformer, {"weight": torch.zeros(32, 33, 2, 2)}
        )
