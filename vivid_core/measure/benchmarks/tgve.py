"""TGVE, the benchmark of LOVEU 2023 (Wu et al. 2023): 76 videos, four captions of an edit each.

    LOVEU-TGVE-2023_Dataset.csv    Video name, Our GT caption, Style Change Caption, Object ...
    DAVIS_480p/480p_frames/NAME/00000.jpg, or DAVIS_480p/480p_videos/NAME.mp4; youtube_480p ...
    EDITS/DAVIS_480p/NAME/style/00000.jpg, or .../style.mp4; object, background, multiple

Rows with a name alone are headings. Which part a video belongs to is told by where it lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...data.formats.columns import text_of
from ...data.formats.rows import Row
from ...errors import InputError
from ..manifest import ARGUMENT, EvaluationCase
from .lying import MASKS, find_clip, find_mask, require_name

NAME, ORIGINAL = "Video name", "Our GT caption"
CAPTIONS = {
    "style": "Style Change Caption",
    "object": "Object Change Caption",
    "background": "Background Change Caption",
    "multiple": "Multiple Changes Caption",
}
PLACES = ("480p_frames", "480p_videos")  # in a part's folder; the first is what is edited
NOTES = (
    "TGVE: its CLIPScore is CLIP text, its frame consistency TC, all pairs. Its own script "
    "squeezes frames to 480x480 first; here they keep their shape, and CLIP's own preparation "
    "crops them.",
)


def is_benchmark(row: Row) -> bool:
    return any(column in row for column in CAPTIONS.values())


def read_cases(path: Path, rows: Sequence[Row]) -> list[EvaluationCase]:
    """Four cases a video. Raises InputError that names the row, or what the table lacks."""
    _require_columns(path, rows[0])
    parts = find_parts(path.parent)
    if not parts:
        raise InputError(
            ARGUMENT,
            f"{path.parent}: no folder in it has {' or '.join(PLACES)}: unpack the videos beside "
            "the table",
        )
    cases = []
    for number, row in enumerate(rows, start=1):
        try:
            cases += _cases(row, path.parent, parts)
        except InputError as error:
            raise InputError(ARGUMENT, f"{path}, row {number}: {error.problem}") from error
    return cases


def find_parts(root: Path) -> list[str]:
    """The folders that hold videos as TGVE keeps them."""
    folders = (path for path in root.iterdir() if any((path / place).is_dir() for place in PLACES))
    return sorted(path.name for path in folders)


def find_video(root: Path, parts: Sequence[str], name: str) -> tuple[str, Path]:
    """The part that a video lies in, and its frames. Raises InputError for none or several."""
    found = []
    for part in parts:
        path = find_clip(root, [f"{part}/{place}/{name}" for place in PLACES])
        if path is not None:
            found.append((part, path))
    if len(found) != 1:
        have = " and ".join(part for part, _ in found) or f"none of {', '.join(parts)}"
        raise InputError(ARGUMENT, f"the video {name!r} has to lie in one folder, lies in {have}")
    return found[0]


def mask_of_video(root: Path, part: str, name: str) -> Path | None:
    """Of somebody who made one: TGVE itself has no masks."""
    return find_mask(root, [f"{part}/{MASKS}/{name}", f"{MASKS}/{part}/{name}", f"{MASKS}/{name}"])


def _require_columns(path: Path, row: Row) -> None:
    missing = [column for column in (NAME, *CAPTIONS.values()) if column not in row]
    if missing:
        raise InputError(
            ARGUMENT,
            f"{path}: lacks the columns {', '.join(missing)}; it has {', '.join(row)}",
        )


def _cases(row: Row, root: Path, parts: Sequence[str]) -> Iterator[EvaluationCase]:
    captions = {kind: text_of(row, column) for kind, column in CAPTIONS.items()}
    if not any(captions.values()) and not text_of(row, ORIGINAL):
        return  # a heading, or an empty line
    name = require_name(text_of(row, NAME))
    part, source = find_video(root, parts, name)
    for kind, caption in captions.items():
        if not caption:
            raise InputError(ARGUMENT, f"{name!r} has no {CAPTIONS[kind]}")
        yield EvaluationCase(
            name=f"{name}_{kind}",
            source=source,
            mask=mask_of_video(root, part, name),
            task="modify",
            caption=caption,
            truth=None,
            group=str(source),
            kind=kind,
            source_caption=text_of(row, ORIGINAL),
            whole_caption=True,
            edit=f"{part}/{name}/{kind}",
        )
