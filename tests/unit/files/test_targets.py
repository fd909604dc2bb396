"""No output is an input or another output, and what cannot be written is told before the work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vivid_core.errors import InputError, MediaError
from vivid_core.files.atomic import require_folder_target, require_writable, write_whole_file
from vivid_core.files.lock import sole_writer
from vivid_core.files.targets import require_apart, require_outside, require_own_folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "0.png").write_bytes(b"")
    path = tmp_path / "clip.mkv"
    path.write_bytes(b"clip")
    return path


def names_of(clip: Path, how: str) -> Path:
    """The clip under another name."""
    if how == "dots":
        return clip.parent / "masks" / ".." / clip.name
    other = clip.with_name("other.mkv")
    other.hardlink_to(clip) if how == "hard link" else other.symlink_to(clip)
    return other


@pytest.mark.parametrize("how", ["dots", "link", "hard link"])
def test_another_name_hides_no_input(clip: Path, how: str) -> None:
    with pytest.raises(InputError, match=r"^--out: .* is what --video reads: choose another"):
        require_apart([("--video", clip)], [("--report", None), ("--out", names_of(clip, how))])


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (("out.mkv", "out.mkv"), "--report: .* is written by --out too"),
        (("out.mkv", "OUT.mkv"), "--report: .* is written by --out too"),
        (("out.mkv", "masks/../out.mkv"), "--report: .* is written by --out too"),
        (("masks/0.png", "a"), "--out: .* lies in the folder that --mask reads"),
        (("masks", "a"), "--out: .*masks is what --mask reads"),
    ],
)
def test_names_that_meet(clip: Path, written: tuple[str, str], words: str) -> None:
    inputs = [("--video", clip), ("--mask", clip.parent / "masks")]
    outputs = [
        (name, clip.parent / path)
        for name, path in zip(("--out", "--report"), written, strict=True)
    ]
    with pytest.raises(InputError, match=words):
        require_apart(inputs, outputs)


def test_a_folder_that_is_written_holds_no_input(clip: Path) -> None:
    with pytest.raises(InputError, match="--work: .* holds .*, which --video reads"):
        require_apart([("--video", clip)], [("--work", clip.parent)])
    require_apart([("--video", clip)], [("--work", clip.parent / "new"), ("--out", clip / "x")])


@pytest.mark.parametrize(
    ("folder", "source", "harmed"),
    [
        ("run", "run", True),
        ("run", "run/log.jsonl", True),
        ("run", "run/states/../states/1.pt", True),
        ("run", "run/clips", False),
        ("clips/run", "clips", False),
        ("run", "clips", False),
    ],
)
def test_a_folder_that_a_run_fills(tmp_path: Path, folder: str, source: str, harmed: bool) -> None:
    """It is no input, and replaces none; there or not there yet."""
    inputs = [("data", tmp_path / source), ("base", None)]
    for _ in range(2):
        if harmed:
            with pytest.raises(InputError, match="^out: .* data reads: choose another folder"):
                require_own_folder("out", tmp_path / folder, ("log.jsonl", "states"), inputs)
        else:
            require_own_folder("out", tmp_path / folder, ("log.jsonl", "states"), inputs)
        (tmp_path / folder / "states").mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize("source", ["a", "a/b", "a/b/c", "a/b/../b/c/d"])
def test_what_is_made_lies_outside_of_what_it_is_made_from(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match="^out: .* lie in each other: choose another folder"):
        require_outside("out", tmp_path / "a" / "b", [("videos", tmp_path / source)])
    require_outside("out", tmp_path / "a" / "x", [("videos", tmp_path / "a" / "b")])


@given(st.text(st.characters(exclude_characters="/"), min_size=1, max_size=12))
@example("\ud800").via("half of a character, which no file's name holds")
def test_any_name_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        require_apart([("--video", folder / "clip.mkv")], [("--out", folder / name)])
        require_writable(folder / name)
    except (InputError, MediaError) as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("masks", "it is a folder: name a file"),
        ("none/a.json", "there is no folder .*none: create it first"),
        ("x" * 250, "its name is too long: choose a shorter one"),
        ("x" * 5000, "its name is too long: choose a shorter one"),
        ("a\0b", r"a.x00b: is no name of a file"),
        ("a\ud800b", r"is no name of a file"),
        ("pipe", "it is a device or a pipe"),
        ("clip.mkv/a", "there is no folder"),
    ],
)
def test_targets_that_cannot_be(clip: Path, name: str, words: str) -> None:
    os.mkfifo(clip.parent / "pipe")
    with pytest.raises(MediaError, match=words) as refused:
        require_writable(clip.parent / name)
    assert len(str(refused.value)) < 800
    with pytest.raises(MediaError):
        write_whole_file(clip.parent / name, b"")


def test_targets_that_are_folders(clip: Path) -> None:
    require_folder_target(clip.parent / "masks")
    require_folder_target(clip.parent / "new")
    with pytest.raises(MediaError, match="it is a file: choose another name"):
        require_folder_target(clip)
    with pytest.raises(MediaError, match="there is no folder"):
        require_folder_target(clip.parent / "none" / "new")


def test_one_writer_at_a_time(clip: Path) -> None:
    with sole_writer(clip, argument="--out"):
        with pytest.raises(InputError, match="--out: another run writes .*clip.mkv: wait for it"):
            with sole_writer(clip, argument="--out"):
                pass
        with sole_writer(clip.with_name("b.mkv"), argument="--out"):
            pass
    with sole_writer(clip, argument="--out"):
        pass
    assert sorted(p.name for p in clip.parent.iterdir()) == ["clip.mkv", "masks"]
