"""An editor on its node, as an artist uses it: what the points and the path editor share."""

from __future__ import annotations

from typing import Any, Literal

from playwright.sync_api import Locator

from .page import ComfyPage

Place = tuple[float, float]

# NODES: the nodes with the editor; NAME: the widget whose text it writes.
_NODES = "window.app.graph.nodes.filter((node) => node.type === 'KIND')"
_WIDGET = "([index, name]) => NODES[index].widgets.find((one) => one.name === name)"
_VALUES = "() => NODES.map((node) => node.widgets.find((w) => w.name === 'NAME').value)"
_SAVED = """() => {
  const saved = JSON.parse(JSON.stringify(window.app.graph.serialize()))
  return saved.nodes.find((node) => node.type === 'KIND').widgets_values
}"""
_TICKS = """() => NODES.map((node) => node.widgets
  .find((widget) => widget.name === 'NAME_editor').element
  .querySelectorAll('.ve-ticks span').length)"""
_RELOAD = """async () => {
  const saved = JSON.parse(JSON.stringify(window.app.graph.serialize()))
  await window.app.loadGraphData(saved)
}"""
_COPY = """() => {
  const { canvas } = window.app
  canvas.selectNodes([NODES[0]])
  canvas.copyToClipboard()
  canvas.pasteFromClipboard()
}"""
_LINK = """() => {
  const text = window.LiteGraph.createNode('PrimitiveStringMultiline')
  window.app.graph.add(text)
  text.connect(0, NODES[0], 'NAME')
}"""


class EditorPage:
    """A page whose first node of class `kind` has the editor of the widget `name`.

    Places are in units of which the clip's picture has `side` in both directions.
    """

    kind: str
    name: str
    style: str  # CSS class of the editor
    room = 1.0  # how much larger the stage is than the picture at least

    def __init__(self, page: ComfyPage, side: float) -> None:
        self.page, self.tab, self.side = page, page.tab, side

    def script(self, text: str, *values: Any) -> Any:
        """What a script gives that may name NODES, KIND and NAME."""
        text = text.replace("NODES", _NODES).replace("KIND", self.kind)
        return self.tab.evaluate(text.replace("NAME", self.name), *values)

    @property
    def editor(self) -> Locator:
        return self.tab.locator(self.style).first

    @property
    def stage(self) -> Locator:
        return self.editor.locator(".ve-stage")

    @property
    def counter(self) -> str:
        return self.editor.locator(".ve-frame").inner_text()

    @property
    def message(self) -> Locator:
        return self.editor.locator(".ve-message")

    # --- the value ---

    def values(self) -> list[str]:
        """The text of every such node."""
        return self.script(_VALUES)

    def saved_values(self) -> list[Any]:
        """The widget values that a saved workflow holds."""
        return self.script(_SAVED)

    def ticks(self) -> list[int]:
        """On how many frames each editor has marks."""
        return self.script(_TICKS)

    def hidden(self, name: str) -> bool:
        """Whether a widget of the node is hidden for both renderers."""
        widget = f"({_WIDGET})([0, '{name}'])"
        return self.script(f"() => {widget}.hidden && {widget}.options.hidden")

    # --- hands ---

    def where(self, place: Place) -> Place:
        """The place on the screen of a place in the clip."""
        box = self.stage.bounding_box()
        assert box is not None
        scale = min(box["width"], box["height"]) / self.side / self.room
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
        self.settle()

    def click_right(self, place: Place) -> None:
        self.tab.mouse.click(*self.where(place), button="right")
        self.settle()

    def drag(self, start: Place, end: Place) -> None:
        self.tab.mouse.move(*self.where(start))
        self.tab.mouse.down()
        self.tab.mouse.move(*self.where(end), steps=8)
        self.tab.mouse.up()
        self.settle()

    def press(self, name: str) -> None:
        self.editor.get_by_role("button", name=name, exact=True).click()
        self.settle()

    def key(self, name: str) -> None:
        self.tab.keyboard.press(name)
        self.settle()

    def scrub(self, frame: int) -> None:
        self.editor.locator(".ve-track input").fill(str(frame))
        self.settle()

    # --- the graph ---

    def act(self, what: Literal["reload", "copy", "link"]) -> None:
        self.script({"reload": _RELOAD, "copy": _COPY, "link": _LINK}[what])
        self.tab.wait_for_timeout(1500)

    def settle(self) -> None:
        self.tab.wait_for_timeout(250)
