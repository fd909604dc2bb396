"""One object of a mask that holds several: by its label, by its colour; gaps in folders."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vivid_core.chain.sources import open_masks
from vivid_core.errors import MaskError
from vivid_core.media import Color, Label, VideoWriter, read_mask, split_part
from vivid_core.media._mask_objects import object_mask
from vivid_core.media._numbering import missing_names
from vivid_core.video import FrameRange

LABELS = np.zeros((24, 40), np.uint8)
LABELS[2:10, 3:12] = 1
LABELS[12:20, 3:12] = 3
LABELS[4:18, 20:36] = 2
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 0, 0]  # 1 and 3 look the same


def palette_image(path: Path, labels: np.ndarray = LABELS) -> Path:
    indexed = Image.frombytes("P", labels.shape[::-1], labels.tobytes())
    indexed.putpalette(PALETTE)
    indexed.save(path)
    return path


def colored(labels: np.ndarray = LABELS) -> np.ndarray:
    return np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255], [255, 255, 0]], np.uint8)[labels]


@pytest.mark.parametrize("label", [1, 2, 3])
def test_a_label_of_a_palette_is_chosen_by_its_number(tmp_path, label):
    path = palette_image(tmp_path / "m.png")
    assert (read_mask(path)[0] > 0.5).numpy().tolist() == (LABELS > 0).tolist()
    chosen = read_mask(path.with_name(f"m.png@{label}"))[0] > 0.5
    np.testing.assert_array_equal(chosen.numpy(), LABELS == label)


def test_a_label_of_grey_values_is_that_grey(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "m.png")
    chosen = read_mask(tmp_path / "m.png@2")[0] > 0.5
    np.testing.assert_array_equal(chosen.numpy(), LABELS == 2)


def test_a_colour_is_chosen(tmp_path):
    Image.fromarray(colored()).save(tmp_path / "m.png")
    chosen = read_mask(tmp_path / "m.png@#FFff00")[0] > 0.5
    np.testing.assert_array_equal(chosen.numpy(), LABELS == 3)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("7", "no label 7 on any frame; there are 0, 2, 1, 3"),
        ("#123456", "no colour #123456 on any frame; there are #000000, #008000, #800000"),
    ],
)
def test_who_is_not_there_is_told_who_is(tmp_path, part, words):
    path = palette_image(tmp_path / "m.png")
    with pytest.raises(MaskError, match=re.escape(words)):
        read_mask(path.with_name(f"m.png@{part}"))


def test_a_label_of_coloured_objects_lists_the_colours(tmp_path):
    Image.fromarray(colored()).save(tmp_path / "m.png")
    with pytest.raises(MaskError, match="no label 1 on any frame; there are #000000, #0000ff"):
        read_mask(tmp_path / "m.png@1")


def test_in_folders_an_object_may_be_away_on_some_frames(tmp_path):
    for number in range(4):
        here = LABELS if number % 2 else np.where(LABELS == 3, 0, LABELS)
        palette_image(tmp_path / f"{number}.png", here)
    named = tmp_path.with_name(f"{tmp_path.name}@3")
    assert [bool(mask.any()) for mask in read_mask(named)] == [False, True, False, True]
    assert [bool(m.any()) for m in open_masks(named).read(FrameRange(start=1, stop=3))] == [
        True,
        False,
    ]


@pytest.mark.parametrize("name", ["m.mkv", "m.mp4"])
def test_a_colour_of_a_video_is_chosen_in_streams_too(tmp_path, name):
    large = colored().repeat(4, axis=0).repeat(4, axis=1)
    with VideoWriter(tmp_path / name, fps=Fraction(8), size=large.shape[:2]) as writer:
        for _ in range(3):
            writer.write(large)
    truth = (LABELS == 2).repeat(4, axis=0).repeat(4, axis=1)
    for masks in (
        read_mask(tmp_path / f"{name}@#0000ff"),
        open_masks(tmp_path / f"{name}@#0000ff").read(FrameRange(start=0, stop=3)),
    ):
        found = masks[1].numpy() > 0.5
        assert (found & truth).sum() / (found | truth).sum() > 0.9
    with pytest.raises(MaskError, match="no colour #00ff00 on any frame; there are #"):
        open_masks(tmp_path / f"{name}@#00ff00")


def test_a_file_of_such_a_name_is_itself_meant(tmp_path):
    path = palette_image(tmp_path / "m.png")
    twin = path.rename(tmp_path / "m@3")
    assert split_part(twin) == (twin, None)
    assert split_part(tmp_path / "n@3") == (tmp_path / "n", Label(number=3))
    assert split_part(tmp_path / "@3") == (tmp_path / "@3", None)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_colour_is_written_as_it_is_read(rgb):
    part = Color(rgb=rgb)
    assert split_part(Path(f"no/such.png@{part}")) == (Path("no/such.png"), part)
    pixels = np.array([[rgb, [255 - value for value in rgb]]], np.uint8)
    assert object_mask(pixels, part)[0, 0] == 1
    assert object_mask(pixels.astype(np.uint16) * 257, part).tolist() == [[1, 0]]


@given(
    start=st.integers(0, 2000),
    step=st.integers(1, 10),
    keep=st.lists(st.booleans(), min_size=3, max_size=40),
    digits=st.integers(1, 6),
)
def test_what_is_missing_is_named(start, step, keep, digits):
    keep = [True, True, *keep, True]  # two that follow each other show the step
    names = [f"m_{start + step * n:0{digits}}.png" for n in range(len(keep))]
    files = [Path(name) for name, kept in zip(names, keep, strict=True) if kept]
    lacking = [name for name, kept in zip(names, keep, strict=True) if not kept]
    assert missing_names(files) == (lacking if len(lacking) <= len(files) else [])


@pytest.mark.parametrize(
    "names",
    [
        ["a.png"],
        ["a.png", "b.png"],
        ["00000.png", "00005.png", "00010.png"],
        ["cat_1.png", "dog_3.png", "dog_4.png"],
        ["shot_20240101093011.png", "shot_20240101101500.png", "shot_20240102080003.png"],
    ],
)
def test_what_is_no_sequence_has_no_gap(names):
    assert missing_names([Path(name) for name in names]) == []


def test_a_gap_in_a_folder_is_refused(tmp_path):
    for number in (0, 1, 2, 5, 6):
        palette_image(tmp_path / f"m_{number:04}.png")
    with pytest.raises(MaskError, match=r"5 masks where .* 7: m_0003\.png, m_0004\.png missing"):
        open_masks(tmp_path)
