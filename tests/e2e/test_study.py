"""The study page in a browser, opened as a file: voted by keyboard, saved, scored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from vivid_core.cli import main
from vivid_core.measure.manifest import read_manifest
from vivid_core.media import read_clip, read_mask, write_clip
from vivid_core.metrics.baselines import fill_mean_color
from vivid_core.tiny.evaluation import write_evaluation_set

LOADED = "() => [...document.querySelectorAll('video')].every((v) => v.readyState >= 2)"
QUESTIONS = 12  # of three trials


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The truth beside a fill of one colour, on one scene's three cases."""
    root = tmp_path_factory.mktemp("study")
    manifest = write_evaluation_set(root / "set", scenes=1)
    for name in ("truth", "mean"):
        (root / name).mkdir()
    for case in read_manifest(manifest):
        clip = read_clip(case.source)
        filled = fill_mean_color(clip.frames, read_mask(case.mask))
        for name, frames in (("truth", read_clip(case.truth).frames), ("mean", filled)):
            write_clip(root / name / f"{case.name}.mkv", frames, fps=clip.fps)
    edits = ["--edits", str(root / "truth"), "--edits", str(root / "mean")]
    assert main(["measure", "--manifest", str(manifest), *edits, "--study", str(root / "s")]) == 0
    return root / "s"


@pytest.fixture
def page(browser: Browser, study: Path) -> Iterator[Page]:
    """The page, begun by keyboard alone; it may ask for nothing but its own files."""
    tab = browser.new_page(viewport={"width": 1300, "height": 900})
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: errors.append(message.text))
    tab.goto((study / "study.html").as_uri())
    begin(tab, "ann")
    yield tab
    tab.close()
    assert errors == []
    assert all(url.startswith((study.as_uri(), "blob:")) for url in asked)


def begin(tab: Page, name: str) -> None:
    tab.fill("#voter", name)
    tab.press("#voter", "Enter")
    tab.wait_for_function(LOADED)


def answer(tab: Page, key: str, count: int) -> None:
    for _ in range(count):
        tab.keyboard.press(key)


def save(tab: Page, folder: Path) -> dict[str, str]:
    """Choices by trial and criterion."""
    with tab.expect_download() as download:
        tab.click("#save")
    assert download.value.suggested_filename == "votes.json"
    download.value.save_as(folder / "votes.json")
    votes = json.loads((folder / "votes.json").read_text())["votes"]
    return {f"{vote['trial']} {vote['criterion']}": vote["choice"] for vote in votes}


def test_all_is_voted_by_keyboard_and_scored(page: Page, study: Path, capsys) -> None:
    key = {trial["name"]: trial for trial in json.loads((study / "key.json").read_text())["trials"]}
    for trial in key.values():
        answer(page, "ArrowLeft" if trial["left"] == "truth" else "ArrowRight", 3)
        answer(page, "ArrowDown", 1)
    page.wait_for_selector("#end", state="visible")
    assert f"{QUESTIONS} of {QUESTIONS} questions are answered" in page.inner_text("#done")
    assert len(save(page, study)) == QUESTIONS
    capsys.readouterr()
    assert main(["measure", "--votes", str(study / "votes.json")]) == 0
    lines = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "100%" in lines["truth against mean, all, VQ"]
    assert lines["truth against mean, all, BP"].split()[5:9] == ["3", "0", "3", "0"]


def test_an_answer_is_changed_and_votes_outlive_a_reload(page: Page, tmp_path: Path) -> None:
    answer(page, "ArrowLeft", 2)
    answer(page, "Backspace", 1)
    assert page.get_attribute("[data-choice=left]", "aria-pressed") == "true"
    page.click("[data-choice=right]")
    page.reload()
    begin(page, "ann")
    assert page.inner_text("#count") == f"3 of {QUESTIONS}"
    page.click("#stop")
    assert list(save(page, tmp_path).values()) == ["left", "right"]
    page.reload()
    begin(page, "bob")
    assert page.inner_text("#count") == f"1 of {QUESTIONS}"


def test_clips_play_together_and_pause(page: Page) -> None:
    page.wait_for_function("() => document.getElementById('right').currentTime > 0.3")
    page.keyboard.press(" ")
    states = "() => [...document.querySelectorAll('video')].map((v) => v.paused)"
    assert page.evaluate(states) == [True] * 3
    times = page.evaluate("() => [...document.querySelectorAll('video')].map((v) => v.currentTime)")
    assert max(times) - min(times) < 0.5
