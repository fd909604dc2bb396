"""Find the clip or the mask that lies at a place, whatever its ending is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

VIDEO_SUFFIXES = (".mkv", ".mp4", ".mov", ".webm", ".avi")
MASK_SUFFIXES = (*VIDEO_SUFFIXES, ".json", ".png")


def clips_at(place: Path, suffixes: Sequence[str] = VIDEO_SUFFIXES) -> list[Path]:
    """The files that are called so but for their ending, and the folder of that very name."""
    files = [place.with_name(place.name + suffix) for suffix in suffixes]
    found = [path for path in files if path.is_file()]
    return [*found, place] if place.is_dir() else found


def masks_at(place: Path) -> list[Path]:
    """The same of masks, which may be one picture or run lengths, too."""
    return clips_at(place, MASK_SUFFIXES)
