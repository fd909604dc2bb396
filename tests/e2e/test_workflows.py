"""Every bundled workflow opens, runs from the Run button and shows its result."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..pictures import UPDATE
from .page import ComfyPage, Renderer

WORKFLOWS = [
    "vivid_add_object",
    "vivid_change_object",
    "vivid_edit_by_instruction",
    "vivid_inpaint_background",
    "vivid_keyframe_from_image_model",
    "vivid_long_video",
    "vivid_middle_keyframe",
    "vivid_remove_object",
    "vivid_static_patch",
    "vivid_sweep_and_screen",
    "vivid_track_and_remove",
]


STEPS = 2  # enough to go through every part of an edit
SHORT = 17  # frames of a clip whose every frame is tracked
SHORTER = ("vivid_inpaint_background", "vivid_track_and_remove")
KEPT = "outside the mask: max difference 0"
REPORTS = {
    "vivid_change_object": "BP: 0 of 255, lower is better",
    "vivid_inpaint_background": "of the mask from other frames",
}


WHOLE = "No mask connected: the whole frame is measured"
FACTS = dict.fromkeys(["vivid_edit_by_instruction", "vivid_sweep_and_screen"], WHOLE)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_opens_and_runs(page: ComfyPage, repository: Path, name: str) -> None:
    """UPDATE_THUMBNAILS=1 draws the pictures of the template browser anew."""
    page.open(name, steps=None if UPDATE else STEPS)
    if name in SHORTER and not UPDATE:
        page.set_widget("Vivid_SampleClip", "length", SHORT)
    assert [node["type"] for node in page.nodes() if not node["known"]] == []
    assert page.view.get_by_text("Nothing to compare yet").is_visible()
    assert page.run() == "execution_success"
    assert [node["type"] for node in page.nodes() if node["red"]] == []
    fact = FACTS.get(name, "Outside the mask: max difference 0")
    assert page.view.get_by_text(fact).is_visible()
    reports = page.tab.locator(".vivid-report").all_inner_texts()  # that of real weights is empty
    assert any(REPORTS.get(name, KEPT) in report for report in reports), reports
    page.keep(name)
    assert page.errors == []
    if UPDATE:
        page.draw_thumbnail(repository / "workflows" / f"{name}.jpg")


def test_compare_view_can_be_used(page: ComfyPage, renderer: Renderer) -> None:
    page.open("vivid_remove_object", renderer, steps=STEPS)
    assert page.run() == "execution_success"
    stage, counter = page.view.locator(".vc-stage"), page.view.locator(".vc-frame")
    assert counter.inner_text() == "frame 0 / 16"

    box = stage.bounding_box()
    assert box is not None
    middle = {"x": 0.5 * box["width"], "y": 0.5 * box["height"]}
    stage.click(position=middle)
    handle = page.pixels((0.5, 0.5))
    stage.click(position=middle | {"x": 0.2 * box["width"]})
    assert page.pixels((0.5, 0.5)) != handle

    page.press("Difference")
    page.press("16\u00d7")
    assert page.view.get_by_text("Difference, 16\u00d7").is_visible()
    assert page.pixels((0.5, 0.97))[:3] == [0, 0, 0]  # far from the mask
    page.press("Mask outline")
    page.keep(f"compare_difference_{renderer}")

    page.press("Side by side")
    page.press("Play")
    page.tab.wait_for_function(
        "(frame) => document.querySelector('.vc-frame').innerText !== frame",
        arg="frame 0 / 16",
    )
    page.press("Pause")
    page.view.get_by_label("Frame").fill("9")
    assert counter.inner_text() == "frame 9 / 16"
    page.view.press("ArrowRight")
    assert counter.inner_text() == "frame 10 / 16"
    page.keep(f"compare_side_by_side_{renderer}")
    assert page.errors == []
