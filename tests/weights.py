"""Loaders that name real weights, as workflows hold them: for bundled workflows and their tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETS: list[dict[str, Any]] = json.loads(
    (ROOT / "web" / "weights.json").read_text(encoding="utf-8")
)["sets"]
REST = {  # widgets that a set says nothing of
    "Vivid_LoadModel": {"precision": "auto", "offload": "auto", "tiling": "auto"},
    "Vivid_LoadTracker": {},
}


def offered_models(weights: dict[str, Any]) -> list[dict[str, str]]:
    """A node's `properties.models`, from which ComfyUI offers what is missing.

    ComfyUI compares names with the text that a drop-down holds, which has the folder in front.
    """
    return [
        {
            "name": f"{file['directory']}/{file['name']}",
            "url": file["url"],
            "directory": file["directory"],
        }
        for file in weights["files"]
    ]


def loader(name: str, **changes: Any) -> dict[str, Any]:
    """The node, as a saved workflow holds it, that loads one of the sets of web/weights.json."""
    (weights,) = [one for one in SETS if one["id"] == name]
    kind = weights["node"]
    node = {
        "id": 1,
        "type": kind,
        "title": f"For your own footage: {weights['title']}",
        "pos": [100, 100],
        "size": [420, 320],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {"Node name for S&R": kind, "models": offered_models(weights)},
        "widgets_values": list((weights["widgets"] | REST[kind]).values()),
    }
    return node | changes
