"""Measure a folder of edits of an evaluation set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, VividError
from ..media import read_clip, read_mask
from ..video import MaskTrack
from .edited import Edited
from .figures import Instruments, measure_edit
from .manifest import EvaluationCase
from .results import Result

VIDEO_SUFFIXES = (".mkv", ".mp4", ".mov", ".webm", ".avi")


@dataclass(frozen=True, kw_only=True)
class Method:
    """A folder of edits under a name: one video a case, called after it."""

    name: str
    folder: Path

    def find(self, case: EvaluationCase) -> Path:
        """The edit of a case. Raises InputError where there is none, or more than one."""
        found = [
            path
            for suffix in VIDEO_SUFFIXES
            if (path := self.folder / f"{case.name}{suffix}").is_file()
        ]
        if len(found) != 1:
            have = " and ".join(path.name for path in found) or "none"
            raise InputError(
                "edits", f"{self.folder}: needs one {case.name}.mkv (or .mp4 ...), has {have}"
            )
        return found[0]


def name_methods(folders: list[Path]) -> list[Method]:
    """Folders under their own names. Raises InputError for what is none, or named twice."""
    names = [folder.resolve().name for folder in folders]
    for folder, name in zip(folders, names, strict=True):
        if not folder.is_dir():
            raise InputError("edits", f"{folder}: there is no such folder")
        if names.count(name) > 1:
            raise InputError("edits", f"two folders are called {name}: give them different names")
    return [Method(name=n, folder=f) for n, f in zip(names, folders, strict=True)]


def read_edited(case: EvaluationCase, edit: Path) -> Edited:
    """A case and an edit of it in memory. Raises InputError that names the case."""
    try:
        source = read_clip(case.source)
        return Edited(
            source=source,
            edit=read_clip(edit).frames,
            mask=MaskTrack.fit(read_mask(case.mask), source),
            task=case.task,
            caption=case.caption,
            instruction=case.instruction,
            truth=None if case.truth is None else read_clip(case.truth).frames,
        )
    except VividError as error:
        raise InputError("manifest", f"{case.name}: {error}") from error


def measure_set(
    cases: list[EvaluationCase], methods: list[Method], instruments: Instruments
) -> Iterator[Result]:
    """The figures of every case by every method. All edits are looked for before the first."""
    found = [(case, method, method.find(case)) for case in cases for method in methods]
    for case, method, path in found:
        yield Result(
            case=case.name,
            group=case.group,
            task=case.task,
            method=method.name,
            figures=measure_edit(read_edited(case, path), instruments),
        )
