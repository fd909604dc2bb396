"""The points editor: click on a thing in a clip, run, and have its mask."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vivid_core.tiny.scenes.shapes import draw_scene
from vivid_core.track.prompts import parse_prompts

from .editor import Place
from .page import ComfyPage, Renderer
from .points import Mark, PointsPage

SEED, SIDE, LENGTH = 1_000_000, 128, 17
CLOSE = 1.5  # pixels of the clip that the mouse may be off


@pytest.fixture
def editor(page: ComfyPage, renderer: Renderer) -> PointsPage:
    """The graph after its first run."""
    editor = PointsPage(page, SIDE)
    editor.build(renderer, seed=SEED, length=LENGTH)
    editor.wait_for_pictures()  # a sample clip is drawn before any run
    assert page.run() == "execution_success"
    editor.wait_for_pictures()
    return editor


@pytest.fixture(scope="module")
def thing() -> Place:
    """A place on the thing, on the first frame."""
    return _middle(0)


def _middle(frame: int) -> Place:
    """The selected pixel that is nearest to the mask's centre."""
    mask = draw_scene(SEED, frames=LENGTH, height=SIDE, width=SIDE).mask()[frame]
    places = np.argwhere(np.asarray(mask) > 0.5)
    nearest = np.abs(places - places.mean(axis=0)).sum(axis=1).argmin()
    row, column = places[nearest]
    return float(column) + 0.5, float(row) + 0.5


def _away(thing: Place) -> Place:
    """A place far from the thing, and from the frame's border."""
    x, y = (30.0 if value > SIDE / 2 else SIDE - 30.0 for value in thing)
    return x, y


def _is_mark(mark: Mark, place: Place, label: int) -> bool:
    return mark[:2] == pytest.approx(place, abs=CLOSE) and mark[2] == label


def test_clicks_become_points_and_boxes(
    editor: PointsPage, page: ComfyPage, renderer: Renderer, thing: Place
) -> None:
    assert editor.hidden("prompts")
    assert editor.counter == f"frame 0 / {LENGTH - 1}"
    assert editor.values() == [""]
    away = _away(thing)

    editor.click(thing)
    [mark] = editor.points(0)
    assert _is_mark(mark, thing, 1)
    editor.click(away, shift=True)
    assert _is_mark(editor.points(0)[1], away, 0)
    editor.click_right((away[0], away[1] + 15))
    assert [label for *_, label in editor.points(0)] == [1, 0, 0]

    left, top = (max(value - 20, 2) for value in thing)
    right, bottom = (min(value + 20, SIDE - 2) for value in thing)
    editor.drag((left, top), (right, bottom))
    assert editor.frame(0)["box"] == pytest.approx([left, top, right, bottom], abs=CLOSE)
    moved = (thing[0] + 5, thing[1] + 4)
    editor.drag(thing, moved)
    assert _is_mark(editor.points(0)[0], moved, 1)
    page.keep(f"points_{renderer}")

    prompts = parse_prompts(editor.values()[0])
    prompts.require_fit(frames=LENGTH, height=SIDE, width=SIDE)
    assert prompts.size == (SIDE, SIDE)
    assert page.errors == []


def test_keys_stay_in_the_editor(editor: PointsPage, page: ComfyPage, thing: Place) -> None:
    nodes = len(page.nodes())
    editor.click(thing)
    editor.click(_away(thing), shift=True)
    editor.key("Control+z")
    assert [label for *_, label in editor.points(0)] == [1]
    editor.key("Control+Shift+Z")
    assert [label for *_, label in editor.points(0)] == [1, 0]
    editor.press("Undo")
    editor.click(thing)  # selects it
    editor.key("Delete")
    assert editor.values() == [""]
    editor.key("Delete")
    editor.key("Backspace")
    assert len(page.nodes()) == nodes

    editor.key("Control+z")
    assert len(editor.points(0)) == 1
    editor.click(thing, double=True)
    assert editor.values() == [""]
    assert page.errors == []


def test_frames_and_objects(
    editor: PointsPage, page: ComfyPage, renderer: Renderer, thing: Place
) -> None:
    editor.click(thing)
    editor.scrub(9)
    assert editor.counter == f"frame 9 / {LENGTH - 1}"
    editor.key("ArrowRight")
    assert editor.counter == f"frame 10 / {LENGTH - 1}"
    editor.press("+ object")
    editor.click(_away(thing))
    assert len(editor.points(10, identity=2)) == 1
    assert editor.points(10, identity=1) == []
    assert editor.ticks() == [2]

    chip = editor.editor.locator(".ve-objects button[data-id='2']")
    chip.dblclick()
    editor.editor.get_by_label("Name of object 2").fill("ball")
    editor.key("Enter")
    names = {item["id"]: item["name"] for item in json.loads(editor.values()[0])["objects"]}
    assert names == {1: "", 2: "ball"}
    page.keep(f"points_objects_{renderer}")

    editor.press("Clear frame")
    assert editor.points(10, identity=2) == []
    assert len(editor.points(0)) == 1
    editor.press("Clear all")
    assert editor.values() == [""]
    editor.press("Undo")
    assert len(editor.points(0)) == 1
    assert page.errors == []


def test_points_survive_saving_and_copying(
    editor: PointsPage, page: ComfyPage, renderer: Renderer, thing: Place
) -> None:
    editor.click(thing)
    editor.scrub(6)
    editor.click(_away(thing), shift=True)
    [text] = editor.values()
    assert text in editor.saved_values()

    editor.act("reload")
    assert editor.values() == [text]
    assert editor.ticks() == [2]
    editor.act("copy")
    assert editor.values() == [text, text]
    assert editor.ticks() == [2, 2]
    page.keep(f"points_copied_{renderer}")
    assert page.errors == []


def test_run_shows_the_mask(
    editor: PointsPage, page: ComfyPage, renderer: Renderer, thing: Place
) -> None:
    editor.click(thing)
    assert page.run() == "execution_success"
    editor.wait_for_pictures()
    editor.show_mask(False)
    plain = editor.picture()
    editor.show_mask(True)
    page.tab.wait_for_timeout(1000)
    assert editor.picture() != plain
    page.keep(f"points_mask_{renderer}")
    assert len(editor.points(0)) == 1
    assert page.errors == []


def test_prompts_outside_are_moved_in(editor: PointsPage, page: ComfyPage) -> None:
    """Of no known size, as a program writes them."""
    frames = {"0": {"points": [[500, 64, 1]], "box": [10, -5, 700, 100]}}
    text = json.dumps({"objects": [{"id": 1, "name": "", "frames": frames}]})
    editor.script(
        """(text) => {
          const widget = NODES[0].widgets.find((one) => one.name === 'NAME')
          widget.value = text
          widget.callback?.(text)
        }""",
        text,
    )
    assert "outside the frame" in editor.message.inner_text()
    editor.press("Move them in")
    assert not editor.message.is_visible()
    assert editor.frame(0) == {"points": [[SIDE - 0.1, 64, 1]], "box": [10, 0, SIDE, 100]}
    prompts = parse_prompts(editor.values()[0])
    prompts.require_fit(frames=LENGTH, height=SIDE, width=SIDE)
    assert page.errors == []


def test_linked_prompts_are_read_only(
    editor: PointsPage, page: ComfyPage, renderer: Renderer, thing: Place
) -> None:
    editor.act("link")
    assert "connected" in editor.message.inner_text()
    editor.click(thing)
    assert editor.values() == [""]
    page.keep(f"points_linked_{renderer}")
    assert page.errors == []
