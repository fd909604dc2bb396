"""Checkpoints hold any state, the last few stay, and a full disk loses only the new one."""

from __future__ import annotations

import math
import resource
from pathlib import Path

import pytest
import torch

from vivid_core.errors import InputError, ModelError
from vivid_core.train.checkpoints import Checkpoints

OF = {"data": {"fox": "1", "cup": "2"}}


def state(step: int) -> dict:
    return {
        "step": step,
        "best": math.inf,
        "parameters": [torch.full((64, 64), float(step)), torch.tensor(0.5)],
        "optimizers": [{"state": {0: {"moment": torch.rand(3)}}, "param_groups": [{"lr": 0.1}]}],
        "generator": torch.Generator().manual_seed(step).get_state(),
    }


def test_a_state_comes_back_as_it_was(tmp_path: Path):
    saved = state(7)
    Checkpoints(tmp_path, keep=2, identity=OF).save(saved)
    loaded = Checkpoints(tmp_path, keep=2, identity=OF).load()
    assert loaded is not None and (loaded["step"], loaded["best"]) == (7, math.inf)
    assert all(map(torch.equal, loaded["parameters"], saved["parameters"]))
    moments = (s["optimizers"][0]["state"][0]["moment"] for s in (loaded, saved))
    assert torch.equal(*moments) and torch.equal(loaded["generator"], saved["generator"])


def test_tensors_that_share_memory_are_all_saved(tmp_path: Path):
    table = torch.arange(4.0)
    store = Checkpoints(tmp_path, keep=1, identity=OF)
    store.save({"step": 1, "tables": [table, table, table[1:]]})
    loaded = store.load()
    assert loaded is not None
    assert [t.tolist() for t in loaded["tables"]] == [[0, 1, 2, 3], [0, 1, 2, 3], [1, 2, 3]]


def test_a_full_disk_loses_only_the_new_one(tmp_path: Path):
    store = Checkpoints(tmp_path, keep=1, identity=OF)
    assert store.load() is None
    store.save(state(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(InputError, match="cannot write"):
            store.save(state(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    loaded = store.load()
    assert loaded is not None and loaded["step"] == 1
    store.save(state(3))
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000003.safetensors"]


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ({"fox": "1"}, "data: cup is gone since the training in"),
        ({"fox": "1", "cup": "3"}, "data: cup differs since"),
        ({"fox": "1", "cup": "2", "koi": "4"}, "data: koi is new since"),
    ],
)
def test_what_changed_is_named(tmp_path: Path, now: dict[str, str], message: str):
    Checkpoints(tmp_path / "c", keep=1, identity=OF).save(state(1))
    with pytest.raises(InputError, match=message):
        Checkpoints(tmp_path / "c", keep=1, identity={"data": now}).load()


@pytest.mark.parametrize("place", [0.05, 0.3, 0.6, 0.9, 0.999])
def test_a_flipped_bit_is_named(tmp_path: Path, place: float):
    store = Checkpoints(tmp_path, keep=2, identity=OF)
    store.save(state(7))
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 2
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"step_000000007.safetensors.*delete it to go on"):
        store.load()
