"""LoRAs that cannot be used: each says in one sentence what is wrong, by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from vivid_core.cogvideox.adapter import apply_adapter, load_adapter
from vivid_core.cogvideox.adapter_facts import parse_facts
from vivid_core.cogvideox.merge import merge_adapter
from vivid_core.errors import AdapterError, ModelError

from . import loras
from .conftest import build_bundle

Q = "transformer.transformer_blocks.0.attn1.to_q"
GOOD = {f"{Q}.lora_A.weight": torch.ones(2, 32), f"{Q}.lora_B.weight": torch.ones(32, 2)}


def refusal(path: Path) -> str:
    with pytest.raises(AdapterError) as refused:
        load_adapter(path)
    text = str(refused.value)
    assert "\n" not in text and path.name in text
    return text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({f"{Q}.lora_B.weight": None}, r"to_q has no lora_B \(lora_up\): the file is incomplete"),
        ({f"{Q}.lora_A.weight": None}, r"to_q has no lora_A \(lora_down\)"),
        ({f"{Q}.lora_A.weight": torch.full((2, 32), torch.nan)}, "lora_A.weight holds NaN"),
        ({f"{Q}.lora_B.weight": torch.full((32, 2), torch.inf)}, "lora_B.weight holds NaN or inf"),
        ({f"{Q}.lora_A.weight": torch.ones(3, 32)}, r"lora_A of \[3, 32\] and lora_B of \[32, 2\]"),
        ({f"{Q}.lora_A.weight": torch.ones(2, 32).to(torch.int8)}, "is stored as int8"),
        ({f"{Q}.alpha": torch.tensor(torch.nan)}, "alpha is nan, expected a number above 0"),
        ({f"{Q}.alpha": torch.tensor(-1.0)}, "alpha is -1.0, expected a number above 0"),
        ({f"{Q}.alpha": torch.ones(2)}, "expected a number above 0"),
        ({f"{Q[:-1]}k.alpha": torch.tensor(1.0)}, "to_k.alpha belongs to no LoRA"),
        ({f"{Q}.dora_scale": torch.ones(32)}, "is a DoRA file"),
        ({f"{Q}.hada_w1_a": torch.ones(2, 2)}, "is a LoHa file"),
        ({f"{Q}.lokr_w1": torch.ones(2, 2)}, "is a LoKr file"),
        ({f"{Q}.diff": torch.ones(2, 2)}, "is a whole-difference file"),
        ({f"{Q}.lora_B.bias": torch.ones(32)}, "is a LoRA-with-bias file"),
        ({"transformer.proj_out.weight": torch.ones(2, 2)}, "proj_out.weight, which is no part"),
        ({f"{Q}.lora_A.other.weight": torch.ones(2, 32)}, "holds more than one LoRA"),
        ({f"base_model.model.{Q}.lora_A.weight": torch.ones(2, 32)}, "more than one LoRA"),
        ({"a" * 500: torch.ones(1)}, r"holds a+\.\.\., which is no part of a LoRA"),
        ({"double_blocks.0.img.lora_A.weight": torch.ones(2, 2)}, "no LoRA for CogVideoX.*double"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Tensor | None], words: str):
    tensors = {key: value for key, value in (GOOD | change).items() if value is not None}
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(AdapterError, match=words):
        load_adapter(tmp_path / "x.safetensors")
    assert refusal(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lora_te_encoder_block_0.lora_up.weight", "changes the text encoder only"),
        ("patch_embed.proj.weight", "neither a VIVID adapter nor a LoRA: it holds a CogVideoX tr"),
        ("lora_unet_down_blocks_0_attn.lora_up.weight", "no LoRA for CogVideoX.*down_blocks_0"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, name: str, words: str):
    save_file({name: torch.ones(2, 2)}, tmp_path / "x.safetensors")
    with pytest.raises(AdapterError, match=words):
        load_adapter(tmp_path / "x.safetensors")


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt", ".PTH"])
def test_pickles_are_not_even_opened(tmp_path: Path, suffix: str):
    path = tmp_path / f"lora{suffix}"
    path.write_bytes(b"never read")
    assert "is a pickle" in refusal(path)
    assert "save it as .safetensors" in refusal(path)


def test_a_folder_is_refused(tmp_path: Path):
    assert "choose the .safetensors file in it" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"lora_alpha": "8"}, "lora_alpha is '8', expected a number"),
        ({"lora_alpha": True}, "lora_alpha is True"),
        ({"lora_alpha": 0}, "expected a number above 0"),
        ({"alpha_pattern": [1]}, "alpha_pattern is no list of modules"),
        ({"alpha_pattern": {"(a+)+$": 1}}, "an expression that is not read"),
        ({"alpha_pattern": {"to_q": [1]}, "lora_alpha": 1}, "lora_alpha is [1]"),
        ({"use_dora": True}, "is a DoRA file"),
    ],
)
def test_configurations_that_cannot_be_meant(tmp_path: Path, config: dict, words: str):
    text = json.dumps({f"transformer.{key}": value for key, value in config.items()})
    save_file(GOOD, tmp_path / "x.safetensors", {"lora_adapter_metadata": text})
    assert words in refusal(tmp_path / "x.safetensors")


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"lora_alpha": ' + "9" * 5000 + "}"])
def test_metadata_that_is_no_json_object(tmp_path: Path, text: str):
    save_file(GOOD, tmp_path / "x.safetensors", {"lora_adapter_metadata": text})
    assert refusal(tmp_path / "x.safetensors")
    save_file(GOOD, tmp_path / "y.safetensors", {"vivid_adapter": text})
    assert "metadata is damaged" in refusal(tmp_path / "y.safetensors")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
FACTS = {
    "layout": "vivid",
    "base_model": "tiny",
    "base_structure": "0",
    "base_signature": [0.5],
    "rank": 2,
    "alpha": 2.0,
    "train_size": [9, 32, 32],
}


@given(name=st.sampled_from([*FACTS, "training_step", "knows_last_frame", "licence"]), value=JSON)
def test_facts_are_what_they_should_be_or_refused(name: str, value: object):
    """beartype checks every fact that is made, the tests' own import hook sees to that."""
    try:
        facts = parse_facts("x", json.dumps(FACTS | {name: value}))
    except AdapterError as error:
        assert "x: its metadata is damaged" in str(error)
    else:
        assert facts.rank >= 1 and facts.alpha > 0 and min(facts.train_size) > 0


def test_a_lora_for_another_size_names_both_shapes(tmp_path: Path, bundle, transformer):
    """As a 5B LoRA on a 2B model, and one of more layers."""
    wide = bundle().with_(transformer=transformer(num_attention_heads=4))
    names = ("transformer_blocks.0.attn1.to_q", "transformer_blocks.1.ff.net.2")
    adapter = load_adapter(loras.kohya(tmp_path, loras.draw_pairs(wide.transformer, names)))
    for use in (apply_adapter, merge_adapter):
        with pytest.raises(AdapterError, match=r"lora_A.weight is \[2, 64\], but .*\[32, 32\]"):
            use(bundle(), adapter)
    shallow = bundle().with_(name="shallow", transformer=transformer(num_layers=1))
    deep = load_adapter(loras.kohya(tmp_path, loras.draw_pairs(bundle().transformer, names)))
    with pytest.raises(AdapterError, match=r"lora is for another base: .*which shallow does not"):
        apply_adapter(shallow, deep)
    pairs = bundle("t2v", patch_time=2)
    embedder = loras.draw_pairs(bundle().transformer, ("patch_embed.proj",))
    with pytest.raises(AdapterError, match=r"is \[2, 16, 2, 2\], but patch_embed.proj .*\[32, 128"):
        apply_adapter(pairs, load_adapter(loras.kohya(tmp_path, embedder)))


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ("../lora.safetensors", "no .safetensors file in its own folder"),
        ("/etc/passwd", "no .safetensors file in its own folder"),
        ("a/b.safetensors", "no .safetensors file in its own folder"),
        ("a\\b.safetensors", "no .safetensors file in its own folder"),
        ("C:b.safetensors", "no .safetensors file in its own folder"),
        ("lora.bin", "no .safetensors file in its own folder"),
        ("lora.safetensors.index.json", "no .safetensors file in its own folder"),
        ("", "no .safetensors file in its own folder"),
        ("gone.safetensors", "gone.safetensors: no such file"),
        (3, "has no weight_map"),
        (["lora.safetensors"], "has no weight_map"),
    ],
)
def test_an_index_stays_in_its_folder(tmp_path: Path, places: object, words: str):
    (tmp_path / "a").mkdir()
    for folder in (tmp_path, tmp_path / "a"):
        save_file(GOOD, folder / "lora.safetensors")
    index = tmp_path / "a" / "lora.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(GOOD, places)}))
    with pytest.raises(ModelError) as refused:
        load_adapter(index)
    assert words in str(refused.value)


def test_an_index_and_its_shards_belong_together(tmp_path: Path):
    base = build_bundle()
    index = loras.sharded(tmp_path, loras.draw_pairs(base.transformer))
    assert load_adapter(index).name == "lora"
    shard = tmp_path / "lora-00001-of-00002.safetensors"
    tensors = load_file(shard)
    name, _ = tensors.popitem()
    save_file(tensors, shard)
    with pytest.raises(ModelError, match=f"{shard.name} lacks {name}: download both"):
        load_adapter(index)
