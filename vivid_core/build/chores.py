"""Do one unit of any build: what is done already is kept, what breaks is written down."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..errors import EndpointLost
from ..files.atomic import FULL_DISK
from ..runtime import Runtime
from .units import Failure, Phase, UnitResult, WorkFolder, save_unit


@runtime_checkable
class Digested(Protocol):
    """Engines, loaded; `digest` stands for settings and weights of all of them."""

    @property
    def digest(self) -> str: ...


@runtime_checkable
class EngineMaker(Protocol):
    """Loads engines; each worker calls it once, on the machine that it runs on."""

    def __call__(self) -> Digested: ...


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a chore ended: counts only, the rest is in the work folder. `error` is one line."""

    phase: Phase
    key: str
    name: str
    samples: int = 0
    rejections: tuple[tuple[str, int], ...] = ()
    kept: bool = False  # was there already
    error: str = ""


@runtime_checkable
class Chore(Protocol):
    """One source in one phase; what it needs travels with it, but for the engines."""

    @property
    def phase(self) -> Phase: ...

    @property
    def key(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def work(self) -> WorkFolder: ...

    def finish(self, engines: Any, runtime: Runtime) -> Outcome:
        """Make the unit, unless it is there; raises whatever breaks it."""
        ...


def run_chore(chore: Chore, engines: Digested, runtime: Runtime) -> Outcome:
    """Do a chore, unless it is done. What breaks is written down, and no error here.

    Raises MediaError where the disk is full, EndpointLost where nobody answers any more, and what
    `runtime` raises to stop.
    """
    stop = _Stop(runtime)
    watched = Runtime(device=runtime.device, check_cancelled=stop.check)
    try:
        outcome = chore.finish(engines, watched)
    except Exception as error:
        host_stops = stop.raised is not None or isinstance(error, runtime.stops)
        if host_stops or isinstance(error, EndpointLost) or _is_full(error):
            raise
        return fail_chore(chore, error)
    chore.work.forget_failure(chore.phase, chore.key)
    return outcome


def fail_chore(chore: Chore, error: Exception) -> Outcome:
    """Write down what broke a chore."""
    words = " ".join(str(error).split()) or type(error).__name__
    failure = Failure(
        key=chore.key,
        name=chore.name,
        phase=chore.phase,
        error=words,
        traceback="".join(traceback.format_exception(error)),
    )
    chore.work.save_failure(failure)
    return Outcome(phase=chore.phase, key=chore.key, name=chore.name, error=words)


def keep_or_make(chore: Chore, made_by: str, make: Callable[[Path], UnitResult]) -> Outcome:
    """The unit that is there, if the same made it; else what `make` puts into a new folder."""
    done = chore.work.load_whole(chore.phase, chore.key)
    if done is not None and done.made_by == made_by:
        return _outcome(chore, done, kept=True)
    with chore.work.begin(chore.phase, chore.key) as folder:
        result = make(folder)
        save_unit(folder, result)
    return _outcome(chore, result)


class _Stop:
    """Tells the host's wish to stop from what a source breaks."""

    def __init__(self, runtime: Runtime) -> None:
        self._check = runtime.check_cancelled
        self.raised: BaseException | None = None

    def check(self) -> None:
        try:
            self._check()
        except BaseException as error:
            self.raised = error
            raise


def _outcome(chore: Chore, result: UnitResult, *, kept: bool = False) -> Outcome:
    reasons = Counter(rejection.reason for rejection in result.rejections)
    return Outcome(
        phase=chore.phase,
        key=chore.key,
        name=chore.name,
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
