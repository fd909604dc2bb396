"""`vivid fill` on files: what other frames show comes back, the rest is a mask, nothing else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.cli import main
from vivid_core.media import read_clip, read_mask, save_image, save_masks, write_clip

FRAMES, HEIGHT, WIDTH = 9, 64, 96
FPS = Fraction(12)
ALWAYS = (slice(None), slice(24, 40), slice(20, 36))  # frames, rows, columns that are hidden
SOMETIMES = (slice(3, 6), slice(24, 40), slice(56, 72))


def box(*places: tuple[slice, slice, slice]) -> torch.Tensor:
    mask = torch.zeros(FRAMES, HEIGHT, WIDTH)
    for place in places:
        mask[place] = 1
    return mask


@pytest.fixture(scope="module")
def wall() -> torch.Tensor:
    """A picture with a pattern everywhere, in steps of 1/255."""
    noise = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(noise, size=(HEIGHT, WIDTH), mode="bilinear")
    return (large[0].permute(1, 2, 0) * 255).round() / 255


@pytest.fixture
def files(tmp_path: Path, wall: torch.Tensor) -> Path:
    """A still wall behind a box that is always there, and one that comes and goes."""
    mask = box(ALWAYS, SOMETIMES)
    frames = torch.where(mask[..., None] > 0.5, torch.tensor([1.0, 0.0, 0.0]), wall)
    write_clip(tmp_path / "clip.mkv", frames, fps=FPS)
    save_masks(tmp_path / "mask.json", mask)
    return tmp_path


def fill(folder: Path, *changes: object) -> int:
    options = {
        "--video": folder / "clip.mkv",
        "--mask": folder / "mask.json",
        "--out": folder / "out.mkv",
    }
    options |= dict(zip(changes[::2], changes[1::2], strict=True))
    return main(["fill", *[str(part) for pair in options.items() for part in pair]])


@pytest.mark.parametrize("name", ["left.json", "left.mkv", "left"])
def test_the_revealed_comes_back_and_the_rest_is_a_mask(files, wall, capsys, name):
    assert fill(files, "--never-seen", files / name) == 0
    source, result = read_clip(files / "clip.mkv"), read_clip(files / "out.mkv")
    hole = box(ALWAYS, SOMETIMES) > 0.5
    assert torch.equal(result.frames[~hole], source.frames[~hole])
    seen = box(SOMETIMES) > 0.5
    assert (result.frames - wall)[seen].abs().mean() < 0.01
    assert torch.equal(read_mask(files / name), box(ALWAYS))
    assert result.fps == FPS
    printed = capsys.readouterr().out
    assert "25.0% was filled from other frames and 75.0% was never seen" in printed
    assert "outside the mask differs by at most 0)" in printed


def test_entities_are_not_copied(files, capsys):
    mask = torch.zeros(HEIGHT, WIDTH)
    mask[SOMETIMES[1:]] = 1
    save_image(files / "entities.png", mask[..., None].expand(-1, -1, 3))
    assert fill(files, "--entities", files / "entities.png") == 0
    assert " 0.0% was filled" in capsys.readouterr().out


def test_reach_limits_how_far_it_looks(files, capsys):
    """The middle one of three hidden frames is two frames away from the wall."""
    assert fill(files, "--reach", 1) == 0
    assert "16.7% was filled" in capsys.readouterr().out


def test_a_mask_that_looks_inverted_is_named(files, capsys):
    save_masks(files / "mask.json", 1 - box(ALWAYS))
    assert fill(files) == 0
    assert "warning: the mask selects" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--video", "gone.mp4", "--video: "),
        ("--mask", "gone.mkv", "--mask: "),
        ("--mask", "small.png", "--mask: is 10x10 but the clip is 96x64"),
        ("--mask", "black.png", "--mask: is empty on every frame"),
        ("--entities", "gone.json", "--entities: "),
        ("--entities", "small.png", "--entities: are (1, 10, 10)"),
        ("--entities", "short.json", "--entities: "),
        ("--out", "out.gif", "--out: "),
        ("--out", "folder", "--out: "),
        ("--out", "nowhere/out.mkv", "--out: "),
        ("--never-seen", "left.gif", "--never-seen: "),
        ("--never-seen", "nowhere/left.json", "--never-seen: "),
    ],
)
def test_bad_input_exits_with_one_line_and_leaves_no_file(files, capsys, option, value, message):
    save_image(files / "small.png", torch.ones(10, 10, 3))
    save_image(files / "black.png", torch.zeros(HEIGHT, WIDTH, 3))
    save_masks(files / "short.json", box(ALWAYS)[:4])
    before = sorted(files.rglob("*"))
    assert fill(files, option, files / value) == 2
    printed = capsys.readouterr().err.strip()
    assert message in printed
    assert len(printed.splitlines()) == 1
    assert sorted(files.rglob("*")) == before


def test_a_reach_of_nothing_is_refused(files, capsys):
    assert fill(files, "--reach", 0) == 2
    assert "reach: must be 1 or more frames, got 0" in capsys.readouterr().err


def test_a_clip_too_small_for_motion_is_refused(files, capsys):
    write_clip(files / "clip.mkv", torch.rand(1, 12, 12, 3).expand(2, -1, -1, -1), fps=FPS)
    save_masks(files / "mask.json", torch.ones(1, 12, 12))
    assert fill(files) == 2
    assert "--video: 12x12 is too small" in capsys.readouterr().err


def test_unwritable_places_are_named_before_any_work(files, capsys):
    for option, place in (("--out", "nowhere/out.mkv"), ("--never-seen", "nowhere/left.json")):
        assert fill(files, "--video", "gone.mp4", option, files / place) == 2
        assert f"{option}: " in capsys.readouterr().err
