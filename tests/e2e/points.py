"""The points editor on its node, as an artist uses it."""

from __future__ import annotations

import json
from typing import Any

from .editor import EditorPage
from .page import Renderer

Mark = tuple[float, float, int]  # x, y in pixels of the clip; 1 on the object, 0 off it

_BUILD = """async ([seed, side, length]) => {
  const { app, LiteGraph } = window
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
_COLORS = """(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const found = new Set(new Uint32Array(data.buffer))
  return found.size
}"""
MOST_COLORS_OF_A_CHECKER = 200  # with its prompts and their soft edges


class PointsPage(EditorPage):
    """A page with a clip of `side` x `side` pixels and a node that tracks things in it."""

    kind, name, style = "Vivid_TrackObject", "prompts", ".ve-points"

    def build(self, renderer: Renderer, *, seed: int, length: int) -> None:
        self.page.start(renderer, anew=False)
        self.tab.evaluate(_BUILD, [seed, self.side, length])
        self.editor.wait_for()
        self.tab.wait_for_timeout(1000)

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

    def frame(self, number: int, identity: int = 1) -> dict[str, Any]:
        """What the first node's text says about one object on one frame; {} if nothing."""
        text = self.values()[0]
        data = json.loads(text) if text else {"objects": []}
        found = [item for item in data["objects"] if item["id"] == identity]
        return found[0]["frames"].get(str(number), {}) if found else {}

    def points(self, number: int, identity: int = 1) -> list[Mark]:
        return [(x, y, label) for x, y, label in self.frame(number, identity).get("points", [])]

    def show_mask(self, shown: bool) -> None:
        self.editor.get_by_label("show mask").set_checked(shown)
        self.settle()
        self.wait_for_pictures()
