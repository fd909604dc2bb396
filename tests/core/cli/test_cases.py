"""Files that people reported, each with the right answer.

Two more are of nodes alone: a null or list for a caption is in tests/nodes/test_bad_input.py, and
the kinds of adapter files are in tests/core/cogvideox/test_loras.py and test_lora_refusals.py. The
clip of one that was right (a dog, tracked from the last frame by SAM 2) is not at hand.
"""

from __future__ import annotations

import json
import os
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vivid_core.cli import main
from vivid_core.edit.masks import effective_mask
from vivid_core.media import (
    VideoReader,
    frame_times,
    frames_between,
    read_clip,
    read_info,
    read_mask,
    write_clip,
)
from vivid_core.track.store import StoredTrack

MORE = pytest.mark.soak  # long, or the same again with another kind of file
QUICK = ("--task", "delete", "--fill", "off", "--rest", "classical", "--device", "cpu")  # no model


@pytest.fixture
def case(cases_dir: Path, tmp_path: Path, monkeypatch):
    """Work in a copy of a case's folder."""

    def enter(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(next(cases_dir.glob(f"{name}-*")), folder, copy_function=shutil.copyfile)
        for item in [folder, *(d for d in folder.rglob("*") if d.is_dir())]:
            item.chmod(0o755)
        monkeypatch.chdir(folder)
        return folder

    return enter


def edit(video: str, mask: str, out: str, *more: str) -> int:
    return main(["edit", "--video", video, "--mask", mask, "--out", out, *QUICK, *more])


def test_01_masks_in_one_file(case):
    assert edit("plain_ll.mkv", "anim.webp", str(case("01") / "o.mkv")) == 0
    wanted = read_mask("mask.mkv") > 0.5
    for name in ("anim.webp", "anim.png", "pages.tif"):
        assert wanted.equal(read_mask(name) > 0.5)
    effective = read_mask("o.effective_mask.mkv")
    columns = [np.flatnonzero(effective[n].amax(dim=0)) for n in (0, 16)]
    assert [(int(c[0]), int(c[-1])) for c in columns] == [(4, 32), (60, 88)]


def test_02_masks_in_alpha(case, capsys):
    case("02")
    for name in ("cutout.png", "alpha_black.png"):
        assert edit("plain_ll.mkv", name, "o.mkv") == 2
        assert "has transparent pixels" in capsys.readouterr().err
    for name in ("alpha_white.png", "cutout.png@opaque"):
        grown = effective_mask(read_mask(name), 3)
        assert abs(float(grown.mean()) - 0.134) < 0.02


def test_05_a_gap_in_a_folder(case, capsys):
    case("05")
    assert edit("plain.mp4", "fold_gap", "o.mkv") == 2
    error = capsys.readouterr().err.strip()
    assert "15" in error and "17" in error and len(error.splitlines()) == 1
    assert "m_0003.png, m_0004.png missing" in error


@pytest.mark.parametrize(
    "out", ["o.mp4", *(pytest.param(name, marks=MORE) for name in ("o.mkv", "o.mov"))]
)
def test_06_anamorphic(case, out, capsys):
    case("06")
    assert edit("sar.mp4", "mask.mkv", out) == 0
    with av.open(out) as file:
        assert file.streams.video[0].sample_aspect_ratio == Fraction(32, 27)
    assert "kept of the source: pixel aspect 32:27" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["o.mp4", pytest.param("o.mov", marks=MORE)])
def test_07_hdr(case, out):
    case("07")
    assert edit("hlg.mp4", "mask.mkv", out) == 0
    looks, info = read_info(out).looks, read_info(out)
    assert (looks.transfer, looks.primaries, looks.matrix) == (18, 9, 9) and info.bit_depth >= 10


@pytest.mark.parametrize("video", ["alpha.mkv", pytest.param("alpha.webm", marks=MORE)])
def test_09_alpha(case, video):
    case("09")
    assert edit(video, "mask.mkv", "o.mkv", "--report", "r.json") == 0
    with VideoReader(video) as before, VideoReader("o.mkv") as after:
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a.pixels[..., 3], b.pixels[..., 3])
    assert json.loads(Path("r.json").read_text())["written_max_difference_outside"] == 0


def test_09_alpha_that_is_lost_is_said_before(case, caplog):
    case("09")
    assert edit("alpha.mkv", "mask.mkv", "o.mp4", "--report", "r.json") == 0
    assert any("will lose its alpha channel" in message for message in caplog.messages)
    assert json.loads(Path("r.json").read_text())["lost"] == ["alpha"]


UNFIT = (("mulaw.mov", "o.mp4"), ("adpcm.avi", "o.mkv"), ("opus.webm", "o.mov"))


def test_10_sound_that_does_not_fit(case, capsys, monkeypatch):
    case("10")
    monkeypatch.setattr("vivid_core.cli.chained.edit_video", lambda *_, **__: pytest.fail("began"))
    for video, out in UNFIT:
        assert edit(video, "mask.mkv", out) == 2
        assert "choose aac to encode it anew, off to leave it out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("video", "out"), [UNFIT[0], *(pytest.param(*u, marks=MORE) for u in UNFIT[1:])]
)
def test_10_sound_is_encoded_anew(case, video, out):
    case("10")
    assert edit(video, "mask.mkv", out, "--sound", "aac") == 0
    assert read_info(out).has_audio


def test_11_sound_longer_than_the_picture(case):
    case("11")
    assert edit("longaudio.mp4", "mask.mkv", "o.mp4") == 0
    with av.open("o.mp4") as file:
        sound = file.streams.audio[0]
        assert abs(float(sound.duration * sound.time_base) - 4.0) < 0.1
    assert read_info("o.mp4").frame_count == 17


@pytest.mark.parametrize("video", ["mjpeg_exif.mov", "mjpeg_exif.avi"])
def test_13_side_data(case, video):
    case("13")
    info = read_info(video)
    assert (info.frame_count, info.width, info.height) == (17, 96, 64)
    assert len(read_clip(video)) == 17


def test_14_a_layer_as_keyframe(case):
    case("14")
    how = ("--task", "modify", "--caption", "a green ball", "--feather", "0", "--rest", "model")
    assert edit("one.mkv", "box.png", "o.mkv", *how, "--keyframe", "kf_alpha_layer.png@0") == 0
    made = (read_clip("o.mkv").frames[0] * 255).round().int()
    assert made[32, 48].tolist() == [30, 200, 60]
    assert made[18, 26].tolist() == [164, 91, 134]


def test_16_a_slice_of_uneven_frames(case):
    """What Video Slice keeps; tests/nodes/inside_video.py edits and writes such slices.

    The case lists six frames; by ComfyUI's own rule a seventh begins inside the slice.
    """
    case("16")
    span = frames_between("vfr12.mp4", start=0.04, duration=1.5)
    times = frame_times("vfr12.mp4", range=span)[:6]
    wanted = (0, 0.04, 0.46, 0.5, 0.96, 1.0)
    assert (span.start, span.stop) == (1, 8)
    assert [float(time) for time in times] == pytest.approx(wanted, abs=1e-3)


@MORE
def test_18_what_moved_goes_on_and_what_changed_does_not(case):
    """Three windows: moved files use them all, another source uses none."""
    folder = case("18")
    how = ("--rest", "model", "--steps", "1", "--guidance", "1", "--report", "r.json")
    assert edit("long.mkv", "longmask.mkv", "a.mkv", *how, "--work", "j") == 0
    assert json.loads(Path("r.json").read_text())["windows_reused"] == 0
    before = Path("a.mkv").read_bytes()
    (folder / "moved").mkdir()
    for name in ("long.mkv", "longmask.mkv", "j"):
        (folder / name).rename(folder / "moved" / name)
    resumed = ("moved/long.mkv", "moved/longmask.mkv", "b.mkv")
    assert edit(*resumed, *how, "--work", "moved/j", "--resume") == 0
    assert json.loads(Path("r.json").read_text())["windows_reused"] == 3
    assert Path("b.mkv").read_bytes() == before
    clip = read_clip("moved/long.mkv")
    write_clip("moved/long.mkv", clip.frames * 0.8, fps=clip.fps)
    assert edit(*resumed, *how, "--work", "moved/j", "--resume") == 0
    assert json.loads(Path("r.json").read_text())["windows_reused"] == 0


def test_21_cups_that_pass_each_other(case):
    case("21")
    assert main("track --video cups.mp4 --points 146,152@0 --out m.json".split()) == 0
    item = StoredTrack.open(Path("m.track")).header.report["shots"][0]["objects"][0]
    first, last = item["lost"][0]
    assert first <= 12 and last == 24
    assert not read_mask("m.json")[first:].any()


@pytest.mark.parametrize(
    ("video", "name"),
    [
        ("epoch.mkv", "a b.mkv"),
        ("gap.mp4", "%04d 'x'.mp4"),
        ("wrap.ts", "line\nfeed \N{CAT FACE}.ts"),
        ("neg.mkv", 'say "on".mkv'),
        ("r240.mp4", os.fsdecode(b"caf\xe9.mp4")),
    ],
)
def test_24_times_and_names(case, video, name):
    case("24")
    Path(video).rename(name)
    assert edit(name, "mask.mkv", "o.mkv") == 0
    times = zip(frame_times(name), frame_times("o.mkv"), strict=True)
    assert max(abs(a - b) for a, b in list(times)[:-1]) <= Fraction(1, 1000)


def test_26_languages(case):
    case("26")
    assert edit("meta.mkv", "corner.mkv", "o.mkv") == 0
    with av.open("o.mkv") as file:
        assert [s.language for s in file.streams.audio] == ["ger", "eng"]
        assert file.streams.audio[1].metadata["title"] == "Commentary"
        assert file.metadata["title"] == "Shoot 12"
