"""The points editor on its node, as an artist uses it."""

from __future__ import annotations

import json
from typing import Any, Literal

from playwright.sync_api import Locator

from .page import ComfyPage, Renderer

Place = tuple[float, float]
Mark = tuple[float, float, int]  # x, y in pixels of the clip; 1 on the object, 0 off it

_BUILD = """async ([seed, side, length]) => {
  const { app, LiteGraph } = window
  app.graph.clear()
  const clip = LiteGraph.createNode('Vivid_SampleClip')
  const track = LiteGraph.createNode('Vivid_TrackObject')
  clip.pos = [120, 160]
  track.pos = [560, 160]
  for (const node of [clip, track]) app.graph.add(node)
  track.setSize([620, 760])
  const values = {
    seed, width: side, height: side, length, control_after_generate: 'fixed'
  }
  for (const widget of clip.widgets) {
    if (widget.name in values) widget.value = values[widget.name]
  }
  clip.connect(0, track, 'video')
  Object.assign(app.canvas.ds, { scale: 1 })
  app.canvas.ds.offset[0] = 0
  app.canvas.ds.offset[1] = 0
  app.canvas.setDirty(true, true)
}"""
_TRACKS = "window.app.graph.nodes.filter((node) => node.type === 'Vivid_TrackObject')"
_WIDGET = """([index, name]) => TRACKS[index].widgets.find((one) => one.name === name)""".replace(
    "TRACKS", _TRACKS
)
_VALUES = f"() => {_TRACKS}.map((node) => node.widgets.find((w) => w.name === 'prompts').value)"
_SAVED = """() => {
  const saved = JSON.parse(JSON.stringify(window.app.graph.serialize()))
  return saved.nodes.find((node) => node.type === 'Vivid_TrackObject').widgets_values
}"""
_TICKS = f"""() => {_TRACKS}.map((node) => node.widgets
  .find((widget) => widget.name === 'prompts_editor').element
  .querySelectorAll('.ve-ticks span').length)"""
_RELOAD = """async () => {
  const saved = JSON.parse(JSON.stringify(window.app.graph.serialize()))
  await window.app.loadGraphData(saved)
}"""
_COPY = f"""() => {{
  const {{ canvas }} = window.app
  canvas.selectNodes([{_TRACKS}[0]])
  canvas.copyToClipboard()
  canvas.pasteFromClipboard()
}}"""
_LINK = f"""() => {{
  const text = window.LiteGraph.createNode('PrimitiveStringMultiline')
  window.app.graph.add(text)
  text.connect(0, {_TRACKS}[0], 'prompts')
}}"""
_COLORS = """(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const found = new Set(new Uint32Array(data.buffer))
  return found.size
}"""
MOST_COLORS_OF_A_CHECKER = 200  # with its prompts and their soft edges


class PointsPage:
    """A page with a clip of `side` x `side` pixels and a node that tracks things in it."""

    def __init__(self, page: ComfyPage, side: int) -> None:
        self.page, self.tab, self.side = page, page.tab, side

    def build(self, renderer: Renderer, *, seed: int, length: int) -> None:
        self.page.start(renderer)
        self.tab.evaluate(_BUILD, [seed, self.side, length])
        self.editor.wait_for()
        self.tab.wait_for_timeout(1000)

    @property
    def editor(self) -> Locator:
        return self.tab.locator(".ve-points").first

    @property
    def stage(self) -> Locator:
        return self.editor.locator(".ve-stage")

    @property
    def counter(self) -> str:
        return self.editor.locator(".ve-frame").inner_text()

    @property
    def message(self) -> Locator:
        return self.editor.locator(".ve-message")

    def wait_for_pictures(self) -> None:
        """Until a frame of the clip is drawn."""
        canvas = self.stage.locator("canvas").element_handle()
        assert canvas is not None
        self.tab.wait_for_function(
            f"([canvas, most]) => ({_COLORS})(canvas) > most",
            arg=[canvas, MOST_COLORS_OF_A_CHECKER],
        )

    def picture(self) -> str:
        """What the editor shows, to compare."""
        return self.stage.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")

    # --- the value ---

    def values(self) -> list[str]:
        """The text of every such node."""
        return self.tab.evaluate(_VALUES)

    def frame(self, number: int, identity: int = 1) -> dict[str, Any]:
        """What the first node's text says about one object on one frame; {} if nothing."""
        text = self.values()[0]
        data = json.loads(text) if text else {"objects": []}
        found = [item for item in data["objects"] if item["id"] == identity]
        return found[0]["frames"].get(str(number), {}) if found else {}

    def points(self, number: int, identity: int = 1) -> list[Mark]:
        return [(x, y, label) for x, y, label in self.frame(number, identity).get("points", [])]

    def saved_values(self) -> list[Any]:
        """The widget values that a saved workflow holds."""
        return self.tab.evaluate(_SAVED)

    def ticks(self) -> list[int]:
        """On how many frames each editor marks prompts."""
        return self.tab.evaluate(_TICKS)

    def hidden(self, name: str) -> bool:
        """Whether a widget of the node is hidden for both renderers."""
        widget = f"({_WIDGET})([0, '{name}'])"
        return self.tab.evaluate(f"() => {widget}.hidden && {widget}.options.hidden")

    # --- hands ---

    def where(self, place: Place) -> Place:
        """The place on the screen of a place in the clip."""
        box = self.stage.bounding_box()
        assert box is not None
        scale = min(box["width"], box["height"]) / self.side
        left = box["x"] + (box["width"] - self.side * scale) / 2
        top = box["y"] + (box["height"] - self.side * scale) / 2
        return left + place[0] * scale, top + place[1] * scale

    def click(self, place: Place, *, shift: bool = False, double: bool = False) -> None:
        x, y = self.where(place)
        if shift:
            self.tab.keyboard.down("Shift")
        self.tab.mouse.click(x, y, click_count=2 if double else 1)
        if shift:
            self.tab.keyboard.up("Shift")
        self._settle()

    def click_right(self, place: Place) -> None:
        self.tab.mouse.click(*self.where(place), button="right")
        self._settle()

    def drag(self, start: Place, end: Place) -> None:
        self.tab.mouse.move(*self.where(start))
        self.tab.mouse.down()
        self.tab.mouse.move(*self.where(end), steps=8)
        self.tab.mouse.up()
        self._settle()

    def press(self, name: str) -> None:
        self.editor.get_by_role("button", name=name, exact=True).click()
        self._settle()

    def key(self, name: str) -> None:
        self.tab.keyboard.press(name)
        self._settle()

    def scrub(self, frame: int) -> None:
        self.editor.locator("input[type=range]").fill(str(frame))
        self._settle()

    def show_mask(self, shown: bool) -> None:
        self.editor.get_by_label("show mask").set_checked(shown)
        self._settle()
        self.wait_for_pictures()

    # --- the graph ---

    def act(self, what: Literal["reload", "copy", "link"]) -> None:
        self.tab.evaluate({"reload": _RELOAD, "copy": _COPY, "link": _LINK}[what])
        self.tab.wait_for_timeout(1500)

    def _settle(self) -> None:
        self.tab.wait_for_timeout(250)
