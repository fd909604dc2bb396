"""A browser on the page of a running ComfyUI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from ..comfyui import ComfyServer, comfy
from .page import START_MS, ComfyPage, Renderer

__all__ = ["comfy"]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZE = {"width": 1800, "height": 1250}
VUE_SINCE = (0, 10)  # ComfyUI whose second renderer shows widgets of extensions


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages() -> list[ComfyPage]:
    """The page that the test before left in order, or none."""
    return []


@pytest.fixture
def page(
    request: pytest.FixtureRequest, browser: Browser, comfy: ComfyServer, pages: list[ComfyPage]
) -> Iterator[ComfyPage]:
    """Handed on within a file of tests; each file begins with a page that is opened anew."""
    if pages and pages[-1].used_by != request.path:
        pages.pop().tab.close()
    page = pages.pop() if pages else _new_page(browser, comfy)
    page.used_by = request.path
    failed = request.session.testsfailed
    yield page
    if request.session.testsfailed > failed or page.errors:
        page.tab.close()
        return
    page.tab.unroute_all()
    pages.append(page)


def _new_page(browser: Browser, comfy: ComfyServer) -> ComfyPage:
    tab = browser.new_page(viewport=SIZE)
    tab.set_default_timeout(START_MS)  # other tests share the machine
    return ComfyPage(tab, comfy)


@pytest.fixture(params=["canvas", "vue"])
def renderer(request: pytest.FixtureRequest, page: ComfyPage) -> Renderer:
    """One after the other, each of the page's renderers."""
    if request.param == "vue" and page.comfy.version < VUE_SINCE:
        pytest.skip("this ComfyUI has one renderer")
    return request.param
