"""Folders followed through links, which may lead anywhere, also to where they lie."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

MOST_NAMES = 4  # of one folder, by links


def walk_links(
    root: Path, *, names: int = MOST_NAMES
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`, links followed: no folder within itself, and none under over `names` names."""
    seen: Counter[str] = Counter()
    above: dict[str, tuple[str, ...]] = {}  # the folders that a folder lies in, links resolved
    for place, folders, files in os.walk(root, followlinks=True):
        here = os.path.realpath(place)
        around = above.pop(place, ())
        seen[here] += 1
        if here in around or seen[here] > names:
            folders.clear()
            continue
        yield Path(place), folders, files
        above |= {os.path.join(place, name): (*around, here) for name in folders}  # noqa: PTH118
