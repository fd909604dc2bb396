"""What bundled workflows let ComfyUI offer for download, and the recipe for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ..weights import ROOT, SETS, loader, offered_models

WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
FILES = [one for one in SETS if "files" in one]
KNOWN = {model["name"]: model for one in FILES for model in offered_models(one)}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_offer_what_their_loaders_name(path: Path) -> None:
    """A file that a loader names but its workflow does not offer leaves people searching."""
    for node in json.loads(path.read_text(encoding="utf-8"))["nodes"]:
        values = [v for v in node.get("widgets_values") or [] if isinstance(v, str)]
        if node["type"] in ("Vivid_LoadModel", "Vivid_LoadTracker"):
            offered = node["properties"].get("models", [])
            assert offered == [KNOWN[value] for value in values if value in KNOWN]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_loaders_of_comfyui_offer_the_file_that_they_name(path: Path) -> None:
    for node in json.loads(path.read_text(encoding="utf-8"))["nodes"]:
        if node["type"] not in ("UNETLoader", "CLIPLoader", "VAELoader"):
            continue
        (offered,) = node["properties"]["models"]
        assert set(offered) == {"name", "url", "directory"}
        assert offered["name"] == node["widgets_values"][0] == offered["url"].rsplit("/", 1)[1]
        assert offered["url"].startswith("https://huggingface.co/") and "?" not in offered["url"]
        assert offered["directory"] in ("diffusion_models", "text_encoders", "vae")


@pytest.mark.parametrize("weights", FILES, ids=lambda one: one["id"])
def test_only_what_comfyui_would_fetch_is_offered(weights: dict[str, Any]) -> None:
    """Its page fetches these kinds of files from this host, and shows other entries without."""
    node = loader(weights["id"])
    for model in node["properties"]["models"]:
        assert model["url"].startswith("https://huggingface.co/")
        assert model["name"].endswith((".safetensors", ".sft", ".ckpt", ".pth", ".pt"))
        assert model["name"] in node["widgets_values"]


def test_the_documented_node_is_that_of_the_recipe() -> None:
    page = (ROOT / "docs" / "comfyui.md").read_text(encoding="utf-8")
    shown = json.loads(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])
    node = loader("void", mode=4)
    assert shown == {key: node[key] for key in shown}
    assert {"type", "mode", "title", "properties", "widgets_values"} == set(shown)
