"""What of a Matroska file the media library neither writes nor tells: read and set in its bytes.

An element is a number, a size and its content (RFC 8794); sizes are numbers whose first byte tells
their length. Numbers of elements are those of RFC 9559.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO, IOBase
from pathlib import Path
from typing import Any

SEGMENT, SEEK_HEAD, SEEK, TRACKS, CLUSTER, VOID, CRC = (
    0x18538067, 0x114D9B74, 0x4DBB, 0x1654AE6B, 0x1F43B675, 0xEC, 0xBF,
)  # fmt: skip
TRACK, TRACK_TYPE, VIDEO, SEEK_POSITION = 0xAE, 0x83, 0xE0, 0x53AC
DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = (
    0x54B0,
    0x54BA,
    0x54B2,
)  # the unit is pixels by default
_IS_VIDEO = b"\1"
_LARGEST_HEAD = 2**22  # bytes before the first cluster
_SIZE_BYTES = 8  # of the sizes that are written: any length is allowed


@dataclass(frozen=True, kw_only=True)
class Element:
    """Where an element lies: from `start`, its content from `content` to `end`."""

    id: int
    start: int
    content: int
    end: int | None  # None where the file does not say, as in a stream


def is_whole(source: Path | str | IOBase) -> bool | None:
    """Whether a file holds all that its segment announces; None where it does not say."""
    if isinstance(source, IOBase):
        return _is_whole(source)
    with Path(source).open("rb") as file:
        return _is_whole(file)


def set_display_size(path: Path, width: int, height: int) -> None:
    """Say that the first video of a finished file is shown at this size; nothing else moves.

    The room comes from the empty element that the library leaves behind the table of contents.
    """
    with path.open("r+b") as file:
        head = file.read(_LARGEST_HEAD)
        segment = next(e for e in _elements(head, 0, len(head)) if e.id == SEGMENT)
        parts = {}
        for part in _elements(head, segment.content, len(head)):
            if part.id == CLUSTER:
                break
            parts[part.id] = part
        seeks, void, tracks = parts[SEEK_HEAD], parts[VOID], parts[TRACKS]
        made = _element(TRACKS, _with_crc(_tracks(_inner(head, tracks), width, height)))
        grown = len(made) - (_end(tracks) - tracks.start)
        moved = head[_end(void) : tracks.start]
        rest = _end(void) - void.start - grown
        table = _moved_seeks(_inner(head, seeks), range(_end(void), _end(tracks)), segment, grown)
        kept = _element(VOID, bytes(rest - 1 - _SIZE_BYTES))
        file.seek(seeks.start)
        head_of_table = head[seeks.start : seeks.content]
        file.write(head_of_table + table + head[_end(seeks) : void.start] + kept + moved + made)


def _is_whole(file: Any) -> bool | None:
    file.seek(0, 2)
    length = file.tell()
    file.seek(0)
    head = file.read(2**16)
    segment = next((e for e in _elements(head, 0, length) if e.id == SEGMENT), None)
    return None if segment is None or segment.end is None else segment.end <= length


def _tracks(content: bytes, width: int, height: int) -> bytes:
    """The tracks with a display size in the first video."""
    made, done = b"", False
    for item in _elements(content, 0, len(content)):
        inner = _inner(content, item)
        if item.id == TRACK and not done and _is_video(inner):
            inner, done = _with_display(inner, width, height), True
            made += _element(TRACK, inner)
        elif item.id != CRC:
            made += content[item.start : item.end]
    return made


def _is_video(track: bytes) -> bool:
    kinds = (e for e in _elements(track, 0, len(track)) if e.id == TRACK_TYPE)
    return any(_inner(track, kind) == _IS_VIDEO for kind in kinds)


def _with_display(track: bytes, width: int, height: int) -> bytes:
    made = b""
    for item in _elements(track, 0, len(track)):
        if item.id != VIDEO:
            made += track[item.start : item.end]
            continue
        video = _inner(track, item)
        stated = (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT)
        kept = b"".join(
            video[e.start : e.end] for e in _elements(video, 0, len(video)) if e.id not in stated
        )
        for number, value in ((DISPLAY_WIDTH, width), (DISPLAY_HEIGHT, height)):
            kept += _element(number, value.to_bytes(4, "big"))
        made += _element(VIDEO, kept)
    return made


def _moved_seeks(content: bytes, moved: range, segment: Element, by: int) -> bytes:
    """The table of contents where elements of a range have moved towards the start."""
    table = bytearray(content)
    for seek in _elements(content, 0, len(content)):
        if seek.id != SEEK:
            continue
        for item in _elements(content, seek.content, _end(seek)):
            position = int.from_bytes(content[item.content : item.end], "big")
            if item.id == SEEK_POSITION and position + segment.content in moved:
                size = _end(item) - item.content
                table[item.content : item.end] = (position - by).to_bytes(size, "big")
    first = next(_elements(content, 0, len(content)), None)
    if first is not None and first.id == CRC:
        table[first.content : first.end] = _crc(bytes(table[first.end :]))
    return bytes(table)


def _with_crc(content: bytes) -> bytes:
    return _element(CRC, _crc(content)) + content


def _crc(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little")


def _elements(data: bytes, start: int, stop: int) -> Iterator[Element]:
    """The elements that begin in a part of the data; broken ones end it."""
    file = BytesIO(data)
    while start < stop:
        file.seek(start)
        number, size = _number(file, keep_mark=True), _number(file, keep_mark=False)
        if number is None or size is None:
            return
        content = file.tell()
        known = size != (1 << 7 * (content - start - _length(number))) - 1
        yield Element(
            id=number, start=start, content=content, end=content + size if known else None
        )
        if not known:
            return
        start = content + size


def _number(file: BytesIO, *, keep_mark: bool) -> int | None:
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    if len(rest) < length - 1:
        return None
    value = int.from_bytes(first + rest, "big")
    return value if keep_mark else value - (1 << 7 * length)


def _length(number: int) -> int:
    return (number.bit_length() + 7) // 8


def _element(number: int, content: bytes) -> bytes:
    size = (1 << 7 * _SIZE_BYTES) | len(content)
    return number.to_bytes(_length(number), "big") + size.to_bytes(_SIZE_BYTES, "big") + content


def _inner(data: bytes, item: Element) -> bytes:
    return data[item.content : item.end]


def _end(item: Element) -> int:
    assert item.end is not None, "written by us, so its size is known"
    return item.end
