"""What was made of each video, kept in a work folder: a folder that is there is whole.

work/entities/KEY/unit.json    clips, samples and rejections of a video
work/entities/KEY/...          videos and masks that they name
work/deletions/KEY/...         the same for its samples of deletion
work/triplets/KEY/...          the same of a video, a picture or a pair of an instruction dataset
work/failed/STAGE_KEY.json     what broke, with its traceback
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from ..data.record import SampleRecord
from ..data.shards import SHARDS, StoredSample
from ..errors import InputError, MediaError
from ..files.atomic import remove_unfinished, write_whole, write_whole_file
from ..files.guarded import JsonError, load_json
from ..files.parse import build_config, plain_values
from ..files.seal import file_checksum, read_sealed, sealed_text
from .stage import Rejection

log = logging.getLogger(__name__)
Phase = Literal["entities", "deletions", "triplets"]
WORK, UNIT, FAILED = "work", "unit.json", "failed"


@dataclass(frozen=True, kw_only=True)
class BackgroundArea:
    """Background of the first frame: COCO run lengths of the clip's size."""

    label: str
    counts: str


@dataclass(frozen=True, kw_only=True)
class ClipFacts:
    """A clip that was looked at. `source` and `occupied` name files of the unit.

    `occupied` holds the masks of all things that were found in it; none where that is empty.
    `views` is what an encoder saw, see `clips.clip_views`; none where there is no encoder.
    """

    key: str
    start: int
    stop: int
    fps: str
    height: int
    width: int
    look: tuple[int, ...]  # see `clips.clip_hash`
    source: str
    occupied: str = ""
    background: tuple[BackgroundArea, ...] = ()
    views: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class UnitSample:
    """A sample, and the files of the unit that hold its members."""

    record: SampleRecord
    members: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class UnitResult:
    """All that a video gave in one phase. `made_by` stands for everything that decides it.

    `files` are checksums of the files that lie beside it.
    """

    made_by: str
    digest: str  # of the source file
    clips: tuple[ClipFacts, ...] = ()
    samples: tuple[UnitSample, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A video that broke a phase."""

    key: str
    name: str
    phase: Phase
    error: str
    traceback: str


class WorkFolder:
    """Finished units, and those that failed, beside the dataset in `out`."""

    def __init__(self, out: Path) -> None:
        self.folder = out / WORK

    def unit_folder(self, phase: Phase, key: str) -> Path:
        return self.folder / phase / key

    def load(self, phase: Phase, key: str) -> UnitResult | None:
        """What was made, if it is there as it was written."""
        path = self.unit_folder(phase, key) / UNIT
        if not path.is_file():
            return None
        try:
            return build_config(UnitResult, read_sealed(path), where=str(path))
        except (MediaError, InputError) as error:
            log.warning("%s; it is made anew", error)
            return None

    def load_whole(self, phase: Phase, key: str) -> UnitResult | None:
        """What was made, if all of its files are there as they were written, too."""
        result, folder = self.load(phase, key), self.unit_folder(phase, key)
        if result is None:
            return None
        changed = [name for name, sum_ in result.files.items() if _checksum(folder / name) != sum_]
        if changed:
            log.warning(
                "%s: was changed after it was written; it is made anew", folder / changed[0]
            )
            return None
        return result

    @contextmanager
    def begin(self, phase: Phase, key: str) -> Iterator[Path]:
        """A folder to fill, which replaces an earlier one at the end; `save` must be called."""
        target = self.unit_folder(phase, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(target) as unfinished:
            unfinished.mkdir()
            yield unfinished
            if target.is_dir():  # made by other videos, engines or rules
                shutil.rmtree(target)

    def save_failure(self, failure: Failure) -> None:
        path = self._failure_path(failure.phase, failure.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole_file(path, json.dumps(plain_values(failure), indent=1).encode())

    def forget_failure(self, phase: Phase, key: str) -> None:
        self._failure_path(phase, key).unlink(missing_ok=True)

    def failures(self) -> list[Failure]:
        """All that can be read: they are for people, and go when their video is tried again."""
        found = (_read_failure(path) for path in sorted((self.folder / FAILED).glob("*.json")))
        return [failure for failure in found if failure is not None]

    def samples(self, phase: Phase, result: UnitResult, key: str) -> Iterator[StoredSample]:
        """A unit's samples with the paths of their members."""
        folder = self.unit_folder(phase, key)
        for sample in result.samples:
            members = {name: folder / file for name, file in sample.members.items()}
            yield StoredSample(record=sample.record, members=members)

    @property
    def bytes(self) -> int:
        """Space that its files take."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def clean(self) -> None:
        """Remove what runs that were killed left unfinished, here and in the dataset."""
        out = self.folder.parent
        kinds = (self.folder / name for name in (*get_args(Phase), FAILED))
        for folder in (out, out / SHARDS, self.folder, *kinds):
            remove_unfinished(folder)

    def _failure_path(self, phase: Phase, key: str) -> Path:
        return self.folder / FAILED / f"{phase}_{key}.json"


def save_unit(folder: Path, result: UnitResult) -> None:
    """Write what a unit gave into its folder, with checksums of the files that it made there."""
    files = {path.name: file_checksum(path) for path in sorted(folder.iterdir()) if path.is_file()}
    sealed = sealed_text(plain_values(replace(result, files=files)), indent=1)
    (folder / UNIT).write_text(sealed)


def _checksum(path: Path) -> str:
    """Of a file; "" where it cannot be read."""
    try:
        return file_checksum(path)
    except OSError:
        return ""


def _read_failure(path: Path) -> Failure | None:
    try:
        return build_config(Failure, load_json(path), where=str(path))
    except (OSError, JsonError, InputError) as error:
        log.warning("%s: %s; it is left out", path, error)
        return None
