"""How our nodes sit in ComfyUI's page: sizes, colours, side panel, previews."""

from __future__ import annotations

from typing import Any

from .page import ComfyPage, Renderer

SHORTEST = 28  # CSS pixels of a button
MOST_EDIT_HEIGHT = 620  # of Vivid Edit Video when it is added: it was 1,160
ADVANCED_SINCE = (0, 10)  # ComfyUI that folds inputs away
VIEWS = "Vivid_EditVideo"
_BELOW = """() => {
  const { graph, canvas } = window.app
  const { element } = graph.nodes[0].widgets.find(({ name }) => name === 'report_view')
  const top = canvas.canvas.getBoundingClientRect().top + graph.nodes[0].pos[1]
  return element.getBoundingClientRect().bottom - top
}"""
_ADD = """(kinds) => {
  const { app, LiteGraph } = window
  Object.assign(app.canvas.ds, { scale: 1 })
  app.canvas.ds.offset[0] = app.canvas.ds.offset[1] = 0
  let x = 100
  for (const kind of kinds) {
    const node = LiteGraph.createNode(kind)
    node.pos = [x, 140]
    app.graph.add(node)
    x += node.size[0] + 40
  }
  app.canvas.setDirty(true, true)
}"""
_STYLE = """() => Object.fromEntries(window.app.graph.nodes.map(
  ({ type, color, bgcolor }) => [type, [color ?? null, bgcolor ?? null]]))"""
_RELOAD = """async (color) => {
  const saved = JSON.parse(JSON.stringify(window.app.graph.serialize()))
  for (const node of saved.nodes) {
    delete node.color
    if (color) node.color = color
  }
  await window.app.loadGraphData(saved)
}"""
_WIDTH = """() => {
  const node = window.app.graph.nodes.find(({ type }) => type === 'Vivid_EditVideo')
  const { element } = node.widgets.find(({ name }) => name === 'report_view')
  window.app.canvas.setDirty(true, true)
  return element.getBoundingClientRect().width
}"""
_SMALL_BUTTONS = """() => [...document.querySelectorAll(
    ':is(.vivid-editor, .vivid-compare, .vivid-panel) button')]
  .filter((button) => button.offsetParent)
  .filter(({ offsetWidth, offsetHeight }) => offsetWidth < LEAST || offsetHeight < LEAST)
  .map(({ className, textContent }) => `${className} ${textContent}`)""".replace(
    "LEAST", str(SHORTEST)
)
_SIZES = "document.getElementById('vivid-preview-sizes')?.textContent ?? ''"
_LABELS = """() => [...document.querySelectorAll('.image-preview > .text-center > span')]
  .map((label) => getComputedStyle(label, '::after').content)"""
_LINK = """(kind) => {
  const canvas = window.app.canvas
  return [canvas.default_connection_color_byType[kind],
    canvas.constructor.link_type_colors[kind],
    getComputedStyle(document.documentElement).getPropertyValue(`--color-datatype-${kind}`)]
}"""
TYPES = ("MODEL", "ADAPTER", "TRACKER", "FLOW", "MASK_TRACK", "KEYFRAME")


def add(page: ComfyPage, renderer: Renderer, *kinds: str) -> None:
    page.start(renderer, anew=False)
    page.tab.evaluate(_ADD, list(kinds))
    page.tab.wait_for_timeout(1200)


def height(page: ComfyPage) -> float:
    """Of the first node, as it is on the screen."""
    return page.tab.evaluate("() => window.app.graph.nodes[0].size[1]")


def test_new_nodes_are_not_tall(page: ComfyPage, renderer: Renderer) -> None:
    add(page, renderer, "Vivid_EditVideo", "Vivid_EditLongVideo", "Vivid_LoadModel")
    assert height(page) <= MOST_EDIT_HEIGHT
    if renderer == "canvas":  # the other one measures what it shows
        assert page.tab.evaluate(_BELOW) <= height(page)
    page.keep(f"page_new_nodes_{renderer}")
    if renderer == "vue" and page.comfy.version >= ADVANCED_SINCE:
        edit = page.tab.locator("[data-node-id]").first
        assert edit.get_by_text("sampler", exact=True).count() == 0
        edit.get_by_text("Show advanced inputs").click()
        edit.get_by_text("sampler", exact=True).wait_for()
    assert page.errors == []


def test_buttons_are_large_enough(page: ComfyPage, renderer: Renderer) -> None:
    page.open("vivid_keyframe_loop", renderer, steps=2)
    assert page.run() == "execution_success"
    page.tab.locator(".vg-card").first.click()
    assert page.run() == "execution_success"
    assert page.tab.evaluate(_SMALL_BUTTONS) == []
    add(page, renderer, "Vivid_AnimateMask", "Vivid_TrackObject")
    assert page.tab.evaluate(_SMALL_BUTTONS) == []
    assert page.errors == []


def test_no_live_preview_stays_below_the_result(page: ComfyPage, renderer: Renderer) -> None:
    page.open("vivid_remove_object", renderer, steps=6)  # enough to see previews of
    assert page.run() == "execution_success"
    assert page.tab.get_by_alt_text("Live sampling preview").count() == 0
    assert page.tab.evaluate("Object.keys(window.app.nodePreviewImages)") == []
    if renderer == "vue":
        assert set(page.tab.evaluate(_LABELS)) == {'"64 \u00d7 64"'}  # not that of the preview
    page.keep(f"page_after_run_{renderer}")
    page.start(renderer, anew=False)
    assert page.tab.evaluate(_SIZES) == ""  # of a workflow that is closed
    assert page.errors == []


def test_the_side_panel_leaves_views_their_width(page: ComfyPage, renderer: Renderer) -> None:
    add(page, renderer, VIEWS)
    panel = page.tab.locator("button:has(i[class*='panel-right'])")
    if panel.count() == 0:
        return  # this ComfyUI has no such panel
    page.tab.evaluate("window.app.canvas.selectNodes([window.app.graph.nodes[0]])")
    before = page.tab.evaluate(_WIDTH)
    panel.first.click()
    page.tab.get_by_role("tab", name="Parameters").click()
    page.tab.wait_for_timeout(1000)
    page.tab.evaluate(_WIDTH)
    page.tab.wait_for_timeout(500)
    assert page.tab.evaluate(_WIDTH) == before
    page.keep(f"page_side_panel_{renderer}")
    page.tab.locator("button:has(i[class*='panel-right'])").first.click()
    page.tab.wait_for_timeout(500)
    assert page.tab.evaluate(_WIDTH) == before
    assert page.errors == []


def test_our_links_have_colours_in_every_theme(page: ComfyPage) -> None:
    page.start()
    colors: dict[str, Any] = {}
    for theme in ("light", "dark"):
        page.comfy.post_settings({"Comfy.ColorPalette": theme})
        page.start()
        found = [page.tab.evaluate(_LINK, f"VIVID_{kind}") for kind in TYPES]
        assert all(len({color.strip() for color in three}) == 1 for three in found)
        colors[theme] = [three[0] for three in found]
        add(page, "canvas", "Vivid_LoadModel", "Vivid_TrackObject", "Vivid_EditVideo")
        page.keep(f"page_colors_{theme}")
    assert len(set(colors["dark"])) == len(TYPES) and colors["dark"] == colors["light"]


def test_new_nodes_are_coloured_by_stage(page: ComfyPage, renderer: Renderer) -> None:
    kinds = ["Vivid_LoadModel", "Vivid_AugmentMask", "Vivid_EditVideo", "Vivid_PickKeyframe"]
    add(page, renderer, *kinds)
    new = page.tab.evaluate(_STYLE)
    assert len({color for color, _ in new.values()} - {None}) == len(kinds)
    page.keep(f"page_stages_{renderer}")
    page.tab.evaluate(_RELOAD, "#884422")
    assert set(map(tuple, page.tab.evaluate(_STYLE).values())) == {("#884422", None)}
    page.tab.evaluate(_RELOAD, None)  # a workflow without colours stays so
    assert set(map(tuple, page.tab.evaluate(_STYLE).values())) == {(None, None)}
    assert page.errors == []
