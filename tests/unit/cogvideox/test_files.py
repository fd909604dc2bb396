"""Weight files that are not what they claim are refused, and never run code."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from vivid_core.errors import ModelError
from vivid_core.files.weights import describe, read_folder_weights, read_json, read_weights

TENSORS = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(2, dtype=torch.bfloat16)}
WHOLE = save(TENSORS)


def test_safetensors_with_metadata(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    save_file(TENSORS, path, {"note": "hello"})
    file = read_weights(path)
    assert torch.equal(file.tensors["a"], TENSORS["a"])
    assert file.shapes == {"a": (3, 4), "b": (2,)}
    assert file.metadata["note"] == "hello"


@given(st.integers(0, len(WHOLE) - 1))
def test_every_truncation_is_noticed(tmp_path_factory: pytest.TempPathFactory, length: int):
    path = tmp_path_factory.mktemp("cut") / "x.safetensors"
    path.write_bytes(WHOLE[:length])
    with pytest.raises(ModelError, match=r"x\.safetensors: .*(cut off|incomplete)"):
        read_weights(path)


@given(st.binary(max_size=200), st.sampled_from([".safetensors", ".pt"]))
def test_noise_is_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str):
    path = tmp_path_factory.mktemp("noise") / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS pointer"),
        (b"<!doctype html><html>not found</html>", "web page"),
        (b"", "cut off after 0 bytes"),
    ],
)
def test_common_download_accidents_are_named(tmp_path: Path, content: bytes, words: str):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words):
        read_weights(path)


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
@pytest.mark.parametrize("form", ["torch", "plain"])
def test_pickles_with_code_are_refused_and_not_run(tmp_path: Path, suffix: str, form: str):
    marker, path = tmp_path / "ran", tmp_path / f"x{suffix}"
    content = {"state_dict": {"a": torch.zeros(1)}, "evil": Malicious(marker)}
    if form == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(ModelError, match="could run code"):
        read_weights(path)
    assert not marker.exists()


@pytest.mark.parametrize("nest", [(), ("state_dict",), ("module",), ("model", "state_dict")])
def test_pickles_of_tensors_are_read(tmp_path: Path, nest: tuple[str, ...]):
    content: dict = dict(TENSORS)
    for name in reversed(nest):
        content = {name: content, "step": 3}
    path = tmp_path / "x.pt"
    torch.save(content, path)
    assert set(read_weights(path).tensors) == set(TENSORS)


def test_pickles_without_tensors_are_refused(tmp_path: Path):
    path = tmp_path / "x.pt"
    torch.save([1, 2], path)
    with pytest.raises(ModelError, match="holds no tensors"):
        read_weights(path)


def test_shards_are_put_together(tmp_path: Path):
    for number, (key, value) in enumerate(TENSORS.items()):
        save_file({key: value}, tmp_path / f"m-{number}.safetensors")
    index = {"weight_map": {key: f"m-{number}.safetensors" for number, key in enumerate(TENSORS)}}
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps(index))
    assert read_folder_weights(tmp_path).shapes == {"a": (3, 4), "b": (2,)}
    (tmp_path / "m-1.safetensors").unlink()
    with pytest.raises(ModelError, match="m-1.safetensors: no such file"):
        read_folder_weights(tmp_path)


@pytest.mark.parametrize(
    ("path", "words"),
    [("x.gguf", "ending in .gguf are not read"), ("x.safetensors", "no such file")],
)
def test_other_files(tmp_path: Path, path: str, words: str):
    if path.endswith("gguf"):
        (tmp_path / path).write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=words):
        read_weights(tmp_path / path)


@pytest.mark.parametrize(("text", "words"), [("{", "is no JSON"), ("[1]", "got list")])
def test_broken_json(tmp_path: Path, text: str, words: str):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=words):
        read_json(path)
    with pytest.raises(ModelError, match="missing"):
        read_json(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("key", "family"),
    [
        ("model.diffusion_model.input_blocks.0.0.weight", "Stable Diffusion"),
        ("transformer.transformer_blocks.0.attn1.to_q.lora_A.weight", "LoRA"),
        ("lora_unet_down_blocks_0.lora_down.weight", "LoRA"),
        ("decoder.conv_in.conv.weight", "VAE"),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", "T5"),
        ("something.else", "unknown tensors (something.else"),
    ],
)
def test_foreign_files_are_named(key: str, family: str):
    assert family in describe([key])
