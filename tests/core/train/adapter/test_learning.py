"""A few dozen steps on a small folder lower the loss of vivid-tiny's own base."""

from __future__ import annotations

import json
from pathlib import Path

from vivid_core.runtime import Runtime
from vivid_core.tiny import load_tiny
from vivid_core.train.adapter.config import (
    AdapterConfig,
    LoraOptions,
    Optimization,
    Recipe,
    Saving,
)
from vivid_core.train.adapter.run import LOG, train_adapter

from ....folders import write_folder

STEPS = 36


def config(folder: Path, steps: int) -> AdapterConfig:
    return AdapterConfig(
        data=folder / "data",
        out=folder / "run",
        lora=LoraOptions(rank=8),
        recipe=Recipe(images_per_video=float("inf"), mask_variants=("none",)),
        optimization=Optimization(steps=steps, batch=4, learning_rate=3e-3, ema_decay=0.9),
        saving=Saving(validate_every=STEPS),
    )


def test_a_few_dozen_steps_lower_the_loss(tmp_path: Path) -> None:
    write_folder(tmp_path / "data", clips=4, size=(64, 64))
    base = load_tiny(adapter=False)
    for steps in (1, STEPS):
        train_adapter(base, config(tmp_path, steps), Runtime())
    records = map(json.loads, (tmp_path / "run" / LOG).read_text().splitlines())
    before, after = (r["fixed_noise"] for r in records if "fixed_noise" in r)
    assert after < 0.8 * before
