"""One's own clip in the place of a template's, as someone puts it there."""

from __future__ import annotations

from fractions import Fraction

import torch

from vivid_core.media import write_clip
from vivid_core.tiny.scenes.shapes import Scene

from .page import ComfyPage

FPS = 8

_REPLACE = """([file, steps]) => {
  const { app, LiteGraph } = window
  const sample = app.graph.nodes.find((node) => node.type === 'Vivid_SampleClip')
  const load = LiteGraph.createNode('LoadVideo')
  load.pos = [sample.pos[0], sample.pos[1]]
  app.graph.add(load)
  const widget = load.widgets.find((one) => one.name === 'file')
  widget.value = file
  widget.callback?.(file)
  for (const { links, type } of sample.outputs) {
    if (!['IMAGE', 'VIDEO'].includes(type)) continue
    for (const id of [...links ?? []]) {
      const link = app.graph.links.get?.(id) ?? app.graph.links[id]
      load.connect(0, app.graph.getNodeById(link.target_id), link.target_slot)
    }
  }
  app.graph.remove(sample)
  for (const node of app.graph.nodes) {
    const widget = node.widgets?.find((one) => one.name === 'steps')
    if (widget) widget.value = steps
  }
}"""
_CHOOSE = """(file) => {
  const load = window.app.graph.nodes.find((node) => node.type === 'LoadVideo')
  const widget = load.widgets.find((one) => one.name === 'file')
  widget.value = file
  widget.callback?.(file)
}"""
_CONNECT = """([kind, name]) => {
  const { nodes } = window.app.graph
  const load = nodes.find((node) => node.type === 'LoadVideo')
  load.connect(0, nodes.find((node) => node.type === kind), name)
}"""
_FOCUS = """(kind) => {
  const { app } = window
  const node = app.graph.nodes.find((one) => one.type === kind)
  const { ds } = app.canvas
  ds.scale = 1
  ds.offset[0] = 300 - node.pos[0]
  ds.offset[1] = 200 - node.pos[1]
  app.canvas.setDirty(true, true)
}"""
_TOASTS = """() => [...document.querySelectorAll('.p-toast-message-error, [data-testid*=error]')]
  .map((one) => one.innerText)"""


def put_clip(page: ComfyPage, name: str, scene: Scene, *, frames: int) -> None:
    """Put the first frames of a scene as a video file into ComfyUI's input folder."""
    pixels = torch.from_numpy(scene.render()).float()[:frames]
    write_clip(page.comfy.base / "input" / name, pixels, fps=Fraction(FPS))


def replace_sample(page: ComfyPage, file: str, *, steps: int) -> None:
    """Core's Load Video takes the place of Vivid Sample Clip; edits take that many steps."""
    page.tab.evaluate(_REPLACE, [file, steps])


def choose_file(page: ComfyPage, file: str) -> None:
    """Choose another file in Load Video."""
    page.tab.evaluate(_CHOOSE, file)


def connect_clip(page: ComfyPage, kind: str, name: str) -> None:
    """A link from Load Video to an input of the first node of a class."""
    page.tab.evaluate(_CONNECT, [kind, name])


def focus(page: ComfyPage, kind: str) -> None:
    """Bring the first node of a class to the upper left, at full size."""
    page.tab.evaluate(_FOCUS, kind)
    page.tab.wait_for_timeout(500)


def error_toasts(page: ComfyPage) -> list[str]:
    return page.tab.evaluate(_TOASTS)
