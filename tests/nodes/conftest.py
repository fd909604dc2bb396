"""A running ComfyUI, and small graphs for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..comfyui import ComfyServer, Graph, comfy

__all__ = ["comfy"]

STEPS = 2  # enough to go through every part of an edit


@pytest.fixture(scope="session")
def vivid_nodes(comfy: ComfyServer) -> dict[str, dict[str, Any]]:
    """What ComfyUI knows of this pack's nodes, by id."""
    known = comfy.get("/object_info")
    return {name: info for name, info in known.items() if name.startswith("Vivid_")}


@pytest.fixture
def edit_graph(repository: Path) -> Graph:
    """The bundled removal workflow in API format, cut down to a few steps."""
    path = repository / "workflows" / "api" / "vivid_remove_object.json"
    graph = json.loads(path.read_text(encoding="utf-8"))
    set_inputs(graph, "Vivid_EditVideo", steps=STEPS)
    return graph


def find(graph: Graph, kind: str) -> str:
    """The id of the one node of a class."""
    (node,) = [name for name, node in graph.items() if node["class_type"] == kind]
    return node


def set_inputs(graph: Graph, kind: str, **inputs: Any) -> None:
    graph[find(graph, kind)]["inputs"].update(inputs)
