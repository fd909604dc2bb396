"""`vivid augment` on files: the six variants as the core makes them, errors in one line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.cli import main
from vivid_core.mask.augment import MASK_MODES, augment_mask
from vivid_core.media import read_info, read_mask, save_masks, write_clip


@pytest.fixture(scope="module")
def mask() -> torch.Tensor:
    """Two bars that move, 5 frames of 40x60; the third is empty."""
    values = torch.zeros(5, 40, 60)
    for t in (0, 1, 3, 4):
        values[t, 12:18, 14 + t : 22 + t] = 1
        values[t, 20:30, 36:40] = 1
    return values


@pytest.fixture
def files(tmp_path: Path, mask: torch.Tensor) -> Path:
    write_clip(tmp_path / "mask.mkv", mask[..., None].expand(-1, -1, -1, 3), fps=Fraction(12))
    return tmp_path


def augment(folder: Path, *more: object, out: str = "out.json", given: str = "mask.mkv") -> int:
    options = ("--mask", folder / given, "--out", folder / out, *more)
    return main(["augment", *(str(part) for part in options)])


@pytest.mark.parametrize("mode", MASK_MODES)
def test_every_mode_gives_what_the_core_gives(files, mask, mode):
    more = ("--mode", mode, "--radius", "2,6", "--unit", "pixels", "--seed", 7)
    assert augment(files, *more) == 0
    expected = augment_mask(mask, mode=mode, radius=(2, 6), unit="pixels", seed=7)
    assert torch.equal(read_mask(files / "out.json"), expected)


def test_every_option_is_passed_on(files, mask):
    more = ("--mode", "hull+expand", "--radius", "0.1,0.5", "--per-frame", "--components", "each")
    assert augment(files, *more, "--seed", 3) == 0
    expected = augment_mask(
        mask, mode="hull+expand", radius=(0.1, 0.5), per_frame=True, components="each", seed=3
    )
    assert torch.equal(read_mask(files / "out.json"), expected)


def test_what_is_left_out_has_the_defaults_of_the_core(files, mask):
    assert augment(files, "--mode", "expand") == 0
    assert torch.equal(read_mask(files / "out.json"), augment_mask(mask, mode="expand"))


def test_a_video_keeps_its_rate_and_a_folder_has_a_picture_a_frame(files, mask, capsys):
    expected = augment_mask(mask, mode="box")
    assert augment(files, "--mode", "box", out="out.mkv") == 0
    assert torch.equal(read_mask(files / "out.mkv"), expected)
    assert read_info(files / "out.mkv").fps == 12
    assert augment(files, "--mode", "box", out="out") == 0
    assert torch.equal(read_mask(files / "out"), expected)
    printed = capsys.readouterr().out
    assert "5 frames, the mask grew from" in printed and "written: " in printed


@pytest.mark.parametrize("given", ["mask.json", "folder"])
def test_masks_without_a_rate_become_a_video_too(files, mask, given):
    save_masks(files / "mask.json", mask)
    write_clip(files / "folder", mask[..., None].expand(-1, -1, -1, 3), fps=Fraction(12))
    assert augment(files, "--mode", "hull", given=given, out="out.mkv") == 0
    assert torch.equal(read_mask(files / "out.mkv"), augment_mask(mask, mode="hull"))
    assert read_info(files / "out.mkv").fps == 8


def test_a_mask_that_becomes_too_large_is_named(files, capsys):
    assert augment(files, "--mode", "expand", "--radius", "30,30", "--unit", "pixels") == 0
    assert "warning: in its largest frame the mask is not between" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--radius", "5"), "--radius: cannot read '5': need MIN,MAX"),
        (("--radius", "a,b"), "--radius: cannot read 'a,b'"),
        (("--radius", "1,2,3"), "--radius: cannot read '1,2,3'"),
        (("--radius", "6,2"), "--radius: need 0 <= low <= high, got 6 to 2"),
        (("--radius", "nan,nan"), "--radius: need 0 <= low <= high"),
        (("--radius", "1,inf"), "--radius: need 0 <= low <= high"),
        (("--unit", "pixels"), "--radius: say how many pixels"),
        (("--seed", "-1"), "--seed: must be 0 to"),
        (("--seed", str(2**64)), "--seed: must be 0 to"),
        (("--mask", "gone.mkv"), "--mask: gone.mkv"),
        (("--out", "out.gif"), "--out: "),
        (("--out", "nowhere/masks.json"), "--out: "),
        (("--out", "nowhere/masks.mkv"), "--out: "),
    ],
)
def test_bad_input_exits_with_one_line_and_leaves_no_file(files, capsys, more, message):
    before = sorted(files.rglob("*"))
    assert augment(files, "--mode", "expand", *more) == 2
    printed = capsys.readouterr().err.strip()
    assert message in printed
    assert len(printed.splitlines()) == 1
    assert sorted(files.rglob("*")) == before


def test_an_empty_mask_is_refused(files, mask, capsys):
    save_masks(files / "empty.json", mask * 0)
    assert augment(files, "--mode", "box", given="empty.json") == 2
    assert "empty on every frame" in capsys.readouterr().err


def test_an_unwritable_place_is_named_before_any_work(files, capsys):
    more = ("--mode", "box", "--mask", "gone.mkv", "--out", "nowhere/masks.json")
    assert augment(files, *more) == 2
    assert "--out: " in capsys.readouterr().err
