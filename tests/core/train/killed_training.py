"""Trains in a child that dies without a word while it saves, again and again, and to the end.

`python -m ... DATA OUT KILLS` trains once to the end in OUT/whole and with so many kills in
OUT/killed. The child is a fork, which has all modules at once. Nothing here computes before it
forks: PyTorch's threads would be missing in the child.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.runtime import Progress, Runtime
from vivid_core.train.adapter.config import (
    AdapterConfig,
    EditsShown,
    LoraOptions,
    Optimization,
    Recipe,
    Saving,
)
from vivid_core.train.adapter.run import CHECKPOINTS, train_adapter

from ..random_model import random_model

FIRST_BYTE = 4096  # no file but a checkpoint is longer
LONGEST_SAVE = 0.004  # seconds
STEPS_EACH = 5  # between two kills, about


def configuration(data: Path, out: Path, kills: int) -> AdapterConfig:
    """Single frames, saved at every step."""
    return AdapterConfig(
        data=data,
        out=out,
        lora=LoraOptions(rank=16),
        recipe=Recipe(size=(1, 16, 16)),
        optimization=Optimization(steps=STEPS_EACH * (kills + 1), batch=1, learning_rate=1e-2),
        saving=Saving(every=1, keep=2, log_every=1, validate_every=1000),
        edits_shown=EditsShown(count=0),
    )


def die_when_full() -> None:
    """By the system, when the file gets its size."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FIRST_BYTE, FIRST_BYTE))


def die_before_renaming() -> None:
    """When the file is whole and has not got its name."""

    def watch(event: str, _: object) -> None:
        if event == "os.rename":
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def die_soon() -> None:
    """At any moment from when the save begins, by looking for what is unfinished."""

    def watch(event: str, _: object) -> None:
        if event == "os.scandir" and not signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, LONGEST_SAVE))

    sys.addaudithook(watch)


# Nothing can catch them, and all come however busy the machine is.
DEATHS = (
    (die_when_full, signal.SIGXFSZ),
    (die_before_renaming, signal.SIGKILL),
    (die_soon, signal.SIGALRM),
)


def begin(model: CogVideoX, config: AdapterConfig, runtime: Runtime) -> int:
    """How a process that trains ended: the number of the signal, or 0."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train_adapter(model, config, runtime)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def deadly(die: Callable[[], None], steps: int) -> Runtime:
    """What makes a training die in the save after `steps` of its own steps, about."""

    def report(progress: Progress) -> None:
        if progress.stage == "train" and progress.done % STEPS_EACH == steps:
            die()

    return Runtime(report=report)


def unfinished(folder: Path) -> list[Path]:
    """What is being written, or was: safetensors has a name of its own for it."""
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def main(data: Path, out: Path, kills: int) -> None:
    """Say how many of the deaths left something unfinished."""
    model, chance = random_model(), random.Random(kills)
    whole, killed = (configuration(data, out / name, kills) for name in ("whole", "killed"))
    require(begin(model, whole, Runtime()) == 0, "a training that was not killed failed")
    left = 0
    for number in range(kills):
        die, by = DEATHS[number % len(DEATHS)]
        ended = begin(model, killed, deadly(die, chance.randrange(STEPS_EACH)))
        require(ended == by, f"{die.__name__}: ended with {ended}")
        left += bool(unfinished(killed.out / CHECKPOINTS))
    require(begin(model, killed, Runtime()) == 0, "the last training failed")
    sys.stdout.write(str(left))


def require(condition: bool, problem: str) -> None:
    """End with an error where something is not so."""
    if not condition:
        raise SystemExit(problem)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
