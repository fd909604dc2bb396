"""Folders of weights as people have them: shards without an index, pickled shards, sidecars."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from vivid_core.errors import ModelError
from vivid_core.files.weights import read_folder_weights


def tensors(count: int) -> dict[str, Tensor]:
    return {f"layer.{i}": torch.full((2,), float(i)) for i in range(count)}


def write_shards(folder: Path, parts: int, suffix: str = "safetensors") -> list[Path]:
    """Three tensors a shard."""
    files = []
    for number in range(parts):
        files.append(folder / f"diffusion-{number + 1:05}-of-{parts:05}.{suffix}")
        held = {k: v for k, v in tensors(3 * parts).items() if int(k[6:]) % parts == number}
        if suffix == "bin":
            torch.save(held, files[-1])
        else:
            save_file(held, files[-1])
    return files


@given(parts=st.integers(1, 4), suffix=st.sampled_from(["safetensors", "bin"]))
def test_shards_without_an_index(tmp_path_factory, parts, suffix):
    folder = tmp_path_factory.mktemp("shards")
    write_shards(folder, parts, suffix)
    found = read_folder_weights(folder).tensors
    assert found.keys() == tensors(3 * parts).keys()
    assert all(torch.equal(found[key], value) for key, value in tensors(3 * parts).items())


def test_a_missing_shard_is_named(tmp_path):
    write_shards(tmp_path, 3)[1].unlink()
    with pytest.raises(ModelError, match=r"numbered to 3, and there are 2 \(missing: 2\)"):
        read_folder_weights(tmp_path)


def test_pickled_shards_with_an_index(tmp_path):
    files = write_shards(tmp_path, 2, "bin")
    places = {key: files[int(key[6:]) % 2].name for key in tensors(6)}
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    assert read_folder_weights(tmp_path).tensors.keys() == tensors(6).keys()
    index.write_text(json.dumps({"weight_map": {"layer.0": "../elsewhere.bin"}}))
    with pytest.raises(ModelError, match=r"no \.bin file in its own folder"):
        read_folder_weights(tmp_path)


def test_hidden_files_are_no_weights(tmp_path):
    save_file(tensors(1), tmp_path / "model.safetensors")
    (tmp_path / "._model.safetensors").write_bytes(b"what a Mac puts beside it")
    (tmp_path / "._model.safetensors.index.json").write_bytes(b"\0")
    assert read_folder_weights(tmp_path).tensors.keys() == {"layer.0"}
