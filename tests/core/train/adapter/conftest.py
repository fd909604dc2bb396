"""A folder to train on, and trainings of a few steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vivid_core.runtime import Progress, Runtime
from vivid_core.train.adapter.config import (
    AdapterConfig,
    LoraOptions,
    Optimization,
    Recipe,
    Saving,
)

from ....folders import write_folder

Configure = Callable[..., AdapterConfig]


class Stop(Exception):
    """A host that wants its run to end."""


class Host:
    """Counts steps and stops after some of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps: list[Progress] = []
        self.stop_at = stop_at

    def report(self, progress: Progress) -> None:
        if progress.stage == "train":
            self.steps.append(progress)

    def check(self) -> None:
        if self.stop_at is not None and self.steps and self.steps[-1].done >= self.stop_at:
            raise Stop

    @property
    def runtime(self) -> Runtime:
        return Runtime(report=self.report, check_cancelled=self.check)


@pytest.fixture
def host() -> Callable[..., Host]:
    return Host


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("training") / "data")


@pytest.fixture
def configure(data: Path, tmp_path: Path) -> Configure:
    """A training of two samples a step, every other batch of video."""

    def build(out: str = "run", **changes: Any) -> AdapterConfig:
        recipe = {"images_per_video": 1, **changes.pop("recipe", {})}
        chosen = {"steps": 6, "batch": 2, **changes.pop("optimization", {})}
        saving = {"every": 2, "log_every": 2, "validate_every": 3, **changes.pop("saving", {})}
        config = AdapterConfig(
            data=data,
            out=tmp_path / out,
            lora=LoraOptions(rank=4),
            recipe=Recipe(**recipe),
            optimization=Optimization(**chosen),
            saving=Saving(**saving),
        )
        return replace(config, **changes)

    return build
