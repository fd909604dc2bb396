"""Finished windows on disk, found again by a digest of everything that made them.

A journal is a folder:

    journal.json                       what it is
    windows/000016-000032-3f0c....mkv  the edited part of the frames 16 to 31, lossless
    windows/000016-000032-3f0c....json where in the frame that part lies, and what it cost
    partial.mkv                        what was finished when a run was stopped

The name of a window holds its digest, so that one which is there is right, and nothing that a
later run asks for can replace what an earlier one made. Each file appears whole or not at all,
the video after its facts; nothing of it is ever deleted. Two runs at once need two folders.
"""

from __future__ import annotations

import glob
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..edit.footage import Levels
from ..edit.report import WindowFacts
from ..errors import InputError, MediaError
from ..files.atomic import write_errors, write_whole_file
from ..media import VideoReader, write_clip
from ..video import FrameRange

log = logging.getLogger(__name__)

FORMAT, VERSION = "vivid-journal", 1
HEADER, WINDOWS = "journal.json", "windows"
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
        if not path.is_file():
            return None
        try:
            facts = _read_facts(path.with_suffix(".json"))
            stored = StoredWindow(path=path, made=made, facts=facts)
            if sum(1 for _ in stored.parts_from(made.start)) == len(made):
                return stored
            problem = "too short"
        except MediaError as error:
            problem = str(error)
        log.warning("%s is damaged and made again (%s)", path, problem)
        return None

    def keep(
        self, made: FrameRange, digest: str, parts: Levels, facts: WindowFacts
    ) -> StoredWindow:
        """Store the part of whole frames that a window edited [T, h, w, 3]."""
        path = self._path(made, digest)
        write_whole_file(path.with_suffix(".json"), json.dumps(asdict(facts)).encode())
        depth = 16 if parts.dtype == np.uint16 else 8
        write_clip(path, parts, fps=self._fps, format="ffv1", bit_depth=depth)
        return StoredWindow(path=path, made=made, facts=facts)

    def _path(self, made: FrameRange, digest: str) -> Path:
        return self.folder / WINDOWS / f"{made.start:06}-{made.stop:06}-{digest}.mkv"


def _require_known(path: Path) -> None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = (data["format"], data["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{path}: cannot be read ({error!r}): choose another folder") from error
    if found != (FORMAT, VERSION):
        raise InputError("work", f"{path} is {found[0]} {found[1]}: choose another folder")


def _read_facts(path: Path) -> WindowFacts:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("part", "crop", "model_size", "warnings"):
            data[name] = tuple(data[name])
        return WindowFacts(**data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MediaError(f"{path}: cannot be read ({error!r})") from error


def remove_unfinished(target: Path) -> None:
    """What a killed run was writing under a temporary name beside `target`."""
    _remove_parts(target.parent, glob.escape(target.name))


def _remove_parts(folder: Path, pattern: str) -> None:
    for path in folder.glob(f".{pattern}.????????.part"):
        path.unlink(missing_ok=True)
