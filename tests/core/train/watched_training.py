"""One of several processes that go through trainings together: each is what `vivid train` does.

`python -m ... CONFIG CONFIG ...` leaves CONFIG.0.json, CONFIG.1.json ...: how the training ended in
each process, and what it held of the base meanwhile. Starting a process takes longer than all.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vivid_core.cli import main
from vivid_core.errors import VividError
from vivid_core.train.adapter.task import AdapterTask
from vivid_core.train.processes import Processes, leave, open_processes


def held_bytes(module: nn.Module) -> int:
    """Of the frozen weights, by their memory: of those that are shared out this one's part."""
    frozen: list[Any] = [p for p in module.parameters() if not p.requires_grad]
    parts = [p.to_local() if hasattr(p, "to_local") else p for p in frozen]
    return sum(part.untyped_storage().nbytes() for part in parts)


def watch() -> list[int]:
    """The bytes held before each part and after each validation, as they come."""
    held: list[int] = []
    loss, validate = AdapterTask.loss, AdapterTask.validate

    def noted_loss(task: AdapterTask, generator: torch.Generator, /) -> Any:
        held.append(held_bytes(task.model.transformer))
        return loss(task, generator)

    def noted_validate(task: AdapterTask) -> dict[str, float]:
        values = validate(task)
        held.append(held_bytes(task.model.transformer))
        return values

    AdapterTask.loss, AdapterTask.validate = noted_loss, noted_validate
    return held


def broken_main() -> str:
    """The error of a main process that does something nobody has thought of."""
    processes = open_processes(torch.device("cpu"), torch.float32)
    try:
        processes.main_does(lambda: 1 // 0)
    except (VividError, ZeroDivisionError) as error:
        return repr(error)
    return "none"


def train(config: Path, held: list[int]) -> None:
    """Run it and note how it ended."""
    held.clear()
    texts = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(texts[0]), contextlib.redirect_stderr(texts[1]):
        code = main(["train", str(config)])
    notes = {"code": code, "out": texts[0].getvalue(), "errors": texts[1].getvalue(), "held": held}
    config.with_suffix(f".{os.environ['RANK']}.json").write_text(json.dumps(notes))


if __name__ == "__main__":
    notes, close = watch(), Processes.close
    Processes.close = lambda _: None  # they go on to the next
    for name in sys.argv[1:]:
        train(Path(name), notes)
    sys.stdout.write(broken_main())
    Processes.close = close
    open_processes(torch.device("cpu"), torch.float32).close()
    leave(0)
