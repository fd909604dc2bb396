"""What the page says of weights: the panel on loaders, and ComfyUI's own list of missing files."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from ..weights import loader
from .page import ComfyPage, Renderer

PANEL, HEAD = ".vivid-weights", ".vw-head"
BYPASSED = 4  # a node's mode
OVERLAY_SINCE = (0, 10)  # ComfyUI whose page lists missing models among a workflow's errors
_ADD = """(kind) => {
  const node = window.LiteGraph.createNode(kind)
  window.app.graph.clear()
  window.app.graph.add(node)
  node.pos = [120, 120]
  window.app.canvas.ds.reset()
}"""
_CHOOSE = """([name, value]) => {
  const [node] = window.app.graph.nodes
  const widget = node.widgets.find((one) => one.name === name)
  widget.value = value
  widget.callback(value)
}"""
_SIZES = "() => window.app.graph.nodes.map((node) => [...node.size])"
_SAVED = "() => window.app.graph.serialize().nodes[0].widgets_values"
_LOAD = """(node) => window.app.loadGraphData({
  last_node_id: node.id, last_link_id: 0, links: [], groups: [], version: 0.4, nodes: [node]
})"""


def panel_of(page: ComfyPage, renderer: Renderer, kind: str) -> Locator:
    page.start(renderer)
    page.tab.evaluate(_ADD, kind)
    page.tab.wait_for_timeout(1500)
    return page.tab.locator(PANEL)


@pytest.mark.parametrize(
    ("kind", "widget", "line"),
    [
        ("Vivid_LoadModel", "model", "hf download Comfy-Org/void-model"),
        ("Vivid_LoadTracker", "weights", "hf download facebook/sam2.1-hiera-base-plus"),
        ("Vivid_LoadEngine", "weights", "hf download florence-community/Florence-2-base"),
    ],
)
def test_loaders_say_what_to_get(
    page: ComfyPage, renderer: Renderer, kind: str, widget: str, line: str
) -> None:
    panel = panel_of(page, renderer, kind)
    page.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    head = panel.locator(HEAD)
    assert head.is_visible() and not panel.locator(".vw-body").is_visible()
    (folded,) = page.tab.evaluate(_SIZES)
    saved = page.tab.evaluate(_SAVED)
    page.keep(f"weights_{kind}_{renderer}_folded")
    head.click()
    panel.get_by_text(line).first.wait_for()
    page.tab.wait_for_timeout(500)
    (opened,) = page.tab.evaluate(_SIZES)
    assert opened[1] > folded[1] + 100
    page.keep(f"weights_{kind}_{renderer}_open")
    panel.get_by_role("button", name="Copy").first.click()
    copied = page.tab.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith(line)
    assert page.tab.evaluate(_SAVED) == saved
    head.click()
    page.tab.wait_for_timeout(500)
    (again,) = page.tab.evaluate(_SIZES)
    assert again[1] == pytest.approx(folded[1], abs=2)
    page.tab.evaluate(_CHOOSE, [widget, "other.safetensors"])
    page.tab.wait_for_timeout(500)
    assert not panel.is_visible()
    assert page.errors == []


@pytest.fixture
def listing(page: ComfyPage) -> ComfyPage:
    """A page that lists missing models among the errors of a workflow."""
    if page.comfy.version < OVERLAY_SINCE:
        pytest.skip("this ComfyUI lists missing models in another way")
    page.start()
    return page


def offered(page: ComfyPage) -> Locator:
    """The download buttons that ComfyUI shows in its list of errors."""
    page.tab.get_by_role("button", name="View details").click()
    buttons = page.tab.get_by_test_id("missing-model-download")
    buttons.first.wait_for()
    return buttons


@pytest.mark.parametrize("name", ["void", "sam2.1_base_plus"])
def test_missing_files_are_offered_for_download(listing: ComfyPage, name: str) -> None:
    node = loader(name)
    listing.tab.evaluate(_LOAD, node)
    buttons = offered(listing)
    models = node["properties"]["models"]
    assert buttons.count() == len(models)
    for model in models:
        assert listing.tab.get_by_role("button", name=model["name"], exact=True).is_visible()
    listing.keep(f"missing_{name}")


def test_a_bypassed_loader_asks_for_nothing_until_it_is_wanted(listing: ComfyPage) -> None:
    """Bundled workflows keep vivid-tiny, and carry such a node for the day of real footage."""
    listing.tab.evaluate(_LOAD, loader("void", mode=BYPASSED))
    listing.tab.wait_for_timeout(3000)
    assert listing.tab.get_by_role("button", name="View details").count() == 0
    listing.tab.evaluate("() => { window.app.graph.nodes[0].mode = 0 }")
    assert offered(listing).count() == 3
