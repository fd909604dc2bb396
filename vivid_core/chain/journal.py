"""Finished windows on disk, found again by a digest of everything that made them.

A journal is a folder:

    journal.json                       what it is
    windows/000016-000032-3f0c....mkv  the edited part of the frames 16 to 31, lossless
    windows/000016-000032-3f0c....json checksums, where in the frame that part lies, what it cost
    partial.mkv                        what was finished when a run was stopped

The name of a window holds its digest, so that nothing that a later run asks for can replace what
an earlier one made. Each file appears whole or not at all, the facts after the video, whose
checksum they hold; a window whose bytes are no longer those is made again. Nothing of it is ever
deleted. Two runs at once need two folders, see `run`.
"""

from __future__ import annotations

import glob
import json
import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..edit.footage import Levels
from ..edit.report import WindowFacts
from ..errors import InputError, MediaError
from ..files.atomic import write_errors, write_whole_file
from ..files.guarded import JsonError, load_json
from ..files.seal import file_checksum, read_sealed, write_sealed
from ..media import VideoReader, write_clip
from ..video import FrameRange

log = logging.getLogger(__name__)

FORMAT, VERSION = "vivid-journal", 1
HEADER, WINDOWS, RECORD = "journal.json", "windows", ".json"
DEFAULT_RATE = Fraction(8)  # of the videos in it, which nobody has to watch


@dataclass(frozen=True, kw_only=True)
class StoredWindow:
    """A window in a journal."""

    path: Path
    made: FrameRange
    facts: WindowFacts

    def parts_from(self, frame: int) -> Iterator[Levels]:
        """The edited part of its frames from one on, one at a time."""
        at = FrameRange(start=frame - self.made.start, stop=len(self.made))
        with VideoReader(self.path, range=at) as reader:
            for item in reader:
                yield item.pixels[..., :3]


class Journal:
    """The windows of a folder, which an earlier run may have begun."""

    lasting = True

    def __init__(self, folder: Path, fps: Fraction = DEFAULT_RATE) -> None:
        """Raises InputError for a folder that holds something else, MediaError for no folder."""
        self.folder, self._fps = folder, fps
        if folder.exists() and not folder.is_dir():
            raise InputError("work", f"{folder} is a file: name a folder")
        with write_errors(folder):
            remove_unfinished(folder / HEADER)
        if not self.exists(folder) and folder.is_dir() and any(folder.iterdir()):
            raise InputError("work", f"{folder} is not empty and no journal: choose another folder")
        if self.exists(folder):
            _require_known(folder / HEADER)
        self._begin()

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether a folder holds a journal."""
        return (folder / HEADER).is_file()

    def _begin(self) -> None:
        """The header first: a folder with anything else but no header is not ours."""
        header = {"format": FORMAT, "version": VERSION}
        with write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole_file(self.folder / HEADER, json.dumps(header).encode())
            (self.folder / WINDOWS).mkdir(exist_ok=True)
            for folder in (self.folder, self.folder / WINDOWS):
                _remove_parts(folder, "*")

    def find(self, made: FrameRange, digest: str) -> StoredWindow | None:
        """The window of these frames and this digest, if it is there and undamaged."""
        path = self._path(made, digest)
        record = path.with_suffix(RECORD)
        if not record.is_file():
            return None
        try:
            return StoredWindow(path=path, made=made, facts=_checked_facts(record, path))
        except MediaError as error:
            log.warning("window %d to %d is made again (%s)", made.start, made.stop - 1, error)
            return None

    def keep(
        self, made: FrameRange, digest: str, parts: Levels, facts: WindowFacts
    ) -> StoredWindow:
        """Store the part of whole frames that a window edited [T, h, w, 3]."""
        path = self._path(made, digest)
        depth = 16 if parts.dtype == np.uint16 else 8
        write_clip(path, parts, fps=self._fps, format="ffv1", bit_depth=depth)
        with write_errors(path):
            video = file_checksum(path)
        record = {"window": path.stem, "video": video, "facts": asdict(facts)}
        write_sealed(path.with_suffix(RECORD), record)
        return StoredWindow(path=path, made=made, facts=facts)

    def _path(self, made: FrameRange, digest: str) -> Path:
        return self.folder / WINDOWS / f"{made.start:06}-{made.stop:06}-{digest}.mkv"


def _require_known(path: Path) -> None:
    """A damaged header beside windows is written again: it says nothing but what they are."""
    try:
        data = load_json(path)
        found = (data["format"], data["version"])
    except (OSError, JsonError, KeyError, TypeError) as error:
        if not path.with_name(WINDOWS).is_dir():
            raise MediaError(
                f"{path}: is no journal's ({error!r}): choose another folder"
            ) from error
        log.warning("%s is damaged and written again (%r)", path, error)
        return
    if found != (FORMAT, VERSION):
        raise InputError("work", f"{path} is {found[0]} {found[1]}: choose another folder")


def _checked_facts(record: Path, video: Path) -> WindowFacts:
    """The facts of a window whose files are as they were written. Raises MediaError."""
    data = read_sealed(record)
    try:
        if data["window"] != video.stem:
            raise MediaError(f"{record}: belongs to {data['window']}")
        if data["video"] != file_checksum(video):
            raise MediaError(f"{video}: was changed after it was written")
        return parse_facts(data["facts"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MediaError(f"{record}: is no record of a window ({error!r})") from error


def parse_facts(data: dict[str, Any]) -> WindowFacts:
    """The facts that a record holds. Raises KeyError, TypeError or ValueError for any other."""
    if data.keys() != WindowFacts.__dataclass_fields__.keys():
        raise ValueError("other entries than those of a window")
    y, x, height, width = _counts(data["part"], 4)
    if min(height, width) < 1:
        raise ValueError("a part without pixels")
    crop_y, crop_x, crop_height, crop_width = _counts(data["crop"], 4)
    model_height, model_width = _counts(data["model_size"], 2)
    tokens, generated, unseen, lost = _counts(
        [data[name] for name in ("tokens", "generated", "unseen", "lost")], 4
    )
    return WindowFacts(
        part=(y, x, height, width),
        crop=(crop_y, crop_x, crop_height, crop_width),
        model_size=(model_height, model_width),
        tokens=tokens,
        generated=generated,
        unseen=unseen,
        lost=lost,
        planned_pflops=_work(data["planned_pflops"]),
        spent_pflops=_work(data["spent_pflops"]),
        warnings=_texts(data["warnings"]),
    )


def _counts(values: Any, number: int) -> list[int]:
    """Whole numbers from 0."""
    counts = [value for value in _list(values) if type(value) is int and value >= 0]
    if not len(counts) == len(_list(values)) == number:
        raise ValueError(f"not {number} numbers from 0")
    return counts


def _texts(values: Any) -> tuple[str, ...]:
    texts = tuple(value for value in _list(values) if isinstance(value, str))
    if len(texts) != len(_list(values)):
        raise ValueError("warnings that are no texts")
    return texts


def _list(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise ValueError("no list where one belongs")
    return cast(list[Any], values)


def _work(value: Any) -> float | None:
    """PFLOPs; None where nobody knows."""
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ValueError("work that is no number from 0")
    return float(value)


def remove_unfinished(target: Path) -> None:
    """What a killed run was writing under a temporary name beside `target`."""
    _remove_parts(target.parent, glob.escape(target.name))


def _remove_parts(folder: Path, pattern: str) -> None:
    for path in folder.glob(f".{pattern}.????????.part"):
        path.unlink(missing_ok=True)
