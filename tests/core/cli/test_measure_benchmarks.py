"""`vivid measure` on benchmarks: whole frames without masks, change outside with them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from vivid_core.cli import main
from vivid_core.measure.benchmarks.recognise import read_set
from vivid_core.media import save_image, save_masks, write_clip

FRAMES = torch.rand(3, 32, 48, 3, generator=torch.Generator().manual_seed(0)).round(decimals=1)
COLUMNS = (
    "Video name,Our GT caption,Style Change Caption,Object Change Caption,"
    "Background Change Caption,Multiple Changes Caption"
)
KINDS = ("style", "object", "background", "multiple")


def write_frames(folder: Path, frames: torch.Tensor) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        save_image(folder / f"{number:05}.png", frame)


def write_video(path: Path, frames: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_clip(path, frames, fps=Fraction(8))


def save_mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = torch.zeros(3, 32, 48)
    mask[:, 8:24, 8:24] = 1
    save_masks(path, mask)


def measure(root: Path, *more: object) -> tuple[int, dict[str, Any]]:
    words = ["measure", "--manifest", root / "set", "--edits", root / "ours", *more]
    code = main([*(str(word) for word in words), "--json", str(root / "r.json")])
    return code, json.loads((root / "r.json").read_text()) if code == 0 else {}


@pytest.fixture
def tgve(tmp_path: Path) -> Path:
    write_frames(tmp_path / "set/DAVIS_480p/480p_frames/fish", FRAMES)
    rows = [COLUMNS, "DAVIS Videos:,,,,,", "fish,a,b,c,d,e"]
    (tmp_path / "set/LOVEU-TGVE-2023_Dataset.csv").write_text("\n".join(rows))
    for kind in KINDS:
        write_frames(tmp_path / "ours/DAVIS_480p/fish" / kind, 1 - FRAMES)
    return tmp_path


@pytest.fixture
def editverse(tmp_path: Path) -> Path:
    entry = {
        "<text>": "<video1> Add a crown",
        "<video1>": "videos/1.mkv",
        "target_prompt": "a crown",
        "type": "add object",
    }
    (tmp_path / "set").mkdir()
    (tmp_path / "set/test.json").write_text(json.dumps({"0": entry, "1": entry}))
    write_video(tmp_path / "set/videos/1.mkv", FRAMES)
    save_mask(tmp_path / "set/masks/1.json")
    write_video(tmp_path / "ours/0/generate.mkv", FRAMES)
    write_video(tmp_path / "ours/1/generate.mkv", FRAMES[:, :16])
    write_video(tmp_path / "ours/1/video1.mkv", FRAMES[:, :16])
    return tmp_path


def test_tgve_without_and_with_a_mask(tgve):
    code, found = measure(tgve)
    assert code == 0 and list(found["tasks"]) == [*KINDS, "all"]
    style = found["clips"][0]["figures"]
    assert style["BP"]["not measured"].startswith("needs a mask")
    assert isinstance(style["EPE, frames"], float)
    save_mask(tgve / "set/masks/fish.json")
    figures = measure(tgve)[1]["clips"][0]["figures"]
    assert figures["BP"] > 50 and isinstance(figures["flicker"], float)


def test_a_source_of_the_edits_own_size_is_compared_without_the_sets_mask(editverse):
    code, found = measure(editverse)
    assert code == 0
    whole, small = (clip["figures"] for clip in found["clips"])
    assert whole["BP"] == 0
    assert small["BP"]["not measured"].startswith("the set's mask is 48x32 but the clip is 48x16")
    assert any("ViCLIP" in note for note in found["notes"])
    assert whole["DINO"] == {"not measured": "needs a DINOv2 model (dino_model)"}


def test_an_edit_of_another_size_is_told_in_words(editverse, capsys):
    (editverse / "ours/1/video1.mkv").unlink()
    assert measure(editverse)[0] == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--manifest: 1: edit: is 3 frames of 48x16, the source 3 of 48x32" in line


def test_tgve_and_tables_bring_the_captions_of_sources(tgve):
    (tgve / "set/more.csv").write_text(
        "video,instruction,input_caption,output_caption\nfish,be red,a fish,a red fish\n"
    )
    found = {place: read_set(tgve / "set" / place).cases for place in ("", "more.csv")}
    assert {case.source_caption for case in found[""]} == {"a"}
    assert [case.source_caption for case in found["more.csv"]] == ["a fish"]
