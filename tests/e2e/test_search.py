"""The words that people search for find the nodes of this pack in ComfyUI's own node search."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .page import ComfyPage

SINCE = (0, 11)  # ComfyUI that knows search aliases
SEEN = 10  # rows that are on the screen without scrolling
_CLEAR = "() => window.app.graph.clear()"
_ROWS = "() => [...document.querySelectorAll('[role=option]')].map((row) => row.innerText)"
_AT_REST = """() => {
  const rows = [...document.querySelectorAll('[role=option]')].map((row) => row.innerText).join()
  const [before, times] = window.vividRows ?? ['', 0]
  window.vividRows = [rows, rows && rows === before ? times + 1 : 0]
  return window.vividRows[1] >= 3
}"""


@pytest.fixture
def search(page: ComfyPage) -> Iterator[ComfyPage]:
    """The page with the node search open."""
    if page.comfy.version < SINCE:
        pytest.skip("this ComfyUI does not know search aliases")
    page.start()
    page.tab.evaluate(_CLEAR)
    page.tab.mouse.dblclick(900, 700)
    page.tab.get_by_role("combobox").or_(page.tab.get_by_role("textbox")).first.wait_for()
    yield page


def found(page: ComfyPage, words: str) -> list[str]:
    """Names of the nodes, best first, once the list has come to rest."""
    page.tab.keyboard.press("Control+A")
    page.tab.keyboard.type(words)
    page.tab.evaluate("() => { window.vividRows = undefined }")
    page.tab.wait_for_function(_AT_REST, polling=500)
    return [row.splitlines()[0] for row in page.tab.evaluate(_ROWS)]


def test_people_find_the_pack_by_their_own_words(search: ComfyPage) -> None:
    edit = "Vivid Edit Video (Inpaint, Erase)"
    for words, node, rank in (
        ("inpaint", edit, SEEN),
        ("video inpaint", edit, 4),
        ("erase", edit, 3),
        ("remove object", edit, 2),
        ("mask tracking", "Vivid Track Object", 2),
    ):
        names = found(search, words)
        assert node in names[:rank], (words, names)
        search.keep(f"search_{words.replace(' ', '_')}")
