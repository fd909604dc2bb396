"""The keyframe loop as an artist goes through it: make candidates, click one, run, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator

from ..pictures import UPDATE
from .page import ComfyPage, Renderer

PICK, LOOP = "Vivid_PickKeyframe", "vivid_keyframe_loop"
EMPTY = "Press Run once: the candidates appear here."
CANDIDATES = 6
STEPS = 4  # the pictures are not what is tested
_WATCH = """() => {
  window.vividExecuted = []
  window.app.api.addEventListener('executing', ({ detail }) => {
    const id = typeof detail === 'object' ? detail?.node : detail
    if (id) window.vividExecuted.push(window.app.graph.getNodeById(id).type)
  })
}"""
_VALUE = """(name) => window.app.graph.nodes.find((node) => node.type === 'PICK')
  .widgets.find((widget) => widget.name === name).value""".replace("PICK", PICK)
_SHRINK = """() => {
  window.app.graph.nodes.find((node) => node.type === 'PICK').setSize([400, 450])
  window.app.canvas.setDirty(true, true)
}""".replace("PICK", PICK)
_RELOAD = """async () => {
  const saved = JSON.parse(JSON.stringify(window.app.graph.serialize()))
  await window.app.loadGraphData(saved)
}"""
_LINK = """() => {
  const text = window.LiteGraph.createNode('PrimitiveString')
  window.app.graph.add(text)
  text.connect(0, window.app.graph.nodes.find((node) => node.type === 'PICK'), 'choice')
}""".replace("PICK", PICK)


class GalleryPage:
    """The page of the bundled loop, with its gallery."""

    def __init__(self, page: ComfyPage) -> None:
        self.page, self.tab = page, page.tab
        self.gallery = page.tab.locator(".vivid-gallery")
        self.status = self.gallery.locator(".vg-status")
        self.message = self.gallery.locator(".ve-message")
        self.earlier = self.gallery.locator(".vg-earlier .vg-card:visible")

    def open(self, renderer: Renderer) -> None:
        self.page.open(LOOP, renderer)
        if not UPDATE:
            for kind in ("Vivid_EditKeyframe", "Vivid_PropagateKeyframes"):
                self.set(kind, "steps", STEPS)

    def run(self, cards: int = CANDIDATES) -> str:
        """Press Run; how it ended, once the gallery shows its pictures."""
        self.tab.evaluate(_WATCH)
        outcome = self.page.run()
        self.gallery.locator(".vg-grid:not(.vg-earlier) .vg-card").nth(cards - 1).wait_for()
        return outcome

    def executed(self) -> set[str]:
        """Classes of the nodes that the last run executed."""
        return set(self.tab.evaluate("window.vividExecuted"))

    def card(self, number: int) -> Locator:
        return self.gallery.get_by_role("button", name=f"Candidate {number}", exact=True)

    def choice(self) -> str:
        return self.tab.evaluate(_VALUE, "choice")

    def scroll(self) -> int:
        """Make the node small, turn the wheel over the pictures; how far they moved, in pixels."""
        self.tab.evaluate(_SHRINK)
        self.tab.wait_for_timeout(1000)
        shelf = self.gallery.locator(".vg-shelf")
        self.card(1).focus()
        shelf.hover()
        self.tab.mouse.wheel(0, 100)
        self.tab.wait_for_timeout(500)
        return shelf.evaluate("(shelf) => shelf.scrollTop")

    def set(self, kind: str, name: str, value: Any) -> None:
        self.page.set_widget(kind, name, value)

    def clear_earlier(self) -> None:
        button = self.gallery.get_by_role("button", name="Clear earlier")
        if button.is_visible():
            button.click()

    def chosen(self) -> list[str]:
        """What the marked cards are called."""
        marked = self.gallery.locator(".vg-card[aria-pressed=true]")
        return [card.get_attribute("aria-label") or "" for card in marked.all()]


@pytest.fixture
def loop(page: ComfyPage, renderer: Renderer) -> GalleryPage:
    """The loop after its first run, in which nothing is chosen yet."""
    loop = GalleryPage(page)
    loop.open(renderer)
    assert loop.gallery.get_by_text(EMPTY).is_visible()
    page.keep(f"gallery_empty_{renderer}")
    assert loop.run() == "execution_success"
    return loop


def test_the_whole_loop(
    loop: GalleryPage, page: ComfyPage, renderer: Renderer, repository: Path
) -> None:
    """UPDATE_THUMBNAILS=1 draws the picture of the template browser anew."""
    assert loop.status.inner_text() == "Click the picture to go on with, then press Run."
    assert page.view.get_by_text("Nothing to compare yet").is_visible()
    page.keep(f"gallery_first_run_{renderer}")

    loop.card(3).click()
    assert loop.choice().endswith(" seed 3")
    assert loop.chosen() == ["Candidate 3"]
    assert loop.status.inner_text() == "Candidate 3 is chosen: seed 3, frame 0."
    assert loop.run() == "execution_success"
    follows = {PICK, "Vivid_PropagateKeyframes", "Vivid_CompareEdit", "SaveVideo"}
    assert loop.executed() == follows
    assert page.view.get_by_text("Outside the mask: max difference 0").is_visible()
    assert [node["type"] for node in page.nodes() if node["red"]] == []
    page.keep(f"gallery_loop_{renderer}")
    assert page.errors == []
    if UPDATE and renderer == "canvas":
        page.draw_thumbnail(repository / "workflows" / f"{LOOP}.jpg")


def test_earlier_candidates_stay_until_cleared(
    loop: GalleryPage, page: ComfyPage, renderer: Renderer
) -> None:
    loop.card(2).click()
    kept = loop.choice()
    loop.set("Vivid_EditKeyframe", "seed", 40 if renderer == "canvas" else 80)
    loop.set("Vivid_EditKeyframe", "captions", "a small red circle")
    assert loop.run(cards=3) == "execution_success"
    before = loop.earlier.count()
    assert before >= CANDIDATES
    assert loop.choice() == kept
    assert loop.status.inner_text() == "Earlier candidate is chosen: seed 2, frame 0."
    page.keep(f"gallery_earlier_{renderer}")
    assert loop.scroll() > 0

    loop.gallery.get_by_role("button", name="Clear earlier").click()
    assert loop.earlier.count() == 1  # the chosen one stays
    loop.card(1).click()
    assert loop.earlier.count() == 0
    loop.tab.evaluate(_RELOAD)
    page.tab.wait_for_timeout(1500)
    assert loop.run(cards=3) == "execution_success"
    assert (loop.chosen(), loop.earlier.count()) == (["Candidate 1"], 0)
    assert page.errors == []


def test_keys_choose_too(loop: GalleryPage, page: ComfyPage) -> None:
    nodes = len(page.nodes())
    loop.card(1).focus()
    for key, label in (
        ("ArrowRight", "Candidate 2"),
        ("ArrowDown", "Candidate 5"),
        ("ArrowLeft", "Candidate 4"),
        ("ArrowUp", "Candidate 1"),
        ("ArrowUp", "Candidate 1"),
    ):
        page.tab.keyboard.press(key)
        focused = page.tab.evaluate("document.activeElement.getAttribute('aria-label')")
        assert focused == label
    page.tab.keyboard.press("ArrowRight")
    page.tab.keyboard.press("Enter")
    assert loop.chosen() == ["Candidate 2"]
    assert len(page.nodes()) == nodes and page.errors == []


def test_candidates_are_seen_large(loop: GalleryPage, page: ComfyPage, renderer: Renderer) -> None:
    nodes = len(page.nodes())
    loop.clear_earlier()  # of other tests
    loop.card(2).dblclick()
    large = page.tab.get_by_role("dialog", name="Candidate 2")
    large.wait_for()
    assert loop.choice() == ""  # looking chooses nothing
    picture = large.locator("img").bounding_box()
    assert picture is not None and picture["height"] > 800
    assert "64 \u00d7 64, shown at" in large.inner_text()
    page.keep(f"gallery_large_{renderer}")

    page.tab.keyboard.press("ArrowLeft")
    page.tab.keyboard.press("ArrowLeft")
    assert page.tab.get_by_role("dialog", name="Candidate 6").is_visible()
    page.tab.keyboard.press("Enter")
    assert loop.choice().endswith(" seed 3") and loop.chosen() == ["Candidate 6"]
    page.tab.keyboard.press("Delete")  # means nothing here, and not to the graph below
    for name in ("Next", "Close"):
        page.tab.keyboard.press("Tab")
        focused = page.tab.evaluate("document.activeElement.textContent")
        assert name in focused
    page.tab.keyboard.press("Escape")
    assert page.tab.locator(".vivid-lightbox").count() == 0
    focused = page.tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "Candidate 2" and len(page.nodes()) == nodes

    loop.gallery.get_by_role("button", name="Large view").click()
    large = page.tab.get_by_role("dialog", name="Candidate 6")  # the chosen one
    large.get_by_role("button", name="Next").click()
    page.tab.get_by_role("dialog", name="Candidate 1").get_by_role("button", name="Choose").click()
    assert loop.chosen() == ["Candidate 1"]
    page.tab.locator(".vivid-lightbox").get_by_role("button", name="Close").click()
    assert page.errors == []


def test_numbers_and_lost_choices(loop: GalleryPage, page: ComfyPage, renderer: Renderer) -> None:
    """A choice that came with a shared workflow: a number, or a picture that is not here."""
    loop.set(PICK, "choice", "4")
    assert loop.chosen() == ["Candidate 4"]
    loop.set(PICK, "choice", "0123456789abcdef seed 77")
    assert "0123456789abcdef seed 77, not shown here" in loop.message.inner_text()
    page.keep(f"gallery_lost_{renderer}")
    loop.gallery.get_by_role("button", name="Choose anew").click()
    assert loop.choice() == "" and not loop.message.is_visible()
    loop.tab.evaluate(_LINK)
    page.tab.wait_for_timeout(500)
    assert "connected" in loop.message.inner_text()
    assert loop.card(1).is_disabled()
    assert page.errors == []


def test_candidates_come_back_after_a_reload(
    loop: GalleryPage, page: ComfyPage, renderer: Renderer
) -> None:
    loop.card(2).click()
    chosen = loop.choice()
    page.tab.wait_for_timeout(1000)
    page.reload()
    loop.card(CANDIDATES).wait_for()
    assert (loop.choice(), loop.chosen()) == (chosen, ["Candidate 2"])
    page.keep(f"gallery_reloaded_{renderer}")
    assert page.errors == []
