"""The mask painter: paint a few frames and have those between; mend one frame of a track."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vivid_core.tiny.scenes.shapes import draw_scene

from .page import ComfyPage, Renderer
from .paint import PaintPage

SIDE, LENGTH, SEED = 128, 9, 1_000_000
LEFT, RIGHT = (0.25, 0.5), (0.75, 0.5)
LOW = 0.88  # beside the clip's things


@pytest.fixture
def editor(page: ComfyPage, renderer: Renderer) -> PaintPage:
    editor = PaintPage(page, SIDE)
    editor.style = ".ve-path"  # which is in front at first
    editor.build(renderer, length=LENGTH, shape=0.2)
    editor.style = ".ve-paint"
    return editor


def is_blue(color: list[int]) -> bool:
    return color[2] > color[0] + 40


def test_two_painted_frames_make_a_clip(
    editor: PaintPage, page: ComfyPage, renderer: Renderer
) -> None:
    assert editor.hidden("paint")
    editor.choose_brush()
    editor.drag(LEFT, (0.3, 0.55))
    (stroke,) = editor.strokes(0)
    assert stroke["brush"] == 300
    assert stroke["at"][:2] == pytest.approx([2500, 5000], abs=100)
    assert is_blue(editor.color((0.27, 0.52))) and not is_blue(editor.color(RIGHT))

    for _ in range(4):
        editor.key("]")
    editor.scrub(LENGTH - 1)
    editor.click(RIGHT)
    (dot,) = editor.strokes(LENGTH - 1)
    assert dot["brush"] == pytest.approx(300 * 1.2**4, rel=0.02) and len(dot["at"]) == 2
    assert editor.tick_count() == 2
    editor.key("Control+z")
    assert editor.strokes(LENGTH - 1) == [] and editor.tick_count() == 1
    editor.key("Control+Shift+Z")
    assert editor.strokes(LENGTH - 1) == [dot]
    editor.key("e")
    editor.click((0.78, 0.5))
    assert "eraser" in editor.strokes(LENGTH - 1)[1]
    assert not is_blue(editor.color((0.79, 0.5)))
    editor.press("Undo")
    page.keep(f"paint_{renderer}")

    assert page.run() == "execution_success"
    masks = editor.masks()
    assert masks.shape == (LENGTH, SIDE, SIDE)
    middles = [float(np.nonzero(mask)[1].mean()) / SIDE for mask in masks]
    assert middles == sorted(middles)
    assert middles[0] == pytest.approx(0.275, abs=0.03) and middles[-1] == pytest.approx(
        0.75, abs=0.03
    )
    editor.scrub(4)
    assert is_blue(editor.color((middles[4], 0.51)))  # what the run made of it
    page.keep(f"paint_between_{renderer}")

    (text,) = editor.values()
    editor.act("reload")
    assert editor.values() == [text] and editor.tick_count() == 2
    assert page.errors == []


def test_one_bad_frame_of_a_track_is_painted_anew(
    editor: PaintPage, page: ComfyPage, renderer: Renderer
) -> None:
    scene = {
        "scene": "moving shapes",
        "seed": SEED,
        "width": SIDE,
        "height": SIDE,
        "length": LENGTH,
    }
    editor.connect_track(scene)
    assert page.run() == "execution_success"
    track = editor.masks()
    truth = np.asarray(draw_scene(SEED, frames=LENGTH, height=SIDE, width=SIDE).mask()) > 0.5
    assert (track == truth).mean() > 0.999
    editor.scrub(3)
    row, column = np.argwhere(track[3]).mean(axis=0) / SIDE
    page.keep(f"paint_track_{renderer}")
    editor.press("Empty frame")
    editor.click((0.15, 0.15))
    assert [*map(list, editor.strokes(3))] == [["clear"], ["brush", "at"]]
    page.keep(f"paint_mended_{renderer}")
    assert page.run() == "execution_success"
    mended = editor.masks()
    changed = (mended != track).reshape(LENGTH, -1).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [3]
    assert mended[3, int(0.15 * SIDE), int(0.15 * SIDE)]
    assert not mended[3, int(row * SIDE), int(column * SIDE)]
    assert page.errors == []


def test_a_stretch_of_a_track_becomes_in_betweens(
    editor: PaintPage, page: ComfyPage, renderer: Renderer
) -> None:
    """Frames 2 and 6 are painted anew: 3 to 5 lead from one to the other, the rest is the track."""
    editor.connect_track(
        {"scene": "moving shapes", "seed": SEED, "width": SIDE, "height": SIDE, "length": LENGTH}
    )
    track = np.asarray(draw_scene(SEED, frames=LENGTH, height=SIDE, width=SIDE).mask()) > 0.5
    for frame, place in ((2, (0.25, LOW)), (6, (0.75, LOW))):
        editor.scrub(frame)
        editor.press("Empty frame")
        editor.click(place)
    editor.press("In-betweens")
    assert json.loads(editor.values()[0])["between"] == [[2, 6]]
    editor.scrub(4)
    assert editor.editor.get_by_text("This frame lies between 2 and 6").is_visible()
    assert page.run() == "execution_success"
    page.keep(f"paint_in_betweens_{renderer}")
    masks = editor.masks()
    changed = (masks != track).reshape(LENGTH, -1).mean(axis=1) > 0.001
    assert np.flatnonzero(changed).tolist() == [2, 3, 4, 5, 6]
    middles = [float(np.nonzero(mask)[1].mean()) / SIDE for mask in masks[2:7]]
    assert middles == sorted(middles) and middles[2] == pytest.approx(0.5, abs=0.03)
    assert is_blue(editor.color((middles[2], LOW)))  # what the run made of frame 4
    editor.press("In-betweens")
    assert "between" not in json.loads(editor.values()[0])
    assert page.errors == []


def test_a_damaged_painting_is_told_on_the_node(
    editor: PaintPage, page: ComfyPage, renderer: Renderer
) -> None:
    damaged = '{"version": 1, "frames": {"0": [{"brush": 300, "at": [5000]}]}}'
    page.set_widget(editor.kind, "shape", "brush")
    page.set_widget(editor.kind, "paint", damaged)
    editor.settle()
    words = "The saved painting is damaged: a stroke on frame 0."
    assert editor.editor.get_by_text(words).is_visible()
    page.keep(f"paint_damaged_{renderer}")
    editor.press("Start afresh")
    assert editor.values() == [""]
    assert page.errors == []
