"""Adapters and LoRAs on the command line, changed as people change them."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from vivid_core.cli import main
from vivid_core.cogvideox.adapter import load_adapter
from vivid_core.cogvideox.adapters import AdapterFile, require_combinable
from vivid_core.errors import AdapterError
from vivid_core.media import write_clip
from vivid_core.tiny.load import ADAPTER_FILE, TINY_WEIGHTS, load_model

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


def plan(tmp_path: Path, *files: Path | str) -> int:
    clip = tmp_path / "clip.mkv"
    write_clip(clip, torch.rand(5, 32, 32, 3), fps=Fraction(8))
    named = [part for file in files for part in ("--adapter", str(file))]
    return main(["plan", "--video", str(clip), *named])


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


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    """The LoRA part of the shipped adapter."""
    save_file(alone(load_file(SHIPPED)), tmp_path / "style@2.safetensors", metadata())
    return tmp_path / "style@2.safetensors"


def test_several_add_up_each_at_its_strength(tmp_path: Path, lora: Path):
    """Whole and minus a half of the same change are a half of it."""
    out = [tmp_path / name for name in ("two.safetensors", "half.safetensors")]
    asked = [
        ["--adapter", str(SHIPPED), "--adapter", f"{lora}@-0.5"],
        ["--adapter", f"{SHIPPED}@0.5"],
    ]
    for file, adapters in zip(out, asked, strict=True):
        assert main(["merge", *adapters, "--out", str(file)]) == 0
    two, half = map(load_file, out)
    assert two.keys() == half.keys()
    for key in half:
        torch.testing.assert_close(two[key], half[key], rtol=0, atol=1e-5)
    assert plan(tmp_path, SHIPPED, lora, f"{lora}@0.3") == 0


def test_what_is_applied_is_what_is_merged(lora: Path):
    chosen = [AdapterFile(path=SHIPPED), AdapterFile(path=lora, strength=-0.5)]
    one = load_model(adapters=chosen).transformer.transformer_blocks[0].attn1.to_q
    half = load_model(adapters=[AdapterFile(path=SHIPPED, strength=0.5)])
    rows = torch.randn(2, one.in_features, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one(rows), half.transformer.transformer_blocks[0].attn1.to_q(rows))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((SHIPPED, SHIPPED), "both bring a patch embedder, of which a model has one: leave out"),
        ((f"{SHIPPED}@strong",), "--adapter: need FILE or FILE@STRENGTH such as"),
        ((f"{SHIPPED}@nan",), "--adapter: need FILE or FILE@STRENGTH such as"),
        (("@0.8",), "--adapter: need FILE or FILE@STRENGTH such as"),
    ],
)
def test_what_does_not_go_together_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: tuple, message: str
):
    assert plan(tmp_path, *files) == 2
    assert message in capsys.readouterr().err


def test_a_lora_that_would_be_lost_is_named():
    shipped = load_adapter(SHIPPED)
    pair = {f"patch_embed.proj.lora_{part}.weight": torch.ones(1, 1) for part in "AB"}
    under = replace(shipped, name="under", lora=pair, patch_embedder={}, facts=None)
    require_combinable([shipped, under])
    with pytest.raises(AdapterError, match="under changes the patch embedder, which vivid-tiny"):
        require_combinable([under, shipped])
