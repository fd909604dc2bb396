"""Adapters and LoRAs on the command line, changed as people change them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from vivid_core.cli import main
from vivid_core.media import write_clip
from vivid_core.tiny.load import ADAPTER_FILE, TINY_WEIGHTS

from ...folders import write_folder

SHIPPED = TINY_WEIGHTS / ADAPTER_FILE
PREFIX = "transformer."


def metadata() -> dict[str, str]:
    with safe_open(SHIPPED, "pt") as file:
        return file.metadata()


def with_alphas(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    a = [key for key in tensors if key.endswith(".lora_A.weight")]
    return tensors | {key.replace(".lora_A.weight", ".alpha"): torch.tensor(4.0) for key in a}


def halved(tensors: dict[str, Tensor], pairs: int | None = None) -> dict[str, Tensor]:
    """Every pair, or the first ones, cut to half its rank."""
    modules = sorted({key.rsplit(".lora_", 1)[0] for key in tensors if ".lora_A" in key})
    cut = dict(tensors)
    for module in modules[:pairs]:
        a, b = f"{module}.lora_A.weight", f"{module}.lora_B.weight"
        rank = tensors[a].shape[0] // 2
        cut |= {a: tensors[a][:rank].contiguous(), b: tensors[b][:, :rank].contiguous()}
    return cut


def alone(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in tensors.items() if "vivid" not in key}


def in_kohyas_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    spelled = {}
    for key, value in alone(tensors).items():
        module, part = key.removeprefix(PREFIX).rsplit(".lora_", 1)
        half = "down" if part[0] == "A" else "up"
        spelled[f"lora_unet__{module.replace('.', '_')}.lora_{half}.weight"] = value
    return spelled


def plan(tmp_path: Path, file: Path) -> int:
    clip = tmp_path / "clip.mkv"
    write_clip(clip, torch.rand(5, 32, 32, 3), fps=Fraction(8))
    return main(["plan", "--video", str(clip), "--adapter", str(file)])


@pytest.mark.parametrize(
    "change",
    [with_alphas, halved, lambda t: halved(t, 1), alone, in_kohyas_names],
    ids=["alphas", "half rank", "one of half rank", "alone", "kohya"],
)
@pytest.mark.parametrize("told", [True, False])
def test_variants_of_the_shipped_adapter_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change, told: bool
):
    tensors = change(load_file(SHIPPED))
    embedder = any("vivid" in key for key in tensors)
    save_file(tensors, tmp_path / "x.safetensors", metadata() if told or embedder else {})
    assert plan(tmp_path, tmp_path / "x.safetensors") == 0, capsys.readouterr().err


@pytest.mark.parametrize("broken", ["missing", "NaN"])
def test_broken_ones_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
):
    tensors = load_file(SHIPPED)
    name = next(key for key in tensors if ".lora_B" in key)
    if broken == "missing":
        del tensors[name]
    else:
        tensors[name] = torch.full_like(tensors[name], torch.nan)
    save_file(tensors, tmp_path / "x.safetensors", metadata())
    assert plan(tmp_path, tmp_path / "x.safetensors") == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1 and "x.safetensors" in error


def test_no_training_goes_on_from_a_plain_lora(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_file(alone(load_file(SHIPPED)), tmp_path / "x.safetensors", {})
    config = {
        "data": str(tmp_path / "data"),
        "out": str(tmp_path / "out"),
        "start_from": str(tmp_path / "x.safetensors"),
    }
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    write_folder(tmp_path / "data", clips=1, frames=1)
    assert main(["train", str(tmp_path / "c.yaml")]) == 2
    assert "start_from: x is a LoRA without a patch embedder" in capsys.readouterr().err
