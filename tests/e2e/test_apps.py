"""Workflows in ComfyUI's app mode: an input is changed there, Run pressed, the result looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator

from .page import ComfyPage

APPS_SINCE = (0, 33)  # ComfyUI whose page is known to have apps
STEPS = 1
_TOGGLE = "() => window.app.extensionManager.command.execute('Comfy.ToggleLinear')"
_SHOWN = """() => {
  const video = document.querySelector('[data-testid="linear-center-panel"] video')
  return video && video.readyState >= 2 && [video.videoWidth, video.videoHeight]
}"""
_CUT_OFF = """(panel) => {
  const edge = panel.getBoundingClientRect().right + 1
  return [...panel.querySelectorAll('*')]
    .filter((one) => !one.children.length && one.getBoundingClientRect().right > edge)
    .map((one) => one.textContent.trim()).filter(Boolean)
}"""


class App:
    """A workflow in app mode: its inputs, its Run, and its result."""

    def __init__(self, page: ComfyPage) -> None:
        self.page, self.tab = page, page.tab
        self.inputs = self.tab.get_by_test_id("linear-widgets")

    def open(self, name: str) -> None:
        self.page.open(name, steps=STEPS)
        self.tab.evaluate(_TOGGLE)
        self.inputs.wait_for()
        welcome = self.tab.get_by_role("button", name="Skip", exact=True)
        if welcome.count():
            welcome.first.click()

    def input(self, label: str) -> Locator:
        shown = self.inputs.locator("[data-widget-key]")
        return shown.filter(has=self.tab.get_by_text(label, exact=True))

    def type(self, label: str, value: str) -> None:
        field = self.input(label).locator("input, textarea").first
        field.fill(value)
        field.press("Tab")

    def run(self) -> list[int]:
        """Press Run; width and height of the video that the app shows then."""
        assert self.page.run(self.tab.get_by_test_id("linear-run-button")) == "execution_success"
        self.tab.wait_for_function(_SHOWN)
        return self.tab.evaluate(_SHOWN)

    def asked(self) -> set[str]:
        """All values of the last run."""
        ((_, last),) = self.page.comfy.get("/history?max_items=1").items()
        return {
            f"{value}" for node in last["prompt"][2].values() for value in node["inputs"].values()
        }


@pytest.fixture
def app(page: ComfyPage) -> Iterator[App]:
    if page.comfy.version < APPS_SINCE:
        pytest.skip("this ComfyUI has no apps")
    yield App(page)
    page.tab.evaluate(_TOGGLE)


@pytest.mark.parametrize(
    ("name", "labels", "editor", "change"),
    [
        ("remove_object", ["scene", "prompts"], ".ve-edits", ("seed", "1000015")),
        ("change_object", ["scene", "seed", "prompts"], ".ve-edits", ("caption", "a green ring")),
        ("add_object", ["scene", "seed", "path"], ".ve-path", ("caption", "a red circle")),
        ("edit_by_instruction", ["scene", "seed"], "", ("instruction", "make the square blue")),
    ],
)
def test_an_app_runs_with_what_is_changed_in_it(
    app: App, name: str, labels: list[str], editor: str, change: tuple[str, str]
) -> None:
    app.open(f"vivid_{name}")
    for label in [*labels, change[0]]:
        app.input(label).wait_for()
    if editor:
        app.inputs.locator(editor).wait_for()
    app.type(*change)
    shown = app.run()
    app.page.keep(f"app_{name}")
    assert shown == [64, 64]
    assert change[1] in app.asked()
    assert app.inputs.evaluate(_CUT_OFF) == []
    assert app.page.errors == []
