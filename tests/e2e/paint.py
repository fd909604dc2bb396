"""The mask painter on its node, as an artist uses it."""

from __future__ import annotations

import json
from typing import Any

from .path import PathPage

_TRACK = """(scene) => {
  const { app, LiteGraph } = window
  const sample = LiteGraph.createNode('Vivid_SampleClip')
  sample.pos = [-480, 160]
  app.graph.add(sample)
  const values = { ...scene, control_after_generate: 'fixed' }
  for (const { name } of sample.widgets) {
    if (name in values) sample.widgets.find((one) => one.name === name).value = values[name]
  }
  const number = (name) => sample.outputs.findIndex((output) => output.name === name)
  sample.connect(number('video'), NODES[0], 'video')
  sample.connect(number('mask'), NODES[0], 'track')
}"""


class PaintPage(PathPage):
    """A page with a node that paints masks. Places are shares of the frame."""

    name, style = "paint", ".ve-paint"
    room = 1.0

    def choose_brush(self) -> None:
        """The shape that is painted: its tab comes to the front."""
        self.page.set_widget(self.kind, "shape", "brush")
        self.editor.wait_for()
        self.settle()

    def connect_track(self, scene: dict[str, Any]) -> None:
        """A sample clip and its mask, to retouch."""
        self.script(_TRACK, scene)
        self.editor.wait_for()
        self.tab.wait_for_timeout(1500)

    def tick_count(self) -> int:
        return self.editor.locator(".ve-ticks span").count()

    def strokes(self, frame: int) -> list[dict[str, Any]]:
        """What the first node's text says of a frame."""
        text = self.values()[0]
        return json.loads(text)["frames"].get(str(frame), []) if text else []

    def color(self, place: tuple[float, float]) -> list[int]:
        """What the picture shows there: red, green, blue."""
        x, y = self.where(place)
        box = self.stage.bounding_box()
        assert box is not None
        shares = [(x - box["x"]) / box["width"], (y - box["y"]) / box["height"]]
        return self.stage.locator("canvas").evaluate(
            """(canvas, [u, v]) => [...canvas.getContext('2d').getImageData(
              Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1).data]""",
            shares,
        )[:3]
