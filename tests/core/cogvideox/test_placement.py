"""Precision, offloading and tiling."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from vivid_core.cogvideox.load import load_bundle
from vivid_core.cogvideox.placement import (
    Placement,
    choose_dtype,
    enable_tiling,
    take_turns,
    wants_tiling,
)
from vivid_core.cogvideox.save import save_bundle
from vivid_core.errors import InputError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("wanted", "width", "stored", "device", "expected"),
    [
        ("auto", 3072, torch.bfloat16, CPU, torch.float32),
        ("auto", 3072, torch.bfloat16, GPU, torch.bfloat16),
        ("auto", 3072, torch.float16, GPU, torch.bfloat16),
        ("auto", 1920, torch.float16, GPU, torch.float16),
        ("auto", 32, torch.float16, GPU, torch.float32),
        (torch.float16, 1920, torch.float16, GPU, torch.float16),
        (torch.float32, 3072, torch.bfloat16, GPU, torch.float32),
    ],
)
def test_precision(wanted, width: int, stored, device, expected):
    assert choose_dtype(wanted, width=width, stored=stored, device=device) == expected


def test_fp16_on_5b_is_refused():
    with pytest.raises(InputError, match="precision: fp16 overflows in CogVideoX 5B.*bf16"):
        choose_dtype(torch.float16, width=3072, stored=torch.bfloat16, device=GPU)


def test_bf16_on_the_cpu_is_warned_about(tmp_path: Path, bundle, caplog):
    save_bundle(bundle(), tmp_path / "model")
    with caplog.at_level(logging.WARNING):
        loaded = load_bundle(tmp_path / "model", dtype=torch.bfloat16)
    assert "slower than fp32 on the CPU" in caplog.text
    for module in (loaded.transformer, loaded.vae, loaded.text_encoder):
        assert {p.dtype for p in module.parameters()} == {torch.bfloat16}


def test_t5_keeps_its_widest_layer_in_fp32_under_fp16(tmp_path: Path, bundle):
    save_bundle(bundle(), tmp_path / "model")
    loaded = load_bundle(tmp_path / "model", dtype=torch.float16)
    wide = {n for n, p in loaded.text_encoder.named_parameters() if p.dtype == torch.float32}
    assert wide
    assert all(".wo." in name for name in wide)
    ids = loaded.tokenizer("a red circle", return_tensors="pt").input_ids
    assert loaded.text_encoder(ids)[0].isfinite().all()


@pytest.mark.parametrize("offload", ["model", "group"])
def test_offloading_does_nothing_on_the_cpu(tmp_path: Path, bundle, same, forward, offload):
    saved = bundle()
    save_bundle(saved, tmp_path / "model")
    loaded = load_bundle(tmp_path / "model", offload=offload)
    latents = torch.randn(1, 3, 16, 8, 8)
    assert torch.equal(forward(loaded.transformer, latents), forward(saved.transformer, latents))


class Part(torch.nn.Linear):
    """Notes where it is sent; there may be no other device here to go to."""

    def __init__(self):
        super().__init__(2, 2)
        self.place = "cpu"

    def to(self, *args, **kwargs):
        self.place = str(args[0])
        return self


def test_parts_take_turns_on_a_device():
    device = torch.device("cpu", 0)
    parts = [take_turns(Part(), device) for _ in range(3)]
    for index in (0, 1, 1, 2, 0):
        assert parts[index](torch.ones(1, 2)).shape == (1, 2)
        assert [part.place == "cpu:0" for part in parts] == [i == index for i in range(3)]


@pytest.mark.parametrize("size", [(64, 64), (96, 144), (104, 72)])
@pytest.mark.parametrize("blocks", [3, 4])
def test_tiles_fit_together(vae, size: tuple[int, int], blocks: int):
    module = vae(blocks=blocks)
    space = 2 ** (blocks - 1)
    enable_tiling(module)
    pixels = torch.rand(1, 3, 1, *size)
    latents = module.encode(pixels).latent_dist.mode()
    assert tuple(latents.shape[3:]) == (size[0] // space, size[1] // space)
    assert module.decode(latents).sample.shape == pixels.shape


def test_tiling_is_as_asked_and_off_on_the_cpu():
    assert wants_tiling(Placement(tiling=True))
    assert not wants_tiling(Placement(tiling=False))
    assert not wants_tiling(Placement(tiling="auto"))
