"""A file or folder appears whole under its name, or what was there stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivid_core.errors import MediaError
from vivid_core.files.atomic import write_whole, write_whole_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_and_a_folder_take_their_names_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with write_whole(tmp_path / "a.txt") as file, write_whole(tmp_path / "folder") as folder:
        file.write_text("new")
        folder.mkdir()
        (folder / "inside").touch()
        assert not (tmp_path / "a.txt").exists() and not names(tmp_path / "folder")
    assert names(tmp_path) == ["a.txt", "folder"] and names(tmp_path / "folder") == ["inside"]


def test_after_an_exception_what_was_there_stays(tmp_path: Path) -> None:
    write_whole_file(tmp_path / "a.txt", b"old")
    with pytest.raises(KeyError), write_whole(tmp_path / "a.txt") as file:
        file.write_text("half")
        raise KeyError
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_bytes() == b"old"


def test_what_cannot_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there is no folder"):
        write_whole_file(tmp_path / "absent" / "a.txt", b"")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "inside").touch()
    with pytest.raises(MediaError, match="cannot be written"), write_whole(tmp_path / "full") as it:
        it.mkdir()
    assert names(tmp_path) == ["full"]
