"""Tables on disk as rows of values by column: CSV, TSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ...errors import InputError, MediaError
from ...files import guarded
from ...files.atomic import write_whole_file
from ...files.guarded import decode_json

Row = Mapping[str, Any]
Made = TypeVar("Made")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON, JSON_LINES = ".json", ".jsonl"
LARGEST_TABLE = 2**32  # bytes; tables of millions of clips are known
LONGEST_CELL = 2**24  # characters; captions are long, a damaged quote makes one of the whole file


def read_rows(path: Path, order: Sequence[str] = ()) -> list[Row]:
    """The rows of a table, in its order.

    `order` names the columns of a CSV that has no line of names. Raises InputError that names the
    file, and the line at fault.
    """
    suffix = path.suffix.lower()
    text = read_text(path)
    if suffix in DELIMITERS:
        return _read_csv(path, text, DELIMITERS[suffix], order)
    if suffix == JSON:
        return _objects(path, _parse(path, text))
    if suffix == JSON_LINES:
        lines = enumerate(text.splitlines(), start=1)
        return _objects(path, [_parse(path, line, n) for n, line in lines if line.strip()])
    raise InputError("data", f"{path}: tables end in .csv, .tsv, .json or .jsonl")


def read_each(path: Path, make: Callable[[Row], Made]) -> tuple[Made, ...]:
    """What `make` gives for each row of a table; its errors name the file and the sample."""
    made = []
    for number, row in enumerate(read_rows(path), start=1):
        try:
            made.append(make(row))
        except InputError as error:
            raise InputError("data", f"{path}, sample {number}: {error.problem}") from error
    return tuple(made)


def write_in_order(path: Path, rows: Sequence[Row], order: Sequence[str]) -> None:
    """Write a table with these columns in front, and what else the rows have behind them."""
    extra = dict.fromkeys(name for row in rows for name in row if name not in order)
    write_rows(path, rows, [*order, *extra])


def write_rows(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Write a table in one piece; a CSV starts with the columns' names."""
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        text = _csv_text(rows, columns, DELIMITERS[suffix])
    elif suffix == JSON:
        text = json.dumps([dict(row) for row in rows], ensure_ascii=False, indent=1) + "\n"
    elif suffix == JSON_LINES:
        text = "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
    else:
        raise InputError("data", f"{path}: tables end in .csv, .tsv, .json or .jsonl")
    write_whole_file(path, text.encode())


def read_text(path: Path) -> str:
    """A text file's content. Raises InputError for one that is no UTF-8 text."""
    try:
        return guarded.read_text(path, most_bytes=LARGEST_TABLE)
    except FileNotFoundError as error:
        raise InputError("data", f"{path}: no such file") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    except guarded.JsonError as error:
        raise InputError("data", f"{path}: {error}") from error


def _read_csv(path: Path, text: str, delimiter: str, order: Sequence[str]) -> list[Row]:
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise InputError("data", f"{path}: is no CSV: {error}") from error
    finally:
        csv.field_size_limit(before)
    if not lines:
        return []
    first = [cell.strip() for cell in lines[0][1]]
    has_names = not order or bool(set(first) & set(order))
    names = first if has_names else list(order)
    _require_names(path, names)
    return [_row(path, names, number, cells) for number, cells in lines[has_names:]]


def _require_names(path: Path, names: list[str]) -> None:
    if "" in names or len(set(names)) < len(names):
        raise InputError(
            "data", f"{path}: the first line has empty or repeated names: {', '.join(names)}"
        )


def _row(path: Path, names: list[str], number: int, cells: list[str]) -> Row:
    if len(cells) != len(names):
        raise InputError(
            "data",
            f"{path}, line {number}: has {len(cells)} values for {len(names)} columns "
            f"({', '.join(names)})",
        )
    return dict(zip(names, cells, strict=True))


def _csv_text(rows: Sequence[Row], columns: Sequence[str], delimiter: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = [_cell(row.get(column, "")) for column in columns]
        writer.writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _parse(path: Path, text: str, line: int | None = None) -> Any:
    try:
        return decode_json(text, most_bytes=max(len(text), 1), finite=False)
    except ValueError as error:
        place = f"{path}, line {line}" if line else str(path)
        raise InputError("data", f"{place}: is no JSON: {error}") from error


def _objects(path: Path, values: Any) -> list[Row]:
    if not isinstance(values, list):
        raise InputError("data", f"{path}: expected a list, found {type(values).__name__}")
    for number, value in enumerate(values):
        if not isinstance(value, dict):
            raise InputError(
                "data", f"{path}, item {number}: expected an object, got {type(value).__name__}"
            )
    return values
