"""VIRESET: a CSV of clips, and the masklets of all their things as JSON (Weng et al. 2025).

The JSON is that of SA-V: "masklet_continues" is a list of frames, each a list of masks by number,
{"size": [height, width], "counts": COCO run lengths, base64}. The frames of a masklet include
`mask_end_frame`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...video import FrameRange
from .columns import ColumnMap, record_of_row, row_of_record, text_of, whole_of
from .record import MaskReference, Record, confined, relative
from .rows import Row, read_each, write_in_order

COLUMNS = ColumnMap(video="path", captions=("text",))
JSON_PATH, MASKLET = "json_path", "masklet_id"
FIRST, LAST = "mask_start_frame", "mask_end_frame"
ORDER = ("path", "text", JSON_PATH, MASKLET, FIRST, LAST)


def read_vireset(path: Path, root: Path) -> tuple[Record, ...]:
    """The samples of one CSV; the paths in it start in `root`, or are absolute inside of it."""
    return read_each(path, lambda row: _record(row, root))


def write_vireset(path: Path, records: Iterable[Record], root: Path) -> None:
    """Raises InputError for a sample whose mask is no masklet."""
    write_in_order(path, [_row(record, root) for record in records], ORDER)


def _record(row: Row, root: Path) -> Record:
    number, first, last = (whole_of(row, name) for name in (MASKLET, FIRST, LAST))
    if number is None or first is None or last is None or not 0 <= first <= last:
        raise InputError(
            "data", f"needs {MASKLET}, {FIRST} and {LAST}, got {number}, {first} and {last}"
        )
    known = record_of_row(row, COLUMNS, root)
    mask = MaskReference(
        path=confined(root, text_of(row, JSON_PATH)),
        kind="masklets",
        number=number,
        frames=FrameRange(start=first, stop=last + 1),
    )
    extra = {key: value for key, value in known.extra.items() if key not in ORDER}
    return replace(known, mask=mask, extra=extra)


def _row(record: Record, root: Path) -> Row:
    mask = record.mask
    if mask is None or mask.kind != "masklets" or mask.frames is None:
        raise InputError("data", f"{record.video}: VIRESET keeps masks as masklets, this has none")
    row = row_of_record(replace(record, mask=None), COLUMNS, root)
    return row | {
        JSON_PATH: relative(root, mask.path),
        MASKLET: mask.number,
        FIRST: mask.frames.start,
        LAST: mask.frames.stop - 1,
    }
