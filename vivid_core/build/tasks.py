"""A chore of a build from videos: one video in one phase. Whoever does it, the same comes out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..data.built import MASKS
from ..errors import InputError, MediaError
from ..files.digest import digest_of, path_digest
from ..files.parse import plain_values
from ..runtime import Runtime
from .chores import Outcome, keep_or_make
from .config import BuildConfig
from .deletions import Donor, DonorChoice, build_deletions
from .edits import build_edits
from .engines import Engines
from .sources import Source
from .units import Phase, UnitResult, WorkFolder

VERSION = 2  # a change of method makes everything anew
_DECIDES: dict[Phase, tuple[str, ...]] = {  # parts of the configuration
    "entities": ("seed", "clips", "entities", "filters"),
    "deletions": ("seed", "clips", "entities", "filters", "deletion"),
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to do with which video. `choices` are for the second phase."""

    phase: Phase
    source: Source
    config: BuildConfig
    choices: tuple[DonorChoice, ...] = ()

    @property
    def key(self) -> str:
        return self.source.key

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def work(self) -> WorkFolder:
        return WorkFolder(self.config.out)

    def finish(self, engines: Engines, runtime: Runtime) -> Outcome:
        """Make the unit, unless it is there. Raises MediaError for a video that is missing."""
        digest = require_file(self.source.path)
        made_by = _made_by(self, engines, digest)
        return keep_or_make(
            self, made_by, lambda folder: _make(self, engines, folder, digest, made_by, runtime)
        )


def require_file(path: Path) -> str:
    """The digest of a file that is read. Raises MediaError where it is missing."""
    if not path.exists():
        raise MediaError(f"{path}: there is no such file: check the path")
    return path_digest(path)


def _make(
    task: Task,
    engines: Engines,
    folder: Path,
    digest: str,
    made_by: str,
    runtime: Runtime,
) -> UnitResult:
    if task.phase == "entities":
        return build_edits(
            task.source, digest, engines, task.config, folder, made_by=made_by, runtime=runtime
        )
    work = task.work
    edits = work.load("entities", task.source.key)
    if edits is None:
        raise InputError("work", f"the things of {task.source.name} are gone: run it again")
    return build_deletions(
        task.source,
        edits,
        work.unit_folder("entities", task.source.key),
        task.choices,
        engines,
        task.config,
        folder,
        made_by=made_by,
        runtime=runtime,
    )


def _made_by(task: Task, engines: Engines, digest: str) -> str:
    """Stands for all that decides a unit; where things lie on this machine does not."""
    config = plain_values(task.config)
    rules = {name: config[name] for name in _DECIDES[task.phase]}
    stored = {name: config["output"][name] for name in ("lossless", "subsets", "reference")}
    facts = [task.source.key, task.source.name, task.source.licence, task.source.origin, digest]
    choices = [[c.key, [[d.key, d.video] for d in c.donors]] for c in task.choices]
    return digest_of(VERSION, task.phase, engines.digest, rules, stored, facts, choices)


def donors_of(
    work: WorkFolder, key: str, result: UnitResult, *, without: Collection[str] = ()
) -> list[Donor]:
    """The masks of a video that others may borrow: those of its clips but `without` these.

    Paths need a mask for each frame: images give theirs where nothing else is made.
    """
    folder = work.unit_folder("entities", key)
    videos = [s for s in result.samples if s.record.subset == "video"]
    return [
        Donor(key=s.record.key, video=result.digest, masks=folder / s.members[MASKS])
        for s in videos or result.samples
        if s.record.clip not in without
    ]
