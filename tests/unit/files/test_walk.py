"""Folders that lead to themselves are walked once, and those with several names under each."""

from __future__ import annotations

import time
from pathlib import Path

from vivid_core.files.digest import path_digest
from vivid_core.files.walk import walk_links


def files(root: Path, **options: int) -> list[str]:
    return sorted(
        (place / name).relative_to(root).as_posix()
        for place, _, names in walk_links(root, **options)
        for name in names
        if (place / name).is_file()
    )


def test_links_to_where_they_lie_end(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").touch()
    for name, target in (("1", "a"), ("2", "a"), ("a/b/3", "."), ("a/4", "a/b"), ("a/b/5", "none")):
        (tmp_path / name).symlink_to(tmp_path / target)
    started = time.monotonic()
    names = {f"{above}/{here}/x" for above in "a12" for here in "b4"}
    found = files(tmp_path)
    assert len(found) == len(set(found)) == 4 and set(found) <= names
    (once,) = files(tmp_path, names=1)
    assert once in names
    assert path_digest(tmp_path) == path_digest(tmp_path)
    assert time.monotonic() - started < 2


def test_many_names_for_one_folder_are_no_bomb(tmp_path: Path) -> None:
    last = tmp_path / "0"
    last.mkdir()
    (last / "x").touch()
    for depth in range(1, 25):
        level = tmp_path / str(depth)
        level.mkdir()
        for name in "abc":
            (level / name).symlink_to(last)
        last = level
    assert len(files(last)) <= 4
