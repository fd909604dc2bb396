"""Trains in a child that is killed (SIGKILL) while it saves, again and again, and to the end.

`python -m ... DATA OUT KILLS` trains once to the end in OUT/whole and with so many kills in
OUT/killed. The child is a fork, which has all modules at once. Nothing here computes before it
forks: PyTorch's threads would be missing in the child.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.runtime import Runtime
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

LONGEST_SAVE = 0.004  # seconds; a kill comes at any moment of it
STEPS_EACH = 5  # between two kills, at most


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


def begin(model: CogVideoX, config: AdapterConfig) -> int:
    """The number of a process that trains."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train_adapter(model, config, Runtime())
            code = 0
        finally:
            os._exit(code)
    return child


def kill_while_saving(child: int, folder: Path, chance: random.Random) -> bool:
    """Kill it in its second save or a later one; whether something unfinished is left of that."""
    seen = unfinished(folder)
    for _ in range(chance.randint(2, STEPS_EACH - 1)):
        while not (new := unfinished(folder) - seen):
            if os.waitpid(child, os.WNOHANG)[0]:
                raise SystemExit("the training ended before it was killed")
            time.sleep(0.0003)
        seen |= new
    time.sleep(chance.uniform(0, LONGEST_SAVE))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return bool(unfinished(folder))


def finish(child: int) -> None:
    """Wait for its end."""
    if os.waitpid(child, 0)[1]:
        raise SystemExit("a training that was not killed failed")


def unfinished(folder: Path) -> set[Path]:
    """Files that are being written, or were."""
    return set(folder.glob(".*.part"))


def main(data: Path, out: Path, kills: int) -> None:
    """Say how many kills left something unfinished."""
    model, chance = random_model(), random.Random(kills)
    whole, killed = (configuration(data, out / name, kills) for name in ("whole", "killed"))
    finish(begin(model, whole))
    left = 0
    for _ in range(kills):
        left += kill_while_saving(begin(model, killed), killed.out / CHECKPOINTS, chance)
    finish(begin(model, killed))
    sys.stdout.write(str(left))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
