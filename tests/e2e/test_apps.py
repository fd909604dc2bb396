"""Workflows in ComfyUI's app mode: their few inputs beside the result, editors included."""

from __future__ import annotations

import pytest

from .page import ComfyPage

APPS_SINCE = (0, 33)  # ComfyUI whose page is known to have apps
_TOGGLE = "() => window.app.extensionManager.command.execute('Comfy.ToggleLinear')"


@pytest.mark.parametrize(
    ("name", "labels", "editor"),
    [
        ("vivid_remove_object", ["scene", "seed", "prompts_editor"], ".ve-edits"),
        ("vivid_add_object", ["scene", "seed", "path_editor", "caption"], ".ve-path"),
        ("vivid_edit_by_instruction", ["scene", "seed", "instruction"], ""),
    ],
)
def test_an_app_shows_its_inputs(
    page: ComfyPage, name: str, labels: list[str], editor: str
) -> None:
    if page.comfy.version < APPS_SINCE:
        pytest.skip("this ComfyUI has no apps")
    page.open(name)
    page.tab.evaluate(_TOGGLE)
    welcome = page.tab.get_by_role("button", name="Skip", exact=True)
    for label in labels:
        page.tab.get_by_text(label, exact=True).last.wait_for()
    if editor:
        page.tab.locator(editor).last.wait_for()
    if welcome.count():
        welcome.first.click()
    page.tab.wait_for_timeout(500)
    page.keep(f"app_{name}")
    page.tab.evaluate(_TOGGLE)
    assert page.errors == []
