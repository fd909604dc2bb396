"""A unit of work: one video in one phase. Whoever runs it, the same comes out."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..data.built import MASKS
from ..errors import InputError, MediaError
from ..files.atomic import FULL_DISK
from ..files.digest import digest_of, path_digest
from ..files.parse import plain_values
from ..runtime import Runtime
from .config import BuildConfig
from .deletions import Donor, DonorChoice, build_deletions
from .edits import build_edits
from .engines import Engines
from .sources import Source
from .units import Failure, Phase, UnitResult, WorkFolder, save_unit

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


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a task ended: counts only, the rest is in the work folder. `error` is one line."""

    phase: Phase
    key: str
    name: str
    samples: int = 0
    rejections: tuple[tuple[str, int], ...] = ()
    kept: bool = False  # was there already
    error: str = ""


def work_of(config: BuildConfig) -> WorkFolder:
    return WorkFolder(config.out / "work")


def run_task(task: Task, engines: Engines, runtime: Runtime) -> Outcome:
    """Do a task, unless it is done. What breaks is written down, and no error here.

    Raises MediaError where the disk is full, and what `runtime` raises to stop.
    """
    stop = _Stop(runtime)
    work = work_of(task.config)
    watched = Runtime(device=runtime.device, check_cancelled=stop.check)
    try:
        outcome = _finished_or_made(task, engines, work, watched)
    except Exception as error:
        if stop.raised is not None or _is_full(error):
            raise
        return fail_task(task, error)
    work.forget_failure(task.phase, task.source.key)
    return outcome


def fail_task(task: Task, error: Exception) -> Outcome:
    """Write down what broke a task."""
    words = " ".join(str(error).split()) or type(error).__name__
    failure = Failure(
        key=task.source.key,
        name=task.source.name,
        phase=task.phase,
        error=words,
        traceback="".join(traceback.format_exception(error)),
    )
    work_of(task.config).save_failure(failure)
    return Outcome(phase=task.phase, key=task.source.key, name=task.source.name, error=words)


class _Stop:
    """Tells the host's wish to stop from what a video breaks."""

    def __init__(self, runtime: Runtime) -> None:
        self._check = runtime.check_cancelled
        self.raised: BaseException | None = None

    def check(self) -> None:
        try:
            self._check()
        except BaseException as error:
            self.raised = error
            raise


def _finished_or_made(task: Task, engines: Engines, work: WorkFolder, runtime: Runtime) -> Outcome:
    key = task.source.key
    if not task.source.path.is_file():
        raise MediaError(f"{task.source.path}: there is no such file: check the path")
    digest = path_digest(task.source.path)
    made_by = _made_by(task, engines, digest)
    done = work.load_whole(task.phase, key)
    if done is not None and done.made_by == made_by:
        return _outcome(task, done, kept=True)
    with work.begin(task.phase, key) as folder:
        result = _make(task, engines, work, folder, digest, made_by, runtime)
        save_unit(folder, result)
    return _outcome(task, result)


def _make(
    task: Task,
    engines: Engines,
    work: WorkFolder,
    folder: Path,
    digest: str,
    made_by: str,
    runtime: Runtime,
) -> UnitResult:
    if task.phase == "entities":
        return build_edits(
            task.source, digest, engines, task.config, folder, made_by=made_by, runtime=runtime
        )
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


def _outcome(task: Task, result: UnitResult, *, kept: bool = False) -> Outcome:
    reasons = Counter(rejection.reason for rejection in result.rejections)
    return Outcome(
        phase=task.phase,
        key=task.source.key,
        name=task.source.name,
        samples=len(result.samples),
        rejections=tuple(sorted(reasons.items())),
        kept=kept,
    )


def _is_full(error: BaseException | None) -> bool:
    """Whether a full disk is at the bottom of an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            return True
        error = error.__cause__ or error.__context__
    return False
