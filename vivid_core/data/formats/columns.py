"""Datasets that are one table: a map says which column means what."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...video import FrameRange
from .record import MaskReference, Record, confined, relative
from .rows import Row, read_rows, write_rows


@dataclass(frozen=True, kw_only=True)
class ColumnMap:
    """The names of columns; "" where a dataset has none of a kind.

    Frames count from 0, `stop` is the first that no longer belongs to the sample. Columns in
    `optional` may be missing. `order` names the columns of a CSV without a line of names.
    """

    video: str
    edited: str = ""
    mask: str = ""
    start: str = ""
    stop: str = ""
    fps: str = ""
    captions: tuple[str, ...] = ()
    edited_caption: str = ""
    instruction: str = ""
    references: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.video:
            raise InputError("video", "is empty: name the column that holds the clip's path")
        if len(set(self.names)) < len(self.names):
            raise InputError("columns", f"one column has two meanings: {', '.join(self.names)}")
        if bool(self.start) != bool(self.stop):
            raise InputError("columns", "start and stop belong together: name both or neither")
        unknown = set(self.optional) - set(self.names)
        if unknown:
            raise InputError("optional", f"{', '.join(sorted(unknown))} has no meaning here")

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that has a meaning."""
        single = (self.video, self.edited, self.mask, self.start, self.stop, self.fps)
        texts = (*self.captions, self.edited_caption, self.instruction)
        return tuple(name for name in (*single, *self.references, *texts) if name)


def read_table(path: Path, columns: ColumnMap, root: Path) -> tuple[Record, ...]:
    """The samples of a table; the paths in it start in `root`.

    Raises InputError that names the row, or the column that is missing.
    """
    rows = read_rows(path, columns.order)
    records = []
    for number, row in enumerate(rows, start=1):
        try:
            records.append(record_of_row(row, columns, root))
        except InputError as error:
            raise InputError("data", f"{path}, sample {number}: {error.problem}") from error
    return tuple(records)


def write_table(path: Path, records: Iterable[Record], columns: ColumnMap, root: Path) -> None:
    """Write samples in that form; `extra` becomes columns of its own.

    Raises InputError for a sample that the form has no column for.
    """
    rows = [row_of_record(record, columns, root) for record in records]
    found = dict.fromkeys(name for row in rows for name in row)
    known = columns.order or tuple(name for name in columns.names if name in found or not rows)
    write_rows(path, rows, list(dict.fromkeys([*known, *found])))


def record_of_row(row: Row, columns: ColumnMap, root: Path) -> Record:
    _require_columns(row, columns)
    mask = _path(row, columns.mask, root)
    return Record(
        video=confined(root, text_of(row, columns.video)),
        frames=_frames(row, columns),
        fps=_fps(row, columns.fps),
        mask=MaskReference(path=mask) if mask else None,
        edited=_path(row, columns.edited, root),
        captions=tuple(t for name in columns.captions if (t := text_of(row, name))),
        edited_caption=text_of(row, columns.edited_caption),
        instruction=text_of(row, columns.instruction),
        references=tuple(p for n in columns.references if (p := _path(row, n, root))),
        extra={name: value for name, value in row.items() if name not in columns.names},
    )


def row_of_record(record: Record, columns: ColumnMap, root: Path) -> dict[str, Any]:
    """The values of a record by column."""
    row: dict[str, Any] = {}
    _put(row, "video", columns.video, relative(root, record.video))
    _put(row, "edited", columns.edited, record.edited and relative(root, record.edited))
    _put(row, "mask", columns.mask, record.mask and _mask_path(record.mask, root))
    _put(row, "frames", columns.start, record.frames and record.frames.start)
    _put(row, "frames", columns.stop, record.frames and record.frames.stop)
    _put(row, "fps", columns.fps, record.fps)
    _put_all(row, "captions", columns.captions, record.captions)
    _put(row, "edited_caption", columns.edited_caption, record.edited_caption)
    _put(row, "instruction", columns.instruction, record.instruction)
    pictures = [relative(root, path) for path in record.references]
    _put_all(row, "references", columns.references, pictures)
    for name in columns.names:
        if name not in row and name not in columns.optional:
            row[name] = ""
    clash = sorted(set(row) & set(record.extra))
    if clash:
        raise InputError("data", f"the extra column {clash[0]!r} has a meaning in this form")
    return row | dict(record.extra)


def unknown_columns(records: Iterable[Record]) -> tuple[str, ...]:
    """Names of all columns that no meaning is known of, for people to be told."""
    return tuple(dict.fromkeys(name for record in records for name in record.extra))


def text_of(row: Row, name: str) -> str:
    """A column's text without space around it; "" where there is none."""
    value = row.get(name) if name else None
    if value is not None and not isinstance(value, str):
        raise InputError("data", f"column {name!r} holds {type(value).__name__}, expected text")
    return (value or "").strip()


def number_of(row: Row, name: str) -> float | None:
    """A column's number; None where there is none."""
    value = row.get(name) if name else None
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise InputError("data", f"column {name!r} holds {value!r}, expected a number")
    return number


def whole_of(row: Row, name: str) -> int | None:
    """A column's whole number; None where there is none. 12.0 is one: tables write so."""
    number = number_of(row, name)
    if number is not None and number != int(number):
        raise InputError("data", f"column {name!r} holds {number:g}, expected a whole number")
    return None if number is None else int(number)


def _require_columns(row: Row, columns: ColumnMap) -> None:
    missing = [n for n in columns.names if n not in row and n not in columns.optional]
    if not missing:
        return
    near = get_close_matches(missing[0], list(row), n=1, cutoff=0.6)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise InputError(
        "data", f"has no column {missing[0]!r}{hint}; it has {', '.join(map(repr, row)) or 'none'}"
    )


def _frames(row: Row, columns: ColumnMap) -> FrameRange | None:
    start, stop = whole_of(row, columns.start), whole_of(row, columns.stop)
    if start is None and stop is None:
        return None
    if start is None or stop is None or not 0 <= start < stop:
        raise InputError("data", f"frames {start} to {stop} are none: needs 0 <= start < stop")
    return FrameRange(start=start, stop=stop)


def _fps(row: Row, name: str) -> float | None:
    fps = number_of(row, name)
    if fps is not None and fps <= 0:
        raise InputError("data", f"column {name!r} holds {fps:g} frames a second")
    return fps


def _path(row: Row, name: str, root: Path) -> Path | None:
    text = text_of(row, name)
    return confined(root, text) if text else None


def _mask_path(mask: MaskReference, root: Path) -> str:
    if mask.kind != "file":
        raise InputError(
            "data", f"{mask.path} holds masks of several things: write this one to a file first"
        )
    return relative(root, mask.path)


def _put(row: dict[str, Any], what: str, column: str, value: Any) -> None:
    """Set a column. Raises InputError where there is a value and no column for it."""
    if value is None or value == "":
        return
    if not column:
        raise InputError("data", f"this form has no place for a sample's {what}: {value!r}")
    row[column] = value


def _put_all(row: dict[str, Any], what: str, columns: Sequence[str], values: Sequence[str]) -> None:
    if len(values) > len(columns):
        raise InputError(
            "data", f"this form has {len(columns)} places for {what}, the sample {len(values)}"
        )
    row.update(zip(columns, values, strict=False))


def map_from_settings(settings: Mapping[str, Any]) -> ColumnMap:
    """A column map from a configuration file: meaning to column, or to a list of columns."""
    known = set(ColumnMap.__dataclass_fields__)
    several = {
        name for name in known if isinstance(ColumnMap.__dataclass_fields__[name].default, tuple)
    }
    values: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1, cutoff=0)[0]
            raise InputError("columns", f"there is no {name!r}: did you mean {near!r}?")
        values[name] = _names(name, value) if name in several else value
        if name not in several and not isinstance(value, str):
            raise InputError("columns", f"{name} is {value!r}: give the name of one column")
    if "video" not in values:
        raise InputError("columns", "says nothing of video: name the column of the clip's path")
    return ColumnMap(**values)


def _names(name: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise InputError("columns", f"{name} is {value!r}: give names of columns")
    return tuple(names)
