"""VPData and VPBench: a CSV of parts of videos, and label maps of their things (Bian et al. 2025).

    video_inpainting/videovo/000005000000/all_masks.npz     numbers [frames, height, width]
    videovo/raw_video/000005000/000005000000.0.mp4
    our_video_inpaint.csv      path,start_frame,end_frame,fps,mask_id,caption

The CSV names files only; their places follow from the names. `end_frame` is read as the first frame
after the part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ...errors import InputError
from .columns import ColumnMap, record_of_row, row_of_record, text_of, whole_of
from .record import MaskReference, Record, confined, relative
from .rows import Row, read_each, write_in_order

COLUMNS = ColumnMap(
    video="path", start="start_frame", stop="end_frame", fps="fps", captions=("caption",)
)
MASK_ID = "mask_id"
ORDER = ("path", "start_frame", "end_frame", "fps", MASK_ID, "caption")
MASKS, MASK_FILE = "video_inpainting", "all_masks.npz"
VIDEOVO, PEXELS = "videovo", "pexels"
VIDEOVO_SUFFIX = ".0.mp4"  # tells a clip of Videvo from one of Pexels
PEXELS_FOLDER = 9  # letters of a name that name its folder


def read_vpdata(path: Path, root: Path) -> tuple[Record, ...]:
    """The samples of one CSV; `root` is the folder that the three above lie in."""
    return read_each(path, lambda row: _record(row, root))


def write_vpdata(path: Path, records: Iterable[Record], root: Path) -> None:
    """Raises InputError for a sample without a label map's mask, or one that lies elsewhere."""
    write_in_order(path, [_row(record, root) for record in records], ORDER)


def _record(row: Row, root: Path) -> Record:
    number = whole_of(row, MASK_ID)
    if number is None:
        raise InputError("data", f"has no {MASK_ID}: it tells which of the masks is meant")
    name = text_of(row, COLUMNS.video)
    video, masks = _places(name)
    known = record_of_row({**row, COLUMNS.video: video}, COLUMNS, root)
    return replace(
        known,
        mask=MaskReference(path=confined(root, masks), kind="labels", number=number),
        extra={key: value for key, value in known.extra.items() if key != MASK_ID},
    )


def _row(record: Record, root: Path) -> Row:
    mask = record.mask
    if mask is None or mask.kind != "labels":
        raise InputError("data", f"{record.video}: VPData keeps masks as label maps, this has none")
    row = row_of_record(replace(record, mask=None), COLUMNS, root)
    video, name = row[COLUMNS.video], record.video.name
    if _places(name) != (video, relative(root, mask.path)):
        raise InputError(
            "data",
            f"{video}: VPData keeps this clip and its masks at {' and '.join(_places(name))}",
        )
    return {**row, COLUMNS.video: name, MASK_ID: mask.number}


def _places(name: str) -> tuple[str, str]:
    """Where the clip and the masks of this name are."""
    if not name.endswith(".mp4") or PurePosixPath(name).name != name:
        raise InputError("data", f"{name!r} is no name of an .mp4 file")
    base = name.split(".")[0]
    if name.endswith(VIDEOVO_SUFFIX):
        return f"{VIDEOVO}/raw_video/{base[:-3]}/{name}", f"{MASKS}/{VIDEOVO}/{base}/{MASK_FILE}"
    folder = base[:PEXELS_FOLDER]
    return f"{PEXELS}/{PEXELS}/raw_video/{folder}/{name}", f"{MASKS}/{PEXELS}/{base}/{MASK_FILE}"
