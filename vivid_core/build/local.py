"""Run the tasks of a build here, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..runtime import Runtime
from .engines import Engines
from .tasks import Outcome, Task, run_task

Executor = Callable[[Sequence[Task], Runtime], Iterator[Outcome]]
"""Runs tasks in any order and gives each outcome when it is there; raises to stop."""


def run_here(engines: Engines) -> Executor:
    """An executor without other processes."""

    def run(tasks: Sequence[Task], runtime: Runtime) -> Iterator[Outcome]:
        for task in tasks:
            runtime.check_cancelled()
            yield run_task(task, engines, runtime)

    return run
