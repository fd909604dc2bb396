"""One's own clip takes the place of a template's, and what was shown comes back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from vivid_core.tiny.scenes.shapes import Scene, draw_scene

from .clip import choose_file, error_toasts, focus, put_clip, replace_sample
from .editor import Place
from .page import ComfyPage, Renderer, open_template
from .points import PointsPage

SIDE, LENGTH, SHORT = 96, 17, 9
SEED = 1_000_014
STEPS = 2  # the edit is not what is tested
MINE, OTHER = "my_clip.mp4", "my_other_clip.mp4"

TRACK = "Vivid_TrackObject"


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(SEED, frames=LENGTH, height=SIDE, width=SIDE)


@pytest.fixture
def own(page: ComfyPage, renderer: Renderer, scene: Scene) -> Iterator[PointsPage]:
    """The template, opened through the template browser, with one's own clip in it."""
    put_clip(page, MINE, scene, frames=LENGTH)
    put_clip(page, OTHER, scene, frames=SHORT)
    page.start(renderer)
    open_template(page, "vivid_track_and_remove")
    replace_sample(page, MINE, steps=STEPS)
    focus(page, TRACK)
    yield PointsPage(page, SIDE)


def _thing(scene: Scene) -> Place:
    places = np.argwhere(scene.mask()[0] > 0.5)
    row, column = places[np.abs(places - places.mean(axis=0)).sum(axis=1).argmin()]
    return float(column) + 0.5, float(row) + 0.5


def test_own_clip_just_works(
    own: PointsPage, page: ComfyPage, renderer: Renderer, scene: Scene
) -> None:
    """Frames at once, a question instead of an error, then a click, and it is gone."""
    own.wait_for_pictures()  # before any run
    assert own.counter == f"frame 0 / {LENGTH - 1}"
    assert f"this clip is {SIDE}\u00d7{SIDE}" in own.message.inner_text()
    page.keep(f"own_clip_before_run_{renderer}")
    choose_file(page, OTHER)
    own.editor.get_by_text(f"frame 0 / {SHORT - 1}").wait_for()
    choose_file(page, MINE)
    own.editor.get_by_text(f"frame 0 / {LENGTH - 1}").wait_for()

    assert page.run() == "execution_success"
    assert error_toasts(page) == []
    assert "waits for you" in own.editor.locator(".ve-words").inner_text()
    focus(page, TRACK)
    page.keep(f"own_clip_waits_{renderer}")

    own.press("Start afresh")
    assert own.values() == [""]
    assert page.run() == "execution_success"
    assert error_toasts(page) == []
    assert "click on the thing" in own.editor.locator(".ve-words").inner_text()

    focus(page, TRACK)
    own.settle()
    own.click(_thing(scene))
    [text] = own.values()
    assert json.loads(text)["size"] == [SIDE, SIDE]
    assert page.run() == "execution_success"
    assert f"found on {LENGTH} of {LENGTH}" in own.editor.locator(".ve-words").inner_text()
    assert page.view.get_by_text("Outside the mask: max difference 0").is_visible()
    assert [node["type"] for node in page.nodes() if node["red"]] == []

    page.tab.wait_for_timeout(1500)
    page.reload()
    own.wait_for_pictures()
    assert own.values() == [text]
    focus(page, TRACK)
    assert own.editor.get_by_label("show mask").is_visible()
    page.keep(f"own_clip_reloaded_{renderer}")

    shutil.rmtree(page.comfy.base / "temp")  # as ComfyUI does when it starts
    page.reload()
    own.wait_for_pictures()
    assert own.counter == f"frame 0 / {LENGTH - 1}"
    focus(page, TRACK)
    page.keep(f"own_clip_restarted_{renderer}")
    assert page.errors == []
