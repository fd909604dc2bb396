"""The subgraph blueprints: ComfyUI lists them, opens them, and runs what is inside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..comfyui import PACK, ComfyServer
from .page import ComfyPage

NAMES = ["Vivid Edit by Words (SAM3)", "Vivid Track and Edit"]
LISTED_SINCE = (0, 4)  # ComfyUI that offers blueprints of packs
SCENE = {"seed": 1_000_029, "width": 64, "height": 64, "length": 5}
POINT = {"points": [[41.5, 27.5, 1]]}
PROMPTS = {
    "version": 1,
    "size": [64, 64],
    "objects": [{"id": 1, "name": "", "frames": {"0": POINT}}],
}

_OPEN = """async (graph) => {
  await window.app.loadGraphData(graph)
  const [whole] = window.app.graph.nodes
  return {
    title: whole.title,
    widgets: whole.widgets.map((widget) => widget.name),
    inside: whole.subgraph.nodes.map((node) => [
      node.type, node.type in window.LiteGraph.registered_node_types
    ])
  }
}"""
_FILL = """(values) => {
  const { app, LiteGraph } = window
  const [whole] = app.graph.nodes
  const [sample, save] = ['Vivid_SampleClip', 'SaveVideo'].map((kind) => LiteGraph.createNode(kind))
  sample.pos = [-480, 0]
  save.pos = [520, 0]
  app.graph.add(sample)
  app.graph.add(save)
  const number = (node, name) => node.outputs.findIndex((one) => one.name === name)
  sample.connect(number(sample, 'video'), whole, 'video')
  whole.connect(number(whole, 'video'), save, 'video')
  for (const node of [sample, whole, ...whole.subgraph.nodes]) {
    for (const widget of node.widgets ?? []) {
      if (!(widget.name in values)) continue
      widget.value = values[widget.name]
      widget.callback?.(widget.value)
    }
  }
}"""


@pytest.fixture
def listed(comfy: ComfyServer) -> dict[str, Any]:
    """What ComfyUI lists of this pack: name -> its graph."""
    if comfy.version < LISTED_SINCE:
        pytest.skip("this ComfyUI knows no blueprints of packs")
    entries = comfy.get("/global_subgraphs")
    ours = {
        entry["name"]: key
        for key, entry in entries.items()
        if entry["info"]["node_pack"] == f"custom_nodes.{PACK}"
    }
    return {
        name: json.loads(comfy.get(f"/global_subgraphs/{key}")["data"])
        for name, key in ours.items()
    }


def test_comfyui_lists_and_opens_them(page: ComfyPage, listed: dict[str, Any]) -> None:
    assert sorted(listed) == NAMES
    page.start(anew=False)
    for name, graph in listed.items():
        opened = page.tab.evaluate(_OPEN, graph)
        assert opened["title"] == name
        assert all(known for _, known in opened["inside"]), opened["inside"]
        assert {"task", "caption", "seed", "model"} <= set(opened["widgets"])
    assert "text" in page.tab.evaluate(_OPEN, listed[NAMES[0]])["widgets"]
    page.tab.wait_for_timeout(1000)
    page.keep("blueprint_words")
    assert page.errors == []


def test_a_blueprint_runs(page: ComfyPage, listed: dict[str, Any]) -> None:
    page.start(anew=False)
    page.tab.evaluate(_OPEN, listed["Vivid Track and Edit"])
    values = {**SCENE, "prompts": json.dumps(PROMPTS), "task": "delete", "rest": "classical"}
    page.tab.evaluate(_FILL, values)
    page.tab.wait_for_timeout(1000)
    page.keep("blueprint_track")
    assert page.run() == "execution_success"
    page.keep("blueprint_track_run")
    assert page.tab.evaluate("Object.keys(window.app.nodePreviewImages)") == []  # also inside
    outputs = page.tab.evaluate("() => Object.values(window.app.nodeOutputs)")
    assert any("found on 5 of 5" in text for one in outputs for text in one.get("text") or [])
    assert page.errors == []
