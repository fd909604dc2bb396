"""`vivid edit` on files: lossless outside, a report a script can read, errors in one line."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.cli import main
from vivid_core.media import frame_times, read_clip, save_image, write_clip
from vivid_core.tiny.scenes.shapes import draw_scene

FPS = Fraction(8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A lossless clip and its mask video."""
    scene = draw_scene(1_000_003, frames=9)
    write_clip(tmp_path / "clip.mkv", torch.from_numpy(scene.render()), fps=FPS)
    mask = torch.from_numpy(scene.mask())[..., None].expand(-1, -1, -1, 3)
    write_clip(tmp_path / "mask.mkv", mask, fps=FPS)
    return tmp_path


def edit(folder: Path, *changes: str, out: str = "out.mkv") -> int:
    options = {
        "--video": folder / "clip.mkv",
        "--mask": folder / "mask.mkv",
        "--task": "delete",
        "--steps": 1,
        "--device": "cpu",
        "--out": folder / out,
    }
    options |= dict(zip(changes[::2], changes[1::2], strict=True))
    return main(["edit", *[str(part) for pair in options.items() for part in pair]])


def test_a_lossless_file_differs_inside_the_effective_mask_only(files, capsys):
    assert edit(files, "--report", str(files / "report.json")) == 0
    report = json.loads((files / "report.json").read_text())
    source, result = read_clip(files / "clip.mkv").frames, read_clip(files / "out.mkv").frames
    mask = read_clip(Path(report["effective_mask"])).frames[..., 0] > 0.5
    assert torch.equal(result[~mask], source[~mask])
    assert report["written_max_difference_outside"] == 0
    assert not torch.equal(result[mask], source[mask])
    assert "max difference 0" in capsys.readouterr().out


def test_times_and_depth_are_the_sources(files):
    """Of a deep clip with uneven timing, edited in memory."""
    frames = read_clip(files / "clip.mkv").frames * 0.999
    times = [Fraction(i * i + 10 * i, 100) for i in range(len(frames) + 1)]
    write_clip(files / "clip.mkv", frames, fps=FPS, pts=times, bit_depth=16)
    assert edit(files, "--report", str(files / "report.json")) == 0
    assert list(frame_times(files / "out.mkv")) == list(frame_times(files / "clip.mkv"))
    assert json.loads((files / "report.json").read_text())["written_max_difference_outside"] == 0


def test_a_lossy_file_reports_its_encoding_error_apart(files):
    assert edit(files, "--report", str(files / "report.json"), out="out.mp4") == 0
    report = json.loads((files / "report.json").read_text())
    assert report["max_difference_outside"] == 0
    assert report["encoding_error_max"] > 0


def test_what_other_frames_show_is_filled_in_and_reported(files, capsys):
    assert edit(files, "--fill", "auto", "--report", str(files / "report.json")) == 0
    report = json.loads((files / "report.json").read_text())
    assert report["fill"] == "auto"
    assert report["filled_share"] + report["generated_share"] == pytest.approx(1)
    assert report["written_max_difference_outside"] == 0
    assert "was filled from other frames" in capsys.readouterr().out


def test_a_keyframe_image_is_used(files):
    save_image(files / "key.png", read_clip(files / "clip.mkv").frames[2])
    assert edit(files, "--keyframe", f"{files / 'key.png'}@2") == 0
    source, result = read_clip(files / "clip.mkv").frames, read_clip(files / "out.mkv").frames
    assert torch.allclose(result[2], source[2], atol=1.5 / 255)


def lengthen(folder: Path, frames: int) -> None:
    scene = draw_scene(1_000_003, frames=frames)
    write_clip(folder / "clip.mkv", torch.from_numpy(scene.render()), fps=FPS)
    mask = torch.from_numpy(scene.mask())[..., None].expand(-1, -1, -1, 3)
    write_clip(folder / "mask.mkv", mask, fps=FPS)


def test_a_clip_longer_than_a_window_is_chained_and_resumed(files, capsys):
    lengthen(files, 20)
    options = ("--guidance", "1", "--report", str(files / "report.json"))
    assert edit(files, *options) == 0
    first = json.loads((files / "report.json").read_text())
    mask = read_clip(Path(first["effective_mask"])).frames[..., 0] > 0.5
    source, result = read_clip(files / "clip.mkv").frames, read_clip(files / "out.mkv").frames
    assert torch.equal(result[~mask], source[~mask])
    assert (first["windows"], first["windows_reused"]) == (2, 0)
    assert "journal" in capsys.readouterr().out
    whole = ["edit", "--video", files / "clip.mkv", "--mask", files / "mask.mkv"]
    whole += ["--task", "delete", "--steps", 1, "--device", "cpu", "--out", files / "out.mkv"]
    assert main([*map(str, whole), *options, "--resume"]) == 0
    again = json.loads((files / "report.json").read_text())
    assert again["windows_reused"] == 2
    assert {"output", "encoding_error_max", "written_max_difference_outside"} < again.keys()


def test_a_short_clip_with_a_journal_or_a_later_caption_is_chained(files):
    captions = ("--task", "add", "--caption", "a red circle", "--later-caption", "a blue star@5")
    report = ("--guidance", "1", "--report", str(files / "report.json"))
    assert edit(files, *captions, *report, "--work", str(files / "here")) == 0
    assert json.loads((files / "report.json").read_text())["windows"] == 2
    assert (files / "here" / "journal.json").is_file()


def test_resume_without_a_journal_is_an_error(files, capsys):
    whole = ["--video", files / "clip.mkv", "--mask", files / "mask.mkv", "--task", "delete"]
    whole += ["--out", files / "out.mkv", "--resume"]
    assert main(["edit", *map(str, whole)]) == 2
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        (("--later-caption", "a blue star"), "--later-caption"),
        (("--steps", "0"), "steps"),
        (("--steps", "1001"), "steps"),
        (("--task", "add"), "caption"),
        (("--keyframe", "key.png"), "--keyframe"),
        (("--device", "toaster"), "--device"),
        (("--video", "missing.mp4"), "missing.mp4"),
        (("--mask", "missing.mkv"), "missing.mkv"),
        (("--model", "missing"), "missing"),
        (("--task", "add", "--caption", "red " * 5000), "caption"),
    ],
)
def test_bad_input_exits_with_one_line_and_leaves_no_file(files, capsys, changes, argument):
    assert edit(files, *changes) == 2
    message = capsys.readouterr().err.strip()
    assert argument in message
    assert len(message.splitlines()) == 1
    assert not list(files.glob("out*"))


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("--out", "clip.mkv/out.mkv"),
        ("--out", "nowhere/out.mkv"),
        ("--out", "out.gif"),
        ("--out", "folder"),
        ("--report", "nowhere/report.json"),
    ],
)
def test_an_unwritable_place_is_named_before_any_work(files, capsys, option, place):
    assert edit(files, "--video", "missing.mp4", option, str(files / place)) == 2
    assert place.split("/")[0] in capsys.readouterr().err


def test_plan_says_what_an_edit_costs(files, capsys):
    video, mask = str(files / "clip.mkv"), str(files / "mask.mkv")
    assert main(["plan", "--video", video, "--mask", mask, "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert "FLOPs" in told
    assert " on this machine (" in told and "TFLOPS measured" in told
    assert "a delete with fill auto this is an upper limit" in told  # the default


def test_plan_without_a_fill_is_no_limit(files, capsys):
    assert main(["plan", "--video", str(files / "clip.mkv"), "--fill", "off"]) == 0
    assert "upper limit" not in capsys.readouterr().out
