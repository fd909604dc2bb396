"""The page in another language: names and help of the nodes are in it too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .page import ComfyPage, Renderer

KIND, MEASURED = "Vivid_EditVideo", "Vivid_EstimateCost"
_ADD = """async ([kind, x]) => {
  const node = window.LiteGraph.createNode(kind)
  if (x < 200) window.app.graph.clear()
  window.app.graph.add(node)
  node.pos = [x, 120]
  window.app.canvas.ds.reset()
  await new Promise((drawn) => setTimeout(drawn, 500))  // older pages know its place only then
  window.app.canvas.selectNode(node)
}"""
_NODE = """() => {
  const node = window.app.graph.nodes[0]
  const label = (one) => one.label ?? one.localized_name ?? one.name
  return {
    title: node.title,
    inputs: Object.fromEntries(node.inputs.map((one) => [one.name, label(one)])),
    widgets: Object.fromEntries(node.widgets.map((one) => [one.name, label(one)])),
    outputs: node.outputs.map(label)
  }
}"""


@pytest.fixture(params=["zh", "fr"])
def language(request: pytest.FixtureRequest, page: ComfyPage) -> Iterator[str]:
    page.comfy.post_settings({"Comfy.Locale": request.param})
    yield request.param
    page.comfy.post_settings({"Comfy.Locale": "en"})
    page.opened = None  # it still speaks the language


def test_nodes_speak_the_language(
    page: ComfyPage, renderer: Renderer, repository: Path, language: str
) -> None:
    path = repository / "locales" / language / "nodeDefs.json"
    words = json.loads(path.read_text(encoding="utf-8"))[KIND]
    page.start(renderer)
    page.tab.evaluate(_ADD, [MEASURED, 640])
    page.tab.evaluate(_ADD, [KIND, 120])
    page.tab.evaluate(_ADD, [MEASURED, 640])
    page.tab.wait_for_timeout(1500)
    node = page.tab.evaluate(_NODE)
    assert node["title"] == words["display_name"]
    shown = node["inputs"] | node["widgets"]
    for name, texts in words["inputs"].items():
        assert shown[name] == texts["name"]
    assert node["outputs"] == [texts["name"] for texts in words["outputs"].values()]
    page.keep(f"locale_{language}_{renderer}")
    assert page.errors == []


def test_help_is_that_of_the_language(page: ComfyPage, repository: Path, language: str) -> None:
    page.start()
    page.tab.evaluate(_ADD, [KIND, 120])
    with page.tab.expect_response(lambda answer: f"docs/{KIND}/{language}.md" in answer.url) as got:
        page.tab.get_by_test_id("info-button").click()
    assert got.value.ok
    title, _, intro = (
        (repository / "web" / "docs" / KIND / f"{language}.md")
        .read_text(encoding="utf-8")
        .split("\n")[:3]
    )
    page.tab.get_by_text(intro).first.wait_for()
    page.tab.get_by_role("heading", name=title.removeprefix("# ")).first.wait_for()
    page.keep(f"help_{language}")
