"""The videos of a build: a folder, a list of paths or a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files.digest import digest_of
from ..files.guarded import JsonError, read_text
from ..video import FrameRange

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts")
COLUMNS = ("path", "start", "stop", "licence", "origin")
LONGEST_NAME = 40  # letters of a file's name in keys


@dataclass(frozen=True, kw_only=True)
class Source:
    """One video, or a range of its frames: a unit of work.

    `name` is its path relative to the folder of all videos, `key` what the keys of its samples
    begin with; it depends on nothing but name, range and the `prefix` that it begins with.
    """

    path: Path
    name: str
    frames: FrameRange | None = None
    licence: str = ""
    origin: str = ""
    prefix: str = ""

    @property
    def key(self) -> str:
        stem = re.sub(r"[^A-Za-z0-9]+", "_", Path(self.name).stem).strip("_")[:LONGEST_NAME]
        span = None if self.frames is None else [self.frames.start, self.frames.stop]
        return f"{self.prefix}{stem or 'video'}_{digest_of(self.name, span)[:8]}"


def list_sources(videos: Path, *, licence: str = "", origin: str = "") -> tuple[Source, ...]:
    """All videos, by their keys. Paths of lists and tables start where these lie.

    A table has a column `path`, and may have start and stop (frames), licence and origin. Raises
    InputError where there are none, one is named twice, or a line cannot be read. That a file is
    missing or broken is found out where it is used.
    """
    if videos.is_dir():
        found = [Source(path=p, name=p.relative_to(videos).as_posix()) for p in _below(videos)]
    elif videos.suffix.lower() == ".txt" and videos.is_file():
        found = [_source(videos, line.strip()) for line in _lines(videos) if line.strip()]
    elif videos.suffix.lower() == ".csv" and videos.is_file():
        found = list(_rows(videos))
    else:
        raise InputError("videos", f"{videos} is no folder, list (.txt) or table (.csv)")
    if not found:
        raise InputError("videos", f"{videos} holds no videos: put at least one there")
    return _in_order([_with_defaults(source, licence, origin) for source in found])


def _below(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in VIDEO_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _source(listed_in: Path, name: str, **facts: object) -> Source:
    path = listed_in.absolute().parent / name
    return Source(path=path, name=Path(name).as_posix(), **facts)  # pyright: ignore[reportArgumentType]


def _with_defaults(source: Source, licence: str, origin: str) -> Source:
    return Source(
        path=source.path,
        name=source.name,
        frames=source.frames,
        licence=source.licence or licence,
        origin=source.origin or origin,
    )


def _rows(table: Path) -> Iterator[Source]:
    rows = _read_csv(table)
    unknown = sorted({*(rows.fieldnames or ())} - {*COLUMNS})
    if unknown or "path" not in (rows.fieldnames or ()):
        raise InputError(
            "videos",
            f"{table} needs the column path and may have {', '.join(COLUMNS[1:])}; it has "
            f"{', '.join(rows.fieldnames or ['none'])}",
        )
    for number, row in enumerate(rows, start=2):
        where = f"{table}, line {number}"
        if not row["path"]:
            raise InputError("videos", f"{where}: has no path")
        facts = {name: row.get(name) or "" for name in ("licence", "origin")}
        yield _source(table, row["path"], frames=_range(row, where), **facts)


def _read_csv(table: Path) -> csv.DictReader[str]:
    """All of it at once, so that its errors are told here."""
    lines = _lines(table)
    try:
        for _ in csv.reader(lines):
            pass
    except csv.Error as error:
        raise InputError("videos", f"{table} is no CSV ({error}): write it again") from error
    return csv.DictReader(lines)


def _range(row: dict[str, str], where: str) -> FrameRange | None:
    start, stop = row.get("start") or "", row.get("stop") or ""
    if not start and not stop:
        return None
    try:
        return FrameRange(start=int(start or 0), stop=int(stop))
    except ValueError as error:
        raise InputError(
            "videos",
            f"{where}: start and stop must be frames with start < stop, got {start!r} and {stop!r}",
        ) from error


def _in_order(sources: list[Source]) -> tuple[Source, ...]:
    by_key: dict[str, Source] = {}
    for source in sources:
        if source.key in by_key:
            raise InputError("videos", f"{source.name} is named twice: leave one of them out")
        by_key[source.key] = source
    return tuple(by_key[key] for key in sorted(by_key))


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path).splitlines()
    except (OSError, JsonError) as error:
        raise InputError("videos", f"{path} cannot be read as UTF-8 text: {error}") from error
