"""Tell what evaluation set a file or folder is, and read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...data.formats.rows import DELIMITERS, JSON_LINES, Row, read_rows
from ...errors import InputError, VividError
from ...files.guarded import MOST_BYTES, JsonError, load_json
from ..manifest import ARGUMENT, EvaluationCase, read_manifest
from . import editverse, prompts, tgve

TABLES = (*DELIMITERS, JSON_LINES)
# What a folder is known by, first ones first.
KNOWN = ("manifest.json", "LOVEU-TGVE-2023_Dataset.csv", "test.json")


@dataclass(frozen=True, kw_only=True)
class EvaluationSet:
    """The cases, in their order, and what must be said beside their figures."""

    cases: list[EvaluationCase]
    notes: tuple[str, ...] = ()


def read_set(path: Path) -> EvaluationSet:
    """A set of one's own, TGVE, a table like TGVE+'s, or EditVerseBench; its file or its folder.

    Raises InputError that names the file, and the entry at fault.
    """
    index = _index(path) if path.is_dir() else path
    try:
        found = _read(index)
    except InputError as error:
        raise InputError(ARGUMENT, error.problem) from error
    except VividError as error:
        raise InputError(ARGUMENT, str(error)) from error
    _require_names(index, found.cases)
    return found


def _index(folder: Path) -> Path:
    """The file that tells what is in a folder."""
    for name in KNOWN:
        if (folder / name).is_file():
            return folder / name
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES)
    if len(tables) == 1:
        return tables[0]
    have = ", ".join(path.name for path in tables) or "none of them"
    raise InputError(
        ARGUMENT,
        f"{folder}: needs {', '.join(KNOWN)} or one table ({', '.join(TABLES)}), has {have}: "
        "name the file",
    )


def _read(path: Path) -> EvaluationSet:
    if path.suffix.lower() in TABLES:
        return _read_table(path, _rows(path))
    data = _json(path)
    if editverse.is_benchmark(data):
        return EvaluationSet(cases=editverse.read_cases(path, data), notes=editverse.NOTES)
    return EvaluationSet(cases=read_manifest(path))


def _read_table(path: Path, rows: list[Row]) -> EvaluationSet:
    if tgve.is_benchmark(rows[0]):
        return EvaluationSet(cases=tgve.read_cases(path, rows), notes=tgve.NOTES)
    return EvaluationSet(cases=prompts.read_cases(path, rows), notes=prompts.NOTES)


def _rows(path: Path) -> list[Row]:
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise InputError(
            ARGUMENT,
            f"{path}: holds {path.stat().st_size:,} bytes, {MOST_BYTES:,} at most are read",
        )
    rows = read_rows(path)
    if not rows:
        raise InputError(ARGUMENT, f"{path}: has no rows")
    return rows


def _json(path: Path) -> Any:
    """Its value; None for what is none, which the reader of manifests says in words."""
    try:
        return load_json(path)
    except (OSError, JsonError):
        return None


def _require_names(path: Path, cases: list[EvaluationCase]) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            raise InputError(ARGUMENT, f"{path}: {case.name!r} is there twice: keep one")
        seen.add(case.name)
    if not cases:
        raise InputError(ARGUMENT, f"{path}: asks for no edit")
