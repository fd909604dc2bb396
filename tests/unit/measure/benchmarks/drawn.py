"""Benchmarks as folders of empty files: what is read here is which edit is asked for."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CAPTIONS = (
    "Style Change Caption",
    "Object Change Caption",
    "Background Change Caption",
    "Multiple Changes Caption",
)
COLUMNS = ("Video name", "Our GT caption", *CAPTIONS)
HEADING = dict.fromkeys(COLUMNS, "") | {"Video name": "DAVIS Videos:"}


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def captions(name: str, **changes: str) -> dict[str, str]:
    """A row of TGVE."""
    row = {column: f"{name}: {column}" for column in COLUMNS} | {"Video name": name}
    return row | {column: changes[column] for column in changes}


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_tgve(root: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    return write_table(root / "LOVEU-TGVE-2023_Dataset.csv", rows, COLUMNS)


def entry(**changes: Any) -> dict[str, Any]:
    """An entry of EditVerseBench; None takes a key out."""
    given = {
        "<text>": "<video1> Add a crown",
        "<video1>": "videos/1.mp4",
        "direction": "horizontal",
        "target_prompt": "a woman with a crown",
        "type": "add object",
        "source_prompt": "a woman",
    } | changes
    return {key: value for key, value in given.items() if value is not None}


def write_editverse(root: Path, entries: Any) -> Path:
    path = root / "test.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path
