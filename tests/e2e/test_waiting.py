"""The other editors with one's own clip: nothing fails, each node says what it waits for."""

from __future__ import annotations

import pytest

from vivid_core.tiny.scenes.shapes import Scene, draw_scene

from .clip import connect_clip, error_toasts, focus, put_clip, replace_sample
from .page import ComfyPage, Renderer, open_template
from .path import PathPage

SIDE, LENGTH = 96, 17
STEPS = 2  # the edit is not what is tested
MINE = "waiting_clip.mp4"
ANIMATE, PROPAGATE = "Vivid_AnimateMask", "Vivid_PropagateBackgroundMask"
PICK = "Vivid_PickKeyframe"
_LOAD = """(file) => {
  const load = window.LiteGraph.createNode('LoadVideo')
  window.app.graph.add(load)
  load.pos = [120, 20]
  load.widgets.find((one) => one.name === 'file').value = file
}"""
_UNLINK = """([kind, name]) => {
  const node = window.app.graph.nodes.find((one) => one.type === kind)
  node.disconnectInput(node.inputs.findIndex((one) => one.name === name))
}"""


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(1_000_014, frames=LENGTH, height=SIDE, width=SIDE)


def _no_failure(page: ComfyPage) -> None:
    assert error_toasts(page) == []
    assert [node["type"] for node in page.nodes() if node["red"]] == []
    assert page.errors == []


def test_a_patch_on_ones_own_clip(page: ComfyPage, renderer: Renderer, scene: Scene) -> None:
    put_clip(page, MINE, scene, frames=LENGTH)
    page.start(renderer)
    open_template(page, "vivid_static_patch")
    replace_sample(page, MINE, steps=STEPS)
    page.tab.evaluate(_UNLINK, [ANIMATE, "video"])
    focus(page, PROPAGATE)
    assert page.run() == "execution_success"
    report = page.tab.locator(".vivid-report", has_text="waits for you")
    assert f"the mask is 64x64, this clip is {SIDE}x{SIDE}" in report.inner_text()
    _no_failure(page)
    page.keep(f"patch_waits_{renderer}")

    connect_clip(page, ANIMATE, "video")
    focus(page, ANIMATE)
    editor = PathPage(page, SIDE)
    editor.editor.get_by_text(f"frame 0 / {LENGTH - 1}").wait_for()  # before a run
    assert editor.editor.get_by_text(f"{SIDE} \u00d7 {SIDE}").is_visible()
    points = editor.points()
    editor.click((0.6, 0.6))
    assert editor.points()[0][:2] == pytest.approx((0.6, 0.6), abs=0.02) != points[0][:2]
    page.set_widget(ANIMATE, "width", 200)
    assert editor.counter == f"frame 0 / {LENGTH - 1}"
    page.keep(f"patch_own_clip_{renderer}")

    assert page.run() == "execution_success"
    assert page.tab.locator(".vivid-report", has_text="confidence:").is_visible()
    assert page.view.get_by_text("Outside the mask: max difference 0").is_visible()
    _no_failure(page)
    focus(page, PROPAGATE)
    page.keep(f"patch_ran_{renderer}")


def test_a_path_is_fitted_to_a_shorter_clip(page: ComfyPage, scene: Scene) -> None:
    put_clip(page, MINE, scene, frames=9)
    editor = PathPage(page, SIDE)
    editor.build("canvas", length=LENGTH, shape=0.25)
    for frame, place in ((0, (0.2, 0.2)), (8, (0.5, 0.7)), (LENGTH - 1, (0.8, 0.3))):
        editor.scrub(frame)
        editor.click(place)
    page.tab.evaluate(_LOAD, MINE)
    connect_clip(page, ANIMATE, "video")
    editor.editor.get_by_text("/ 8").wait_for()
    assert "after the last frame" in editor.message.inner_text()
    before = editor.points()
    editor.press("Fit them to the clip")
    assert list(editor.points()) == [0, 4, 8]
    assert list(editor.points().values()) == list(before.values())
    assert not editor.message.is_visible()
    editor.press("Undo")
    assert editor.points() == before
    assert page.errors == []


def test_a_choice_of_another_clip(page: ComfyPage, renderer: Renderer) -> None:
    """The chosen picture was made for the clip before; with another one the gallery waits."""
    page.start(renderer)
    open_template(page, "vivid_keyframe_loop")
    for kind in ("Vivid_EditKeyframe", "Vivid_PropagateKeyframes"):
        page.set_widget(kind, "steps", STEPS)
    assert page.run() == "execution_success"
    _no_failure(page)
    focus(page, PICK)
    gallery = page.tab.locator(".vivid-gallery")
    card = gallery.get_by_role("button", name="Candidate 2", exact=True)
    card.click()

    for name in ("width", "height"):
        page.set_widget("Vivid_SampleClip", name, SIDE)
    focus(page, "Vivid_TrackObject")
    points = page.tab.locator(".ve-points")
    points.get_by_role("button", name="Scale them", exact=True).click()  # no run was needed
    assert page.run() == "execution_success"
    message = gallery.locator(".ve-message")
    assert "the chosen picture was made for another clip" in message.inner_text()
    focus(page, "Vivid_CompareEdit")
    assert page.view.get_by_text("Nothing to compare yet").is_visible()
    _no_failure(page)
    focus(page, PICK)
    page.keep(f"gallery_other_clip_{renderer}")

    card.click()
    assert not message.is_visible()
    assert page.run() == "execution_success"
    focus(page, "Vivid_CompareEdit")
    assert page.view.get_by_text("Outside the mask: max difference 0").is_visible()
    _no_failure(page)
