"""The path editor: click where a shape is at some frames, run, and have a mask that goes there."""

from __future__ import annotations

import pytest

from .page import ComfyPage, Renderer
from .path import PathPage

SIDE, LENGTH, SHAPE = 128, 17, 0.25  # pixels, frames, share of the side
CLOSE = 0.012  # shares of the frame that the mouse may be off
DEFAULT = {0: (0.5, 0.5, 1, 0)}
START, MIDDLE, END = (0.2, 0.25), (0.5, 0.75), (0.8, 0.3)


@pytest.fixture
def editor(page: ComfyPage, renderer: Renderer) -> PathPage:
    """A new node; nothing has run."""
    editor = PathPage(page, SIDE)
    editor.build(renderer, length=LENGTH, shape=SHAPE)
    return editor


def _draw(editor: PathPage) -> None:
    """A path of three points."""
    for frame, place in ((0, START), (8, MIDDLE), (LENGTH - 1, END)):
        editor.scrub(frame)
        editor.click(place)


def test_clicks_become_a_path(editor: PathPage, page: ComfyPage, renderer: Renderer) -> None:
    assert editor.hidden("path")
    assert editor.counter == f"frame 0 / {LENGTH - 1}"
    assert editor.points() == DEFAULT
    _draw(editor)
    points = editor.points()
    assert list(points) == [0, 8, LENGTH - 1]
    for frame, place in ((0, START), (8, MIDDLE), (LENGTH - 1, END)):
        assert points[frame][:2] == pytest.approx(place, abs=CLOSE)
        assert points[frame][2:] == (1, 0)
    assert editor.ticks() == [3]
    page.keep(f"path_{renderer}")

    editor.click((0.85, 0.6))  # the same frame again: its point goes there
    assert editor.points()[LENGTH - 1][:2] == pytest.approx((0.85, 0.6), abs=CLOSE)
    assert len(editor.points()) == 3

    editor.fill("scale", 1.5)
    editor.fill("angle", 30)
    assert editor.points()[LENGTH - 1][2:] == (1.5, 30)
    editor.wheel(START, turns=2, key="Control")
    assert editor.points()[0][2:] == pytest.approx((1.1025, 0), abs=0.001)
    editor.wheel(START, turns=-1, key="Alt")
    assert editor.points()[0][2:] == pytest.approx((1.1025, -5), abs=0.001)
    page.keep(f"path_scaled_{renderer}")
    assert page.errors == []


def test_points_are_dragged_and_taken_back(editor: PathPage, page: ComfyPage) -> None:
    _draw(editor)
    before = editor.points()
    editor.drag(MIDDLE, (0.35, 0.6))
    assert editor.counter == f"frame 8 / {LENGTH - 1}"
    moved = editor.points()
    assert moved[8][:2] == pytest.approx((0.35, 0.6), abs=CLOSE)
    assert {frame: moved[frame] for frame in (0, LENGTH - 1)} == {
        frame: before[frame] for frame in (0, LENGTH - 1)
    }
    editor.key("Control+z")
    assert editor.points() == before
    editor.key("Control+Shift+Z")
    assert editor.points() == moved

    nodes = len(page.nodes())
    editor.key("Delete")
    assert list(editor.points()) == [0, LENGTH - 1]
    editor.press("Undo")
    editor.click(START, double=True)
    assert list(editor.points()) == [8, LENGTH - 1]
    editor.press("Clear all")
    assert editor.points() == {}
    editor.press("Undo")
    assert list(editor.points()) == [8, LENGTH - 1]
    assert len(page.nodes()) == nodes
    assert page.errors == []


def test_a_path_survives_saving_and_copying(
    editor: PathPage, page: ComfyPage, renderer: Renderer
) -> None:
    _draw(editor)
    [text] = editor.values()
    assert text in editor.saved_values()
    editor.act("reload")
    assert editor.values() == [text]
    assert editor.ticks() == [3]
    editor.act("copy")
    assert editor.values() == [text, text]
    assert editor.ticks() == [3, 3]
    page.keep(f"path_copied_{renderer}")
    assert page.errors == []


def test_masks_follow_the_path(editor: PathPage, page: ComfyPage, renderer: Renderer) -> None:
    _draw(editor)
    assert page.run() == "execution_success"
    masks = editor.masks()
    assert masks.shape == (LENGTH, SIDE, SIDE)
    for frame, (x, y) in ((0, START), (8, MIDDLE), (LENGTH - 1, END)):
        rows, columns = masks[frame].nonzero()
        assert columns.mean() / SIDE == pytest.approx(x, abs=2 * CLOSE)
        assert rows.mean() / SIDE == pytest.approx(y, abs=2 * CLOSE)
        assert (columns.max() - columns.min() + 1) / SIDE == pytest.approx(SHAPE, abs=2 * CLOSE)
    page.keep(f"path_run_{renderer}")

    editor.set_length(9)
    assert editor.counter.endswith("/ 8")
    assert "after the last frame" in editor.message.inner_text()
    editor.press("Remove them")
    assert list(editor.points()) == [0, 8]
    assert not editor.message.is_visible()
    assert page.errors == []
