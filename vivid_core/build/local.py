"""Run the tasks of a build here, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..runtime import Runtime
from .chores import Chore, Digested, Outcome, run_chore

Executor = Callable[[Sequence[Chore], Runtime], Iterator[Outcome]]
"""Runs tasks in any order and gives each outcome when it is there; raises to stop."""


def run_here(engines: Digested) -> Executor:
    """An executor without other processes."""

    def run(tasks: Sequence[Chore], runtime: Runtime) -> Iterator[Outcome]:
        for task in tasks:
            runtime.check_cancelled()
            yield run_chore(task, engines, runtime)

    return run
