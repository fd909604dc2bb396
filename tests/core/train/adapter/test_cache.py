"""What is kept on disk changes no bit of a training, and what is damaged is made again."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
import torch

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.runtime import Runtime
from vivid_core.train.adapter import task
from vivid_core.train.adapter.cache import TensorCache
from vivid_core.train.adapter.run import LOG, train_adapter

from .conftest import Configure

STEPS = {"optimization": {"steps": 4}, "saving": {"log_every": 1}}


def losses(folder: Path) -> list[dict]:
    records = map(json.loads, (folder / LOG).read_text().splitlines())
    passing = ("seconds", "wait")
    return [{k: v for k, v in record.items() if k not in passing} for record in records]


def test_a_cached_training_gives_the_same_bits(
    tiny: CogVideoX,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    plain = configure("plain", **STEPS)
    train_adapter(tiny, plain, Runtime())
    cached = configure("cached", latent_cache=True, **STEPS)
    train_adapter(tiny, cached, Runtime())
    assert losses(cached.out) == losses(plain.out)
    files = {
        kind: sorted((cached.out / "cache" / kind).iterdir()) for kind in ("latents", "captions")
    }
    assert files["latents"] and files["captions"]
    assert all(path.suffix == ".safetensors" for kind in files.values() for path in kind)

    for kind in files.values():  # a cut file, and one whose neighbour has its name
        kind[0].write_bytes(kind[0].read_bytes()[:50])
    files["latents"][1].write_bytes(files["latents"][2].read_bytes())
    calls = []
    monkeypatch.setattr(task, "encode", lambda *a: calls.append(a) or real(*a))
    for name in ("checkpoints", LOG):
        (cached.out / name).rename(cached.out / f"old_{name}")
    with caplog.at_level(logging.WARNING):
        train_adapter(tiny, cached, Runtime())
    assert losses(cached.out) == losses(plain.out)
    assert len(calls) == 2
    assert sum("made again" in record.message for record in caplog.records) == 3


real = task.encode


@pytest.mark.parametrize("value", [torch.tensor([1.0, float("nan")]), torch.ones(3)])
def test_broken_values_are_not_taken(tmp_path: Path, value: torch.Tensor):
    cache, good = TensorCache(tmp_path), torch.ones(2)
    cache.get("latents", "d", (2,), lambda: value)
    assert cache.get("latents", "d", (2,), lambda: good).equal(good)
    assert cache.get("latents", "d", (2,), lambda: value).equal(good)


def test_a_training_makes_room_and_gives_the_same_bits(
    tiny: CogVideoX, configure: Configure, caplog: pytest.LogCaptureFixture
):
    """What another training left goes; what this one uses does not."""
    plain = configure("plain", **STEPS)
    train_adapter(tiny, plain, Runtime())
    config = configure("full", latent_cache=True, latent_cache_gb=2e-4, **STEPS)
    left = [config.out / "cache" / "latents" / f"{i}.safetensors" for i in range(4)]
    left[0].parent.mkdir(parents=True)
    for path in left:
        path.write_bytes(bytes(100_000))
        os.utime(path, (1.0, 1.0))
    train_adapter(tiny, config, Runtime())
    assert losses(config.out) == losses(plain.out)
    assert len([path for path in left if path.is_file()]) <= 1
    assert [*(config.out / "cache" / "captions").iterdir()]
    assert sum("reached its limit" in record.message for record in caplog.records) == 1


def test_without_a_folder_nothing_is_kept(tmp_path: Path):
    made = [TensorCache(None).get("latents", "d", (1,), lambda: torch.zeros(1)) for _ in range(2)]
    assert made[0] is not made[1] and not list(tmp_path.iterdir())


def test_a_flipped_bit_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    cache, good = TensorCache(tmp_path), torch.arange(16.0)
    cache.get("latents", "d", (16,), lambda: good)
    path = tmp_path / "latents" / "d.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert cache.get("latents", "d", (16,), lambda: good).equal(good)
    assert "was changed after it was written: made again" in caplog.text
