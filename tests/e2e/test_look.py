"""The pages to rate and to review samples, opened as files: clicked, saved, read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from vivid_core.build.pages import write_pages
from vivid_core.cli import main
from vivid_core.data.opened import open_dataset

from ..building import write_videos

LOADED = "() => [...document.querySelectorAll('video')].every((v) => v.readyState >= 2)"
CONFIG = """\
videos: videos/clips
out: out
clips: {min_seconds: 0.1, min_side: 32}
output: {lossless: true, shard_bytes: 200000}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, its configuration, and the pages of two samples."""
    root = tmp_path_factory.mktemp("look")
    write_videos(root / "videos", clips=2, frames=2)
    (root / "build.yaml").write_text(CONFIG)
    assert main(["build", str(root / "build.yaml")]) == 0
    write_pages(root / "out", count=2, seed=0)
    return root


@pytest.fixture
def tab(browser: Browser, made: Path) -> Iterator[Page]:
    """It may ask for nothing but its own files."""
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    asked: list[str] = []
    errors: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: errors.append(message.text))
    yield tab
    tab.close()
    assert errors == []
    assert asked and all(url.startswith((made.as_uri(), "blob:")) for url in asked)


def open_page(tab: Page, made: Path, kind: str) -> None:
    tab.goto((made / "out" / "look_0_2" / f"{kind}.html").as_uri())
    tab.wait_for_function(LOADED)
    tab.fill("#voter", "ann")


def save(tab: Page, path: Path) -> Path:
    with tab.expect_download() as download:
        tab.click("#save")
    assert download.value.suggested_filename == path.name
    download.value.save_as(path)
    return path


def test_ratings_are_clicked_and_counted(tab: Page, made: Path, capsys) -> None:
    """All of the first sample is good, the first answer of the second is not."""
    open_page(tab, made, "ratings")
    first, questions = tab.inner_text("#name"), tab.locator("fieldset").count()
    for _ in range(questions):
        if tab.inner_text("#name") == first:
            tab.locator("fieldset:not(:has([aria-pressed=true])) button").first.click()
    assert tab.inner_text("#name") != first
    tab.get_by_role("button", name="no (2)").first.click()
    answers = save(tab, made / "ratings.json")
    assert main(["build", str(made / "build.yaml"), "--stats", "--ratings", str(answers)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "MG: 0.50 of 2 answers" in lines and "HQ: 0.50 of 2 answers" in lines


def test_what_is_dropped_in_review_is_left_out(tab: Page, made: Path) -> None:
    open_page(tab, made, "review")
    dropped = tab.inner_text("#name")
    tab.get_by_role("button", name="drop (2)").click()
    kept = tab.inner_text("#name")
    tab.get_by_role("button", name="keep (1)").click()
    answers = save(tab, made / "review.json")
    path = made / "reviewed.yaml"
    path.write_text(CONFIG + f"review: [{answers.name}]\n")
    before = {sample.name for sample in open_dataset(made / "out").samples}
    assert main(["build", str(path)]) == 0
    after = {sample.name for sample in open_dataset(made / "out").samples}
    assert before - after == {dropped} and kept in after
