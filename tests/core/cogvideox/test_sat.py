"""A training checkpoint in SAT's names becomes the transformer that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from vivid_core.cli import main
from vivid_core.cogvideox.sat import convert_checkpoint, plan_conversion
from vivid_core.cogvideox.text import encode_caption
from vivid_core.errors import ModelError
from vivid_core.files.weights import read_weights

MODULE = "model.diffusion_model."
_TOP = {
    "patch_embed.proj.": "mixins.patch_embed.proj_edit.",
    "patch_embed.text_proj.": "mixins.patch_embed.text_proj.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "norm_final.": "transformer.final_layernorm.",
    "norm_out.norm.": "mixins.final_layer.norm_final.",
    "norm_out.linear.": "mixins.final_layer.adaLN_modulation.1.",
    "proj_out.": "mixins.final_layer.linear.",
}
_BLOCK = {
    "attn1.to_out.0.": "attention.dense.",
    "ff.net.0.proj.": "mlp.dense_h_to_4h.",
    "ff.net.2.": "mlp.dense_4h_to_h.",
    "norm1.norm.": "input_layernorm.",
    "norm2.norm.": "post_attention_layernorm.",
}


def as_sat(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A transformer's tensors as SAT stores them: q, k and v in one, both modulations in one."""
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        for ours, theirs in _TOP.items():
            if name.startswith(ours):
                found[theirs + name.removeprefix(ours)] = value
    blocks = {name.split(".")[1] for name in state if name.startswith("transformer_blocks.")}
    for number in sorted(blocks):
        found |= _block_as_sat(state, number)
    return {MODULE + name: value for name, value in found.items()}


def _block_as_sat(state: dict[str, Tensor], number: str) -> dict[str, Tensor]:
    ours, layer = f"transformer_blocks.{number}.", f"transformer.layers.{number}."
    adaln = "mixins.adaln_layer."
    block = {k.removeprefix(ours): v for k, v in state.items() if k.startswith(ours)}
    found = {}
    for end in ("weight", "bias"):
        qkv = [block[f"attn1.to_{letter}.{end}"] for letter in "qkv"]
        found[f"{layer}attention.query_key_value.{end}"] = torch.cat(qkv)
        one, two = (block[f"norm{n}.linear.{end}"].chunk(6) for n in (1, 2))
        mixed = torch.cat([*one[:3], *two[:3], *one[3:], *two[3:]])
        found[f"{adaln}adaLN_modulations.{number}.1.{end}"] = mixed
        found[f"{adaln}query_layernorm_list.{number}.{end}"] = block[f"attn1.norm_q.{end}"]
        found[f"{adaln}key_layernorm_list.{number}.{end}"] = block[f"attn1.norm_k.{end}"]
    for name, value in block.items():
        for mine, theirs in _BLOCK.items():
            if name.startswith(mine):
                found[layer + theirs + name.removeprefix(mine)] = value
    return found


@pytest.fixture
def trained(transformer, tmp_path: Path) -> tuple[Path, dict[str, Tensor]]:
    """A checkpoint as it is released, and the tensors that are to come out."""
    state = {
        name: value.to(torch.bfloat16)
        for name, value in transformer(in_channels=32).state_dict().items()
        if name != "patch_embed.pos_embedding"
    }
    others: dict[str, Any] = {
        f"{MODULE}mixins.patch_embed.proj.weight": torch.zeros(32, 16, 2, 2),
        f"{MODULE}mixins.patch_embed.proj.bias": torch.zeros(32),
        f"{MODULE}mixins.pos_embed.freqs_sin": torch.zeros(4),
        "first_stage_model.decoder.conv_in.weight": torch.zeros(2),
    }
    path = tmp_path / "mp_rank_00_model_states.pt"
    torch.save({"module": as_sat(state) | others, "iteration": 40000, "ds_version": "0.14"}, path)
    return path, state


def test_every_tensor_comes_out_as_it_was(trained, tmp_path):
    path, state = trained
    made = convert_checkpoint(path, tmp_path / "insvie.safetensors")
    found = read_weights(tmp_path / "insvie.safetensors").tensors
    assert found.keys() == state.keys()
    for name, value in state.items():
        assert torch.equal(found[name], value), name
    assert made.layout.name == "insvie"


def test_the_file_says_itself_what_it_is(trained, tmp_path, bundle):
    """Read by the loader, it is the same model, of a layout that shapes alone do not tell."""
    from vivid_core.cogvideox.load import load_bundle
    from vivid_core.cogvideox.save import save_bundle

    convert_checkpoint(trained[0], tmp_path / "insvie.safetensors")
    save_bundle(bundle("t2v"), tmp_path / "base")
    loaded = load_bundle(
        tmp_path / "insvie.safetensors", base=tmp_path / "base", dtype=torch.bfloat16
    )
    assert loaded.layout.name == "insvie"
    assert loaded.train_size == (25, 480, 720)
    assert loaded.blank_is_zeros
    assert not encode_caption(loaded, "", argument="negative").embeds.any()
    assert encode_caption(loaded, "red", argument="caption").embeds.any()
    weight = loaded.transformer.patch_embed.proj.weight
    assert torch.equal(weight, trained[1]["patch_embed.proj.weight"])


def test_what_is_dropped_and_renamed_is_told(trained, tmp_path, capsys):
    out = tmp_path / "insvie.safetensors"
    assert main(["convert", "--checkpoint", str(trained[0]), "--out", str(out)]) == 0
    words = capsys.readouterr().out
    assert f"{MODULE}mixins.patch_embed.proj_edit.weight -> patch_embed.proj.weight" in words
    assert "dropped, replaced by proj_edit: " in words
    assert "dropped, of another network: first_stage_model.decoder.conv_in.weight" in words
    assert "freqs_sin" in words
    with safe_open(out, framework="pt") as file:
        assert set(file.keys()) == set(trained[1])


def test_what_is_no_such_checkpoint_is_refused(trained, tmp_path, capsys):
    class Code:
        def __reduce__(self):
            return print, ("runs",)

    hostile = tmp_path / "hostile.pt"
    torch.save({"module": Code()}, hostile)
    out = tmp_path / "out.safetensors"
    assert main(["convert", "--checkpoint", str(hostile), "--out", str(out)]) == 2
    assert "holds more than tensors and could run code" in capsys.readouterr().err
    assert main(["convert", "--checkpoint", str(trained[0]), "--out", str(tmp_path / "a.pt")]) == 2
    assert "is no .safetensors file" in capsys.readouterr().err
    assert not out.exists()
    with pytest.raises(ModelError, match="not a CogVideoX transformer"):
        plan_conversion({"a.b": torch.zeros(2)}, name="x.pt")
    lora = {f"{MODULE}transformer.layers.0.attention.dense.matrix_A.0": torch.zeros(2)}
    with pytest.raises(ModelError, match="holds a LoRA beside its weights.*merge_lora"):
        plan_conversion(lora, name="x.pt")
