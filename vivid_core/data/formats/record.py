"""What the datasets of others say about one sample, and where its files may lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any, Literal

from ...errors import InputError
from ...video import FrameRange

# file: a mask video, image or masks.json. labels: an array of numbers, one of which is the thing.
# masklets: run lengths of several things, frame by frame.
MaskKind = Literal["file", "labels", "masklets"]


@dataclass(frozen=True, kw_only=True)
class MaskReference:
    """Where the mask of a sample is; `number` says which of several things it is."""

    path: Path
    kind: MaskKind = "file"
    number: int = 0
    frames: FrameRange | None = None  # of the masks in the file; all if None

    def __post_init__(self) -> None:
        if self.number < 0:
            raise InputError("data", f"a mask has the number {self.number}: they count from 0")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One sample of somebody else's dataset. Paths are absolute and lie in its folder.

    `captions` describe the source, the shortest first where a dataset has several;
    `edited_caption` what the edit shows; `instruction` asks for the edit. `extra` holds every
    column that has no meaning here, by its name.
    """

    video: Path
    frames: FrameRange | None = None  # all if None
    fps: float | None = None  # the file's own if None
    mask: MaskReference | None = None
    edited: Path | None = None
    captions: tuple[str, ...] = ()
    edited_caption: str = ""
    instruction: str = ""
    references: tuple[Path, ...] = ()  # pictures of what is to appear
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def confined(root: Path, text: str) -> Path:
    """The path of a file that a dataset names, absolute. `root` is the dataset's folder.

    Raises InputError for one that leads out of it, by "..", by a root of its own or by a link.
    """
    if not text or "\0" in text:
        raise InputError("data", f"{text!r} is no path")
    there = root.resolve()
    foreign = PureWindowsPath(text)
    if foreign.drive or "\\" in text:
        raise InputError("data", f"{text!r} is a path of Windows: write it relative, with /")
    path = (there / PurePosixPath(text)).resolve()
    if path == there or not path.is_relative_to(there):
        raise InputError(
            "data",
            f"{text!r} leads out of the dataset's folder {there}: give the folder that all of its "
            "files lie in as root",
        )
    return path


def relative(root: Path, path: Path) -> str:
    """A record's path as a dataset in `root` names it. Raises InputError for one outside."""
    there = root.resolve()
    if not path.is_relative_to(there):
        raise InputError("data", f"{path} lies outside of the dataset's folder {there}")
    return path.relative_to(there).as_posix()
