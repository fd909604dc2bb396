"""Zoom and pan in the editors and the compare view: nothing else moves, places stay exact."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ..comfyui import wait_until
from .page import ComfyPage, Renderer
from .path import PathPage
from .points import PointsPage
from .zoom import Place, ZoomHand

SEED, SIDE, LENGTH = 1_000_000, 128, 5
MIDDLE = (0.5, 0.5)
PLACES: list[Place] = [(0.2, 0.25), (0.5, 0.5), (0.8, 0.35), (0.35, 0.8)]
_FRAMES = """() => Object.values(window.app.nodeOutputs)
  .find((output) => output.vivid_frames).vivid_frames[0]"""


@pytest.fixture
def editor(page: ComfyPage, renderer: Renderer) -> PointsPage:
    """The points editor with the frames of a clip."""
    editor = PointsPage(page, SIDE)
    editor.build(renderer, seed=SEED, length=LENGTH)
    assert page.run() == "execution_success"
    editor.wait_for_pictures()
    return editor


def first_frame(page: ComfyPage) -> np.ndarray:
    """The picture that the editor shows: uint8 [h, w, 3]."""
    shown = page.tab.evaluate(_FRAMES)
    file = page.comfy.file(shown | {"filename": shown["files"][0]})
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def test_points_set_while_zoomed_are_exact(
    editor: PointsPage, page: ComfyPage, renderer: Renderer
) -> None:
    hand = ZoomHand(page, editor.editor, ".ve-stage")
    before, canvas = hand.percent, hand.canvas()
    hand.turn((0.55, 0.45), 8)
    hand.drag_middle(MIDDLE, (0.6, 0.55))
    assert hand.percent > 6 * before
    assert hand.canvas() == canvas  # neither zoomed nor moved with it
    picture = first_frame(page)
    seen = [hand.color(place) for place in PLACES]
    for number, place in enumerate(PLACES, start=1):
        page.tab.mouse.click(*hand.at(place))
        wait_until(lambda many=number: len(editor.points(0)) == many, 60, "the point is there")
    marks = editor.points(0)
    assert len(marks) == len(PLACES)
    for color, (x, y, _) in zip(seen, marks, strict=True):
        # The pixel below the click; its own colour, not one beside it, with room for rounding.
        near = picture[int(y - 0.1) : int(y + 0.1) + 1, int(x - 0.1) : int(x + 0.1) + 1]
        assert np.abs(near.astype(int) - color).max(axis=2).min() <= 3
    page.keep(f"zoom_points_{renderer}")
    assert page.errors == []


def test_what_is_under_the_hand_stays_there(editor: PointsPage, page: ComfyPage) -> None:
    hand = ZoomHand(page, editor.editor, ".ve-stage")
    where, fitted = (0.4, 0.6), hand.percent
    page.tab.mouse.click(*hand.at(where))
    editor.settle()
    [before] = editor.points(0)
    hand.turn(where, 5)
    editor.press("Undo")
    page.tab.mouse.click(*hand.at(where))
    editor.settle()
    [after] = editor.points(0)
    # A wheel is turned at whole pixels of the screen, which are larger than 0.1 when fitted.
    assert after[:2] == pytest.approx(before[:2], abs=100 / fitted)
    assert page.errors == []


def test_zoom_has_buttons_keys_and_ends(editor: PointsPage, page: ComfyPage) -> None:
    hand = ZoomHand(page, editor.editor, ".ve-stage")
    fitted = hand.percent
    zoom_out = editor.editor.get_by_role("button", name="Zoom out")
    assert zoom_out.is_disabled()
    hand.press("Zoom in")
    assert hand.percent == pytest.approx(1.5 * fitted, rel=0.02)
    editor.key("+")
    assert hand.percent == pytest.approx(1.5**2 * fitted, rel=0.02)
    hand.drag_with_space(MIDDLE, (0.9, 0.9))
    assert editor.points(0) == []  # no box was drawn
    hand.drag_middle((0.1, 0.1), (0.95, 0.95))
    border = [hand.color(place) for place in PLACES]
    hand.drag_middle((0.1, 0.1), (0.95, 0.95))  # no farther than to the border
    assert [hand.color(place) for place in PLACES] == border
    hand.turn(MIDDLE, 30)
    assert hand.percent == pytest.approx(16 * fitted, rel=0.02)
    assert editor.editor.get_by_role("button", name="Zoom in").is_disabled()
    hand.press("Fit")
    assert hand.percent == fitted and zoom_out.is_disabled()
    hand.turn(MIDDLE, -3)
    assert hand.percent == fitted
    assert page.errors == []


def test_a_plain_wheel_zooms_the_graph(editor: PointsPage, page: ComfyPage) -> None:
    hand = ZoomHand(page, editor.editor, ".ve-stage")
    scale, *_ = hand.canvas()
    hand.plain_turn(MIDDLE, -2)
    assert hand.canvas()[0] < scale
    assert editor.editor.get_by_role("button", name="Zoom out").is_disabled()


def test_paths_are_drawn_while_zoomed(page: ComfyPage, renderer: Renderer) -> None:
    editor = PathPage(page, 64)
    editor.build(renderer, length=9, shape=0.2)
    hand = ZoomHand(page, editor.editor, ".ve-stage")
    spot = (0.7, 0.3)
    editor.scrub(8)
    page.tab.mouse.click(*hand.at(spot))
    editor.settle()
    exact = editor.points()[8][:2]
    hand.turn((0.9, 0.9), 4)  # beside every point
    assert hand.percent > 0
    assert editor.points()[8][:2] == exact
    hand.press("Fit")
    hand.turn(spot, 2)  # on the point: its scale, as ever
    assert editor.points()[8][2] > 1.05
    editor.key("Control+z")
    editor.scrub(4)
    low = (0.5, 0.85)
    page.tab.mouse.click(*hand.at(low))
    editor.settle()
    exact = editor.points()[4][:2]
    editor.key("Delete")
    hand.turn(low, 6)  # the zoom's fixed place
    page.tab.mouse.click(*hand.at(low))
    editor.settle()
    assert editor.points()[4][:2] == pytest.approx(exact, abs=0.004)
    page.keep(f"zoom_path_{renderer}")
    assert page.errors == []


def test_source_and_edit_are_zoomed_together(page: ComfyPage, renderer: Renderer) -> None:
    page.open("vivid_remove_object", renderer)
    page.tab.evaluate(
        """() => { window.app.graph.nodes.find((node) => node.type === 'Vivid_EditVideo')
          .widgets.find((widget) => widget.name === 'steps').value = 2 }"""
    )
    assert page.run() == "execution_success"
    hand = ZoomHand(page, page.view, ".vc-stage")
    fitted, canvas = hand.percent, hand.canvas()
    hand.turn((0.25, 0.5), 5)
    assert hand.percent > 3 * fitted and hand.canvas() == canvas
    page.keep(f"zoom_compare_{renderer}")
    page.press("Side by side")
    before = hand.percent
    hand.turn((0.1, 0.3), 2)
    assert hand.percent > before
    background = (0.05, 0.1)  # far from what is removed: both halves show the same pixels
    assert hand.color(background) == hand.color((background[0] + 0.5, background[1]))
    counter = page.view.locator(".vc-frame")
    frame = counter.inner_text()
    hand.drag_with_space((0.2, 0.5), (0.3, 0.6))
    assert counter.inner_text() == frame  # space did not play
    page.tab.mouse.move(*hand.at((0.2, 0.5)))
    page.tab.keyboard.press(" ")
    page.tab.wait_for_timeout(1000)
    assert counter.inner_text() != frame
    page.keep(f"zoom_compare_side_{renderer}")
    hand.press("Fit")
    assert page.errors == []
