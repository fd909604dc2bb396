"""docs/weights.md beside what it is about: the cost model, the real classes, web/weights.json."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel

from vivid_core.cogvideox.layout import LayoutName, layout_named
from vivid_core.cogvideox.memory import weight_bytes
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.cogvideox.placement import Offload, Placement
from vivid_core.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")
SETS = json.loads((ROOT / "web" / "weights.json").read_text(encoding="utf-8"))["sets"]
GB, GIB = 1e9, 2**30
SIZE = (480, 720)
T5_COPY = 32128 * 4096 * 2  # the embedding, which ComfyUI's file of the text encoder holds twice
WIDE = {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True}
PAIRED = {"patch_size_t": 2, "patch_bias": False}
MODELS: dict[str, tuple[LayoutName, dict[str, Any]]] = {
    "VOID, pass 1": ("void", WIDE | PAIRED | {"in_channels": 48}),
    "CogVideoX-Fun V1.5 5b InP": ("fun_inp", WIDE | PAIRED | {"in_channels": 33}),
    "CogVideoX-Fun V1.1 5b InP": ("fun_inp", WIDE | {"in_channels": 33}),
    "CogVideoX-Fun V1.1 2b InP": ("fun_inp", {"in_channels": 33}),
}
# Parameters that Meta publishes, four bytes each.
SAM2_MILLIONS = {"tiny": 38.9, "small": 46.0, "base_plus": 80.8, "large": 224.4}


@cache
def codec() -> tuple[Any, Any]:
    config = {"d_model": 4096, "d_ff": 10240, "num_layers": 24, "num_heads": 64}
    with torch.device("meta"):
        vae = AutoencoderKLCogVideoX().bfloat16()
        text = T5EncoderModel(T5Config(**config, feed_forward_proj="gated-gelu")).bfloat16()
    return vae, text


@cache
def transformer(name: str) -> Any:
    with torch.device("meta"):
        return CogVideoXTransformer3DModel(**MODELS[name][1]).bfloat16()


def stored_gb(part: Any) -> float:
    """Of a file in bf16 or fp16: parameters alone, as positions are computed."""
    return sum(parameter.numel() for parameter in part.parameters()) * 2 / GB


def bundle(name: str, frames: int, *, offload: Offload = "none") -> CogVideoX:
    vae, text = codec()
    return CogVideoX(
        name=name,
        transformer=transformer(name),
        vae=vae,
        text_encoder=text,
        tokenizer=None,
        schedule={},
        layout=layout_named(MODELS[name][0]),
        train_size=(frames, *SIZE),
        placement=Placement(device=torch.device("cpu"), offload=offload),
    )


def work(name: str, frames: int, *, tiled: bool, offload: Offload = "none") -> Any:
    model = bundle(name, frames, offload=offload)
    vae: Any = model.vae
    (vae.enable_tiling if tiled else vae.disable_tiling)()
    settings = Settings(task="delete", steps=50, guidance=6.0)
    return model.work([(frames, SIZE)], settings)


def row(first: str, *, after: str) -> list[str]:
    """The cells of a table's row, of the first table below a heading."""
    section = PAGE.split(f"## {after}\n", 1)[1]
    (line,) = [one for one in section.splitlines() if one.startswith(f"| {first} |")][:1]
    return [cell.strip(" `") for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("name", list(MODELS))
def test_memory_is_what_the_cost_model_counts(name: str) -> None:
    frames = 53 if name in ("VOID, pass 1", "CogVideoX-Fun V1.5 5b InP") else 49
    parts = [transformer(name), *codec()]
    counted = [
        work(name, frames, tiled=False).memory.needed,
        work(name, frames, tiled=True).memory.needed,
        work(name, frames, tiled=True, offload="group").memory.needed,
        sum(weight_bytes(part) for part in parts),
    ]
    assert row(name, after="Memory") == [name, str(frames), *(f"{n / GIB:.1f}" for n in counted)]


def test_sizes_are_those_of_the_real_classes() -> None:
    vae, text = (stored_gb(part) for part in codec())
    sizes = {f["name"]: f["gb"] for one in SETS for f in one.get("files", ())}
    assert sizes["void_pass1.safetensors"] == round(stored_gb(transformer("VOID, pass 1")), 1)
    assert sizes["cogvideox_vae.safetensors"] == round(vae, 1)
    assert sizes["t5xxl_fp16.safetensors"] == round(text + T5_COPY / GB, 1)
    wholes = {one.get("repository"): one["gb"] for one in SETS if "gb" in one}
    for name in list(MODELS)[1:]:
        repository = "alibaba-pai/" + name.replace(" ", "-")
        assert wholes[repository] == round(stored_gb(transformer(name)) + vae + text, 1)
    for name, millions in SAM2_MILLIONS.items():
        file = f"sam2.1_hiera_{name}.pt"
        size = round(millions * 4 / 1000, 2)
        assert float(row(f"`{file}`", after="Getting them")[3]) == size
        assert sizes.get(file, size) == size


@pytest.mark.parametrize("chosen", SETS, ids=lambda one: one["id"])
def test_the_page_and_the_panel_name_the_same(chosen: dict[str, Any]) -> None:
    for line in chosen["commands"]:
        assert line in PAGE or "sam2" in line
    for file in chosen.get("files", ()):
        _, repository, folder, gb, *_ = row(f"`{file['name']}`", after="Getting them")
        assert file["url"].startswith(f"https://huggingface.co/{repository}/resolve/main/")
        assert file["url"].endswith(f"/{file['name']}")
        assert (folder, float(gb)) == (f"models/{file['directory']}", file["gb"])
    help_page = (ROOT / "web" / "docs" / f"{chosen['node']}.md").read_text(encoding="utf-8")
    names = [file["name"] for file in chosen.get("files", ())] or [chosen["repository"]]
    for name in names:
        assert name in help_page


def test_help_and_page_agree_on_memory() -> None:
    help_page = (ROOT / "web" / "docs" / "Vivid_LoadModel.md").read_text(encoding="utf-8")
    for name, repository in zip(
        MODELS, ("Comfy-Org", "V1.5-5b-InP", "V1.1-5b-InP", "V1.1-2b-InP"), strict=True
    ):
        (line,) = [one for one in help_page.splitlines() if repository in one]
        whole, streamed = re.findall(r"([\d.]+), or ([\d.]+) with offload", line)[0]
        _, _, _, tiled, offload, _ = row(name, after="Memory")
        assert (whole, streamed) == (tiled, offload)


def test_the_2b_is_a_third_of_the_work() -> None:
    small, large = (
        work(f"CogVideoX-Fun V1.1 {size} InP", 49, tiled=False).denoise_pflops
        for size in ("2b", "5b")
    )
    assert small / large == pytest.approx(1 / 3, rel=0.1)
