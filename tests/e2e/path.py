"""The path editor on its node, as an artist uses it."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image

from .editor import EditorPage, Place
from .page import ComfyPage, Renderer

Point = tuple[float, float, float, float]  # x, y as shares of the frame; scale; degrees
NOTCH = 100  # of the wheel, in its own units

_BUILD = """([side, length, shape]) => {
  const { app, LiteGraph } = window
  const kinds = ['Vivid_AnimateMask', 'MaskToImage', 'PreviewImage']
  const nodes = kinds.map((kind) => LiteGraph.createNode(kind))
  nodes.forEach((node, index) => {
    node.pos = [120 + [0, 680, 920][index], 160]
    app.graph.add(node)
  })
  const [path, image, preview] = nodes
  path.setSize([620, 940])
  const values = { width: side, height: side, length, size_x: shape, size_y: shape, ease: 'linear' }
  for (const widget of path.widgets) {
    if (!(widget.name in values)) continue
    widget.value = values[widget.name]
    widget.callback?.(widget.value)
  }
  path.connect(0, image, 'mask')
  image.connect(0, preview, 'images')
  Object.assign(app.canvas.ds, { scale: 1 })
  app.canvas.ds.offset[0] = 0
  app.canvas.ds.offset[1] = 0
  app.canvas.setDirty(true, true)
}"""
_LENGTH = """(length) => {
  const widget = NODES[0].widgets.find((one) => one.name === 'length')
  widget.value = length
  widget.callback?.(length)
}"""
_IMAGES = """() => {
  const { app } = window
  const preview = app.graph.nodes.find((node) => node.type === 'PreviewImage')
  return app.nodeOutputs[preview.id].images
}"""


class PathPage(EditorPage):
    """A page with a node that moves an ellipse over frames of `pixels` x `pixels`.

    Places are shares of the frame.
    """

    kind, name, style = "Vivid_AnimateMask", "path", ".ve-path"
    room = 1.24

    def __init__(self, page: ComfyPage, pixels: int) -> None:
        super().__init__(page, side=1.0)
        self.pixels = pixels

    def build(self, renderer: Renderer, *, length: int, shape: float) -> None:
        """`shape` is the ellipse's width and height as a share of the frame."""
        self.page.start(renderer, anew=False)
        self.tab.evaluate(_BUILD, [self.pixels, length, shape])
        self.editor.wait_for()
        self.tab.wait_for_timeout(1000)

    def points(self) -> dict[int, Point]:
        """The first node's path, by frame."""
        text = self.values()[0]
        found = json.loads(text) if text else []
        return {
            p["frame"]: (p["x"], p["y"], p.get("scale", 1.0), p.get("angle", 0.0)) for p in found
        }

    def fill(self, field: str, value: float) -> None:
        """Type a number into a field of the editor."""
        box = self.editor.get_by_label(field)
        box.fill(str(value))
        box.press("Enter")
        self.settle()

    def wheel(self, place: Place, *, turns: int, key: str) -> None:
        """Turn the wheel away from the hand, or with negative `turns` towards it."""
        self.tab.mouse.move(*self.where(place))
        self.tab.keyboard.down(key)
        for _ in range(abs(turns)):
            self.tab.mouse.wheel(0, -NOTCH if turns > 0 else NOTCH)
        self.settle()
        self.tab.keyboard.up(key)

    def set_length(self, length: int) -> None:
        self.script(_LENGTH, length)
        self.settle()

    def masks(self) -> np.ndarray:
        """The masks that the last run gave: bool [t, h, w]."""
        files = [self.page.comfy.file(place) for place in self.tab.evaluate(_IMAGES)]
        pictures = [np.asarray(Image.open(io.BytesIO(file)).convert("L")) for file in files]
        return np.stack(pictures) > 127
