"""What is wrong is said on the node concerned, once, with the button that mends it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator

from .page import ComfyPage, Renderer

GONE = "diffusion_models/gone.safetensors"
_BUILD = """() => {
  const { app, LiteGraph } = window
  app.graph.clear()
  Object.assign(app.canvas.ds, { scale: 1 })
  app.canvas.ds.offset[0] = app.canvas.ds.offset[1] = 0
  const add = (kind, x, y) => {
    const node = LiteGraph.createNode(kind)
    node.pos = [x, y]
    app.graph.add(node)
    return node
  }
  const model = add('Vivid_LoadModel', 120, 140)
  const clip = add('Vivid_SampleClip', 120, 520)
  const edit = add('Vivid_EditVideo', 460, 140)
  const track = add('Vivid_TrackObject', 920, 140)
  const tracker = add('Vivid_LoadTracker', 460, 860)
  const shown = add('PreviewImage', 1450, 140)
  model.connect(0, edit, 'model')
  clip.connect(0, edit, 'video')
  clip.connect(1, edit, 'mask')
  clip.connect(0, track, 'video')
  tracker.connect(0, track, 'tracker')
  edit.connect(0, shown, 'images')
  app.canvas.setDirty(true, true)
}"""
_VALUE = """([kind, name]) => window.app.graph.nodes.find((node) => node.type === kind)
  .widgets.find((widget) => widget.name === name).value"""
_REPORT = """(words) => window.app.graph.nodes
  .find(({ type }) => type === 'Vivid_EditVideo').onExecuted({ text: [words] })"""
_STOP = """(words) => {
  const node = window.app.graph.nodes.find(({ type }) => type === 'Vivid_EditVideo')
  window.app.api.dispatchCustomEvent('execution_error', {
    node_id: `${node.id}`, node_type: node.type, exception_message: words,
    exception_type: 'InputError', traceback: [], prompt_id: 'none'
  })
}"""
_DISCONNECT = """(name) => {
  const node = window.app.graph.nodes.find(({ type }) => type === 'Vivid_EditVideo')
  node.disconnectInput(node.inputs.findIndex((input) => input.name === name))
}"""
_NODE = """(kind) => {
  const node = window.app.graph.nodes.find((one) => one.type === kind)
  return { height: node.size[1], widgets: (node.widgets ?? []).map(({ name }) => name) }
}"""


class Graph:
    """A page with a small graph that is set up wrongly."""

    def __init__(self, page: ComfyPage, renderer: Renderer) -> None:
        self.page, self.tab = page, page.tab
        page.start(renderer)
        self.tab.evaluate(_BUILD)
        self.tab.wait_for_timeout(1200)

    def set(self, kind: str, name: str, value: Any) -> None:
        self.page.set_widget(kind, name, value)
        self.tab.wait_for_timeout(300)

    def value(self, kind: str, name: str) -> Any:
        return self.tab.evaluate(_VALUE, [kind, name])

    def node(self, kind: str) -> dict[str, Any]:
        return self.tab.evaluate(_NODE, kind)

    def run(self) -> None:
        """Press Run, and put ComfyUI's own message away."""
        self.tab.get_by_role("button", name="Run", exact=True).first.click()
        self.tab.wait_for_timeout(2500)
        self.tab.keyboard.press("Escape")
        self.tab.wait_for_timeout(500)

    def said(self) -> list[str]:
        """All messages on the page, with the names of inputs as they are marked."""
        rows = self.tab.locator(".vivid-notice:not([hidden]) .vivid-said > span")
        return [row.inner_text() for row in rows.all()]

    def about(self, name: str) -> Locator:
        """The message that marks an input."""
        return self.tab.locator(".vivid-said").filter(has=self.tab.locator(f"b:text-is('{name}')"))


@pytest.fixture
def graph(page: ComfyPage, renderer: Renderer) -> Graph:
    return Graph(page, renderer)


def test_what_is_refused_stands_on_its_node(
    graph: Graph, page: ComfyPage, renderer: Renderer
) -> None:
    before = graph.node("Vivid_LoadModel")
    graph.set("Vivid_LoadModel", "model", GONE)
    graph.run()
    assert len(graph.said()) == 2
    assert "is empty: say what to modify" in graph.about("caption").inner_text()
    assert f"'{GONE}' was not found: put it into models/" in graph.about("model").inner_text()
    assert graph.node("Vivid_LoadModel")["widgets"] == [*before["widgets"], "message"]
    box = graph.about("model").get_by_role("button").bounding_box()
    assert box is not None and box["height"] >= 28
    page.keep(f"messages_{renderer}")

    graph.set("Vivid_LoadModel", "model", "vivid-tiny (bundled)")
    assert graph.node("Vivid_LoadModel") == before
    graph.about("caption").get_by_role("button", name="Write the caption").click()
    page.tab.keyboard.type("a red balloon")
    page.tab.wait_for_timeout(500)
    assert graph.value("Vivid_EditVideo", "caption") == "a red balloon"
    assert graph.said() == []
    assert page.errors == []


def test_files_are_looked_for_again(graph: Graph, page: ComfyPage) -> None:
    graph.set("Vivid_EditVideo", "caption", "a red balloon")
    graph.set("Vivid_LoadModel", "model", GONE)
    graph.run()
    graph.about("model").get_by_role("button", name="Look again (R)").click()
    graph.about("model").get_by_role("button", name="Not there yet: look again (R)").wait_for()
    file = page.comfy.base / "models" / GONE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    try:
        graph.about("model").get_by_role("button").click()
        graph.about("model").wait_for(state="detached")
        assert graph.said() == []
    finally:
        file.unlink()
    assert page.errors == []


def test_what_stops_a_run_stands_on_its_node(
    graph: Graph, page: ComfyPage, renderer: Renderer
) -> None:
    graph.set("Vivid_EditVideo", "caption", "a red balloon")
    graph.set("Vivid_EditVideo", "steps", 1)
    graph.set("Vivid_LoadTracker", "engine", "sam2")
    graph.run()
    graph.about("weights").wait_for()
    [words] = graph.said()
    assert words.startswith("weights sam2 needs some: put a checkpoint into models/sam2")
    page.keep(f"messages_stopped_{renderer}")
    graph.set("Vivid_LoadTracker", "engine", "flow")
    graph.run()
    graph.about("weights").wait_for(state="detached")
    assert page.errors == []


def test_only_inputs_are_marked(graph: Graph, page: ComfyPage) -> None:
    for said, shown, marked in (
        ("device: out of memory", "device: out of memory", []),
        ("mask: is empty on every frame", "mask is empty on every frame", ["mask"]),
    ):
        page.tab.evaluate(_STOP, said)
        page.tab.wait_for_timeout(500)
        assert graph.said() == [shown]
        assert page.tab.locator(".vivid-said b").all_inner_texts() == marked
    page.tab.evaluate(_DISCONNECT, "video")
    assert len(graph.said()) == 1  # another input changed
    page.tab.evaluate(_DISCONNECT, "mask")
    assert graph.said() == []
    assert page.errors == []


def test_a_warning_has_the_setting_that_helps(graph: Graph, page: ComfyPage) -> None:
    remedy = page.tab.get_by_role("button", name="Set focus to native")
    for words, offered in (
        ("focus 'native' costs 18% more", 0),  # no warning
        ("WARNING: the mask is small: set focus to native for more detail", 1),
    ):
        page.tab.evaluate(_REPORT, words)
        page.tab.wait_for_timeout(300)
        assert remedy.count() == offered
    remedy.click()
    assert graph.value("Vivid_EditVideo", "focus") == "native"
    assert not remedy.is_visible()
    assert page.errors == []


def test_prompts_of_another_size_are_scaled(
    graph: Graph, page: ComfyPage, renderer: Renderer
) -> None:
    prompts = (
        '{"version":1,"size":[32,32],"objects":[{"id":1,"name":"","frames":'
        '{"0":{"points":[[16,8,1]],"box":[4,4,28,28]}}}]}'
    )
    graph.set("Vivid_EditVideo", "caption", "a red balloon")
    graph.set("Vivid_EditVideo", "steps", 1)
    graph.set("Vivid_TrackObject", "prompts", prompts)
    graph.run()
    message = page.tab.locator(".vivid-editor .ve-message")
    message.get_by_text("set on frames of 32\u00d732, this clip is 64\u00d764").wait_for()
    page.keep(f"messages_prompts_{renderer}")
    message.get_by_role("button", name="Scale them").click()
    page.tab.wait_for_timeout(500)
    scaled = graph.value("Vivid_TrackObject", "prompts")
    assert '"size":[64,64]' in scaled and "[32,16,1]" in scaled and "[8,8,56,56]" in scaled
    assert graph.said() == []
    assert page.errors == []
