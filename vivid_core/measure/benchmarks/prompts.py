"""A table of edits by instruction: a row an edit, columns known by what they are called.

TGVE+ (Singer et al. 2024) is such a table: the instruction, the captions of source and result, and
the path of a video in TGVE. Its file is Parquet, to be saved as CSV or JSON lines first; this
reader was written from its description and was not tried on the file itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from ...data.formats.columns import text_of
from ...data.formats.record import confined
from ...data.formats.rows import Row
from ...errors import InputError
from ..manifest import ARGUMENT, EvaluationCase
from .lying import MASKS, find_clip, find_mask, require_name
from .tgve import find_parts, find_video, mask_of_video

# What a column may be called; case does not matter, and "Video name" is video_name.
VIDEO, INSTRUCTION, BEFORE, RESULT, KIND = (
    "the video",
    "the instruction",
    "the source's caption",
    "the result's caption",
    "the kind",
)
MEANINGS = {
    VIDEO: ("video", "video_name", "video_path", "video_file", "video_id", "file_name", "name"),
    INSTRUCTION: ("instruction", "edit_instruction", "editing_instruction"),
    BEFORE: ("input_caption", "source_caption", "original_caption"),
    RESULT: ("output_caption", "target_caption", "edited_caption", "target_prompt"),
    KIND: ("task", "task_name", "edit_type", "type"),
}
NEEDED = (VIDEO, INSTRUCTION, RESULT)
NO_KIND = "edit"
NOTES = (
    "The table was read by the names of its columns; TGVE+ itself was not at hand to check that.",
)


def read_cases(path: Path, rows: Sequence[Row]) -> list[EvaluationCase]:
    """A case a row. Raises InputError that names the row, or the columns that were found."""
    columns = find_columns(path, dict.fromkeys(name for row in rows for name in row))
    parts = find_parts(path.parent)
    cases = []
    for number, row in enumerate(rows, start=1):
        try:
            cases.append(_case(row, columns, path.parent, parts))
        except InputError as error:
            raise InputError(ARGUMENT, f"{path}, row {number}: {error.problem}") from error
    return cases


def find_columns(path: Path, names: Iterable[str]) -> dict[str, str]:
    """The column of each meaning that has one; InputError for two of one, or none of a needed."""
    names = list(names)
    found: dict[str, str] = {}
    for meaning, known in MEANINGS.items():
        columns = [name for name in names if "_".join(name.casefold().split()) in known]
        if len(columns) > 1 or (meaning in NEEDED and not columns):
            raise InputError(
                ARGUMENT,
                f"{path}: needs one column for {meaning} ({', '.join(known)}), has "
                f"{' and '.join(columns) or 'none'} among its columns {', '.join(names)}",
            )
        if columns:
            found[meaning] = columns[0]
    return found


def _case(row: Row, columns: dict[str, str], root: Path, parts: Sequence[str]) -> EvaluationCase:
    texts = {meaning: text_of(row, column) for meaning, column in columns.items()}
    for meaning in NEEDED:
        if not texts[meaning]:
            raise InputError(ARGUMENT, f"column {columns[meaning]!r} ({meaning}) is empty")
    part, name, source = _video(root, parts, texts[VIDEO])
    kind = require_name(texts.get(KIND) or NO_KIND)
    places = [f"{MASKS}/{name}"]
    return EvaluationCase(
        name=f"{name}_{kind}",
        source=source,
        mask=mask_of_video(root, part, name) if part else find_mask(root, places),
        task="modify",
        caption=texts[RESULT],
        truth=None,
        group=str(source),
        kind=kind,
        instruction=texts[INSTRUCTION],
        source_caption=texts.get(BEFORE, ""),
        whole_caption=True,
        edit="/".join(step for step in (part, name, kind) if step),
    )


def _video(root: Path, parts: Sequence[str], text: str) -> tuple[str, str, Path]:
    """TGVE's part ("" elsewhere), the name, and the clip. By its path, or by its name alone."""
    given = PurePosixPath(text)
    path = confined(root, text)
    name = require_name(given.stem if path.is_file() else given.name)
    if path.exists():
        return (given.parts[0] if given.parts[0] in parts else ""), name, path
    if len(given.parts) == 1 and parts:
        return (found := find_video(root, parts, name))[0], name, found[1]
    found = find_clip(root, [text, f"videos/{text}"])
    if found is None:
        raise InputError(ARGUMENT, f"the video {text!r} is not in {root}")
    return (given.parts[0] if given.parts[0] in parts else ""), name, found
