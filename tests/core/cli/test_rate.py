"""The rate of folders of pictures, which state none: assumed or given, and always told."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.cli import main
from vivid_core.cli.shared import fps_named
from vivid_core.errors import InputError
from vivid_core.media import read_info, save_image, write_clip
from vivid_core.tiny.scenes.shapes import draw_scene

FRAMES = 5
QUICK = ("--task", "delete", "--fill", "off", "--rest", "classical", "--device", "cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Frames as images, and a mask of the thing in them."""
    scene = draw_scene(8, frames=FRAMES, height=64, width=96)
    (tmp_path / "frames").mkdir()
    for number, pixels in enumerate((scene.render() * 255).round().astype(np.uint8)):
        save_image(tmp_path / "frames" / f"{number:04}.png", pixels)
    mask = (scene.mask()[0] > 0.5)[..., None].repeat(3, axis=2)
    save_image(tmp_path / "mask.png", mask.astype(np.uint8) * 255)
    return tmp_path


def edit(folder: Path, *more: str, video: str = "frames") -> int:
    files = {"video": video, "mask": "mask.png", "out": "o.mp4", "report": "r.json"}
    options = [part for name, file in files.items() for part in (f"--{name}", str(folder / file))]
    return main(["edit", *options, *QUICK, *more])


def test_a_rate_is_assumed_and_told(folder, capsys):
    assert edit(folder) == 0
    assert read_info(folder / "o.mp4").fps == 8
    words = "8 frames a second, assumed, since pictures state none: fps sets another"
    assert f"frame rate: {words}" in capsys.readouterr().out
    assert json.loads((folder / "r.json").read_text())["frame_rate"] == words


def test_a_given_rate_is_written_and_told(folder, capsys):
    assert edit(folder, "--fps", "24000/1001") == 0
    assert read_info(folder / "o.mp4").fps == Fraction(24000, 1001)
    assert "frame rate: 23.976 frames a second, as given" in capsys.readouterr().out


def test_tracks_and_fills_have_it_too(folder, capsys):
    video, mask = str(folder / "frames"), str(folder / "mask.png")
    out, overlay = folder / "m.mkv", folder / "overlay.mp4"
    given = ["--video", video, "--mask", mask, "--fps", "12"]
    assert main(["track", *given, "--out", str(out), "--overlay", str(overlay)]) == 0
    assert read_info(out).fps == read_info(overlay).fps == 12
    seen = folder / "never.mkv"
    more = ["--out", str(folder / "f.mkv"), "--never-seen", str(seen)]
    assert main(["fill", *given, *more]) == 0
    assert read_info(folder / "f.mkv").fps == read_info(seen).fps == 12
    assert capsys.readouterr().out.count("frame rate: 12 frames a second, as given") == 2


def test_a_video_has_its_own(folder, capsys):
    write_clip(folder / "clip.mkv", np.zeros((FRAMES, 64, 96, 3), np.uint8), fps=Fraction(25))
    assert edit(folder, "--fps", "24", video="clip.mkv") == 2
    error = capsys.readouterr().err
    assert "--fps" in error and "states when its frames are shown" in error


@given(st.fractions(min_value=Fraction(1, 10), max_value=240, max_denominator=1001))
def test_rates_are_read_as_they_are_written(rate):
    assert fps_named(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-5", "1/0", "nan", "inf", "1e9"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(InputError, match="--fps: need a rate such as 24"):
        fps_named(text)
