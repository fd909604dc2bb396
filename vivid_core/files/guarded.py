"""JSON that somebody else wrote, read within stated limits."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST_BYTES = 64 * 2**20  # of a file; an index of a million tensors
MOST_DEPTH = 64  # objects and lists within each other
MOST_DIGITS = 40  # of a whole number; seeds have 19


class JsonError(ValueError):
    """Why a text is not taken, in words that go on after the name of the text."""


def decode_json(text: str, *, most_bytes: int = MOST_BYTES, finite: bool = True) -> Any:
    """The value of a JSON text.

    Raises JsonError for anything else, and for what JSON allows and nobody means: an entry that
    stands twice, NaN and infinity (unless `finite` is off), endless numbers, texts and depths.
    """
    if len(text) > most_bytes:
        raise JsonError(f"holds {len(text):,} characters, {most_bytes:,} at most are read")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_doubles,
            parse_constant=_refuse_constant if finite else float,
            parse_int=_whole,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise JsonError(f"is no JSON ({error.msg} at character {error.pos})") from error
    except RecursionError as error:
        raise _too_deep() from error
    _require_flat(value)
    return value


def load_json(path: Path, *, most_bytes: int = MOST_BYTES) -> Any:
    """The value in a JSON file. Raises OSError where it cannot be read, and JsonError."""
    return decode_json(read_text(path, most_bytes=most_bytes), most_bytes=most_bytes)


def read_text(path: Path, *, most_bytes: int = MOST_BYTES) -> str:
    """A text file, its line ends as they are. Raises OSError where it cannot be read, JsonError."""
    if path.exists() and not path.is_file():  # to open a pipe would wait for ever
        raise JsonError("is no file")
    size = path.stat().st_size
    if size > most_bytes:
        raise JsonError(f"holds {size:,} bytes, {most_bytes:,} at most are read")
    try:
        return path.read_bytes().decode("utf-8-sig")  # a mark at the beginning is no text
    except UnicodeDecodeError as error:
        raise JsonError(f"is no UTF-8 text ({error.reason} at byte {error.start})") from error


def _without_doubles(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise JsonError(f"has the entry {_short(key)} twice: keep one")
        found[key] = value
    return found


def _refuse_constant(name: str) -> float:
    raise JsonError(f"holds {name}: give finite numbers")


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise JsonError(f"holds a number of {len(text)} digits, {MOST_DIGITS} at most are read")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonError(f"holds {_short(text)}, which is too large: give finite numbers")
    return value


def _require_flat(value: Any) -> None:
    """Level by level, since calls within calls would end where the nesting does."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_DEPTH):
        inner = (holder.values() if isinstance(holder, dict) else holder for holder in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
    if level:
        raise _too_deep()


def _too_deep() -> JsonError:
    return JsonError(f"is nested too deeply, over {MOST_DEPTH} levels")


def _short(text: str) -> str:
    return repr(text) if len(text) <= MOST_DIGITS else f"{text[:MOST_DIGITS]!r}..."
