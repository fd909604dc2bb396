"""Run the tasks of a build on Ray: the same tasks, by actors that keep their engines.

Only paths, rules and counts travel between processes; frames and masks stay in files, which all
workers have to see under the same paths. A worker that dies is started anew, and its task is done
again.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import EngineError, InputError
from ..runtime import Runtime
from .chores import Chore, EngineMaker, Outcome, fail_chore, run_chore
from .local import Executor

RETRIES = 3  # of a task whose worker died
WAIT_SECONDS = 1.0  # until the host is asked whether to stop


class Worker:
    """One actor: it loads its engines once."""

    def __init__(self, make_engines: EngineMaker) -> None:
        self._engines = make_engines()

    def ready(self) -> str:
        return self._engines.digest

    def run(self, task: Chore) -> Outcome:
        return run_chore(task, self._engines, Runtime())


def run_on_ray(
    make_engines: EngineMaker, *, workers: int, gpus: float = 0.0, address: str | None = None
) -> Executor:
    """An executor with so many workers, each with its share of `gpus`.

    Without an `address` a cluster of this machine alone is started, and stopped at the end. Raises
    InputError where Ray is not installed.
    """
    if workers < 1:
        raise InputError("workers", f"must be 1 or more, got {workers}")
    if not 0 <= gpus < math.inf:
        raise InputError("gpus_per_worker", f"must be 0 or more, got {gpus}")
    _ray()

    def run(tasks: Sequence[Chore], runtime: Runtime) -> Iterator[Outcome]:
        ray = _ray()
        if not ray.is_initialized():
            _start(ray, workers, address)
        options = {"max_restarts": -1, "max_task_retries": RETRIES, "num_gpus": gpus}
        actor = ray.remote(Worker).options(**options)
        pool = [actor.remote(make_engines) for _ in range(min(workers, len(tasks)))]
        try:
            _require_ready(ray, pool)
            yield from _drain(ray, pool, tasks, runtime)
        finally:
            for one in pool:
                ray.kill(one)

    return run


def _require_ready(ray: Any, pool: Sequence[Any]) -> None:
    """Raise EngineError where engines cannot be loaded: every task would break on that."""
    try:
        ray.get([worker.ready.remote() for worker in pool])
    except ray.exceptions.RayActorError as error:
        raise EngineError(f"a worker cannot load its engines: {error}") from error


def _drain(
    ray: Any, pool: Sequence[Any], tasks: Sequence[Chore], runtime: Runtime
) -> Iterator[Outcome]:
    """Every worker has one task; who is done gets the next."""
    waiting = iter(tasks)
    running: dict[Any, tuple[Any, Chore]] = {}

    def give(worker: Any) -> None:
        task = next(waiting, None)
        if task is not None:
            running[worker.run.remote(task)] = (worker, task)

    for worker in pool:
        give(worker)
    while running:
        runtime.check_cancelled()
        done, _ = ray.wait(list(running), timeout=WAIT_SECONDS)
        for reference in done:
            worker, task = running.pop(reference)
            yield _outcome(ray, reference, task)
            give(worker)


def _outcome(ray: Any, reference: Any, task: Chore) -> Outcome:
    try:
        return ray.get(reference)
    except ray.exceptions.RayActorError as error:
        return fail_chore(task, error)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from error


def _start(ray: Any, workers: int, address: str | None) -> None:
    if address is not None:
        ray.init(address=address, log_to_driver=False)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of this cluster
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise InputError(
            "engine", "ray needs the package ray: pip install ray, or use the engine local"
        ) from error
    return ray
