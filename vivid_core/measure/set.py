"""Measure a folder of edits of an evaluation set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, MaskError, VividError
from ..media import read_clip, read_mask
from ..video import Clip, MaskTrack
from .edited import Edited
from .figures import Instruments, measure_edit
from .manifest import EvaluationCase
from .places import clips_at
from .results import Result

NO_MASK = "needs a mask, and this set has none for this edit"


@dataclass(frozen=True, kw_only=True)
class Method:
    """A folder of edits under a name: a video or a folder of pictures a case, called after it."""

    name: str
    folder: Path

    def files(self, case: EvaluationCase) -> tuple[Path, Path]:
        """The edit of a case, and the clip that was edited."""
        return self.find(case), self.source(case)

    def find(self, case: EvaluationCase) -> Path:
        """The edit of a case. Raises InputError where there is none, or more than one."""
        return self._one(case.edit or case.name)

    def source(self, case: EvaluationCase) -> Path:
        """The clip that was edited: as it was fed in where this folder has that, or the set's.

        Raises InputError where there is none, or more than one.
        """
        if not case.beside or (case.source.exists() and not clips_at(self.folder / case.beside)):
            return case.source
        return self._one(case.beside)

    def _one(self, place: str) -> Path:
        found = clips_at(self.folder / place)
        if len(found) != 1:
            have = " and ".join(path.name for path in found) or "none"
            raise InputError(
                "edits",
                f"{self.folder}: needs one {place}.mkv (or .mp4 ..., or a folder {place} of "
                f"pictures), has {have}",
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


def read_edited(case: EvaluationCase, edit: Path, original: Path) -> Edited:
    """A case, an edit of it and what was edited in memory. Raises InputError naming the case."""
    try:
        source = read_clip(original)
        return Edited(
            source=source,
            edit=read_clip(edit).frames,
            mask=_mask(case, source, own=original == case.source),
            task=case.task,
            caption=case.caption,
            instruction=case.instruction,
            source_caption=case.source_caption,
            truth=None if case.truth is None else read_clip(case.truth).frames,
            whole_caption=case.whole_caption,
        )
    except VividError as error:
        raise InputError("manifest", f"{case.name}: {error}") from error


def _mask(case: EvaluationCase, source: Clip, *, own: bool) -> MaskTrack | str:
    """The mask, or why there is none: it need not fit a source that is not the set's `own`."""
    if case.mask is None:
        return NO_MASK
    try:
        return MaskTrack.fit(read_mask(case.mask), source)
    except MaskError as error:
        if own:
            raise
        return f"the set's mask {error.problem}"


def measure_set(
    cases: list[EvaluationCase], methods: list[Method], instruments: Instruments
) -> Iterator[Result]:
    """The figures of every case by every method. All edits are looked for before the first."""
    pairs = [(case, method) for case in cases for method in methods]
    found = [(*pair, *pair[1].files(pair[0])) for pair in pairs]
    for case, method, edit, source in found:
        yield Result(
            case=case.name,
            group=case.group,
            task=case.label,
            method=method.name,
            figures=measure_edit(read_edited(case, edit, source), instruments),
        )
