"""`vivid instruct` and `vivid filter` on files."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.cli import main
from vivid_core.cogvideox.save import save_bundle
from vivid_core.media import read_clip, save_image, write_clip

from ..random_model import random_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random models of the layouts insvie and vivid, as folders."""
    folder = tmp_path_factory.mktemp("models")
    for layout in ("insvie", "vivid"):
        save_bundle(random_model(layout), folder / layout)
    return folder


@pytest.fixture
def instruct(models: Path, tmp_path: Path) -> Callable[..., int]:
    """Edit a clip of 17 frames, two windows."""
    picture = torch.rand(32, 32, 3, generator=torch.Generator().manual_seed(1)) * 0.8
    steps = torch.linspace(0, 0.1, 17).view(-1, 1, 1, 1)
    write_clip(tmp_path / "clip.mkv", ((picture + steps) * 255).round() / 255, fps=Fraction(8))

    def run(*more: str, model: str = "insvie", words: str = "make the red disc blue") -> int:
        options = {
            "--video": tmp_path / "clip.mkv",
            "--instruction": words,
            "--model": models / model,
            "--steps": 1,
            "--device": "cpu",
            "--out": tmp_path / "out.mkv",
            "--report": tmp_path / "report.json",
        }
        return main(["instruct", *[str(p) for pair in options.items() for p in pair], *more])

    return run


def test_a_clip_of_two_windows_is_edited_and_gone_on_with(instruct, tmp_path, capsys):
    assert instruct() == 0
    first = (tmp_path / "out.mkv").read_bytes()
    assert read_clip(tmp_path / "out.mkv").frames.shape == (17, 32, 32, 3)
    assert json.loads((tmp_path / "report.json").read_text())["windows"] == 2
    assert instruct("--resume") == 0
    assert "2 window(s) were finished by an earlier run" in capsys.readouterr().out
    assert (tmp_path / "out.mkv").read_bytes() == first


def test_with_a_mask_nothing_outside_changes(instruct, tmp_path):
    mask = torch.zeros(32, 32, 3)
    mask[8:20, 8:20] = 1
    save_image(tmp_path / "mask.png", mask)
    assert instruct("--mask", str(tmp_path / "mask.png"), "--guidance-formula", "paper") == 0
    source, edit = (read_clip(tmp_path / name).frames for name in ("clip.mkv", "out.mkv"))
    outside = mask[..., 0] == 0
    assert torch.equal(edit[:, outside], source[:, outside])
    assert not torch.equal(edit, source)


@pytest.mark.parametrize(
    ("more", "given", "problem"),
    [
        ((), {"words": " "}, "--instruction: is empty"),
        ((), {"words": "red " * 5000}, "--instruction: has 5000 words"),
        ((), {"model": "vivid"}, "--model: vivid is a vivid model"),
        (("--text-guidance", "101"), {}, "--text-guidance: must be 0 to 100, got 101"),
    ],
)
def test_bad_requests_end_with_one_line_that_names_the_option(
    instruct, capsys, more, given, problem
):
    assert instruct(*more, **given) == 2
    error = capsys.readouterr().err
    assert problem in error and error.count("\n") == 1


def test_edits_are_filtered_and_reasons_counted(tmp_path, capsys):
    frames = torch.rand(3, 32, 32, 3, generator=torch.Generator().manual_seed(2))
    for name, clip in (("a", frames), ("b", frames * 0.8), ("c", frames)):
        write_clip(tmp_path / f"{name}.mkv", clip, fps=Fraction(8))
    a, b, c = (str(tmp_path / f"{name}.mkv") for name in "abc")
    report = tmp_path / "report.json"
    pairs = ["--source", a, "--edit", b, "--source", a, "--edit", c]
    assert main(["filter", *pairs, "--device", "cpu", "--report", str(report)]) == 0
    assert "1 passed, 1 nothing changed" in capsys.readouterr().out
    told = json.loads(report.read_text())
    assert [one["passed"] for one in told["edits"]] == [True, False]
    for more, problem in (
        (["--source", a], "--edit: is given 2 times, --source 3"),
        (["--judge", "endpoint"], "--instruction: is missing"),
        (["--judge", "owl", "--instruction", "x"], "--judge: 'owl' is unknown"),
        (["--judge", "labels", "--instruction", "x"], "--judge: this one answers no questions"),
    ):
        assert main(["filter", *pairs, *more, "--device", "cpu"]) == 2
        assert problem in capsys.readouterr().err
