"""`python -m vivid_core.train CONFIG`, noting what this process holds of the base meanwhile."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vivid_core.cli import main
from vivid_core.train.adapter.task import AdapterTask


def held_bytes(module: nn.Module) -> int:
    """Of the frozen weights, by their memory: of those that are shared out this one's part."""
    frozen: list[Any] = [p for p in module.parameters() if not p.requires_grad]
    parts = [p.to_local() if hasattr(p, "to_local") else p for p in frozen]
    return sum(part.untyped_storage().nbytes() for part in parts)


def watch(notes: Path) -> None:
    """Write the bytes held before each part and after each validation to the file `notes`."""
    held: list[int] = []
    loss, validate = AdapterTask.loss, AdapterTask.validate

    def note(task: AdapterTask) -> None:
        held.append(held_bytes(task.model.transformer))
        notes.write_text(json.dumps(held))

    def noted_loss(task: AdapterTask, generator: torch.Generator, /) -> Any:
        note(task)
        return loss(task, generator)

    def noted_validate(task: AdapterTask) -> dict[str, float]:
        values = validate(task)
        note(task)
        return values

    AdapterTask.loss, AdapterTask.validate = noted_loss, noted_validate


if __name__ == "__main__":
    config = Path(sys.argv[1])
    watch(config.with_suffix(f".held_{os.environ['RANK']}.json"))
    sys.exit(main(["train", str(config)]))
