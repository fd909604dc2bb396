"""The training loop every stage shares: schedule, clipping, averaging, checkpoints, log, resume."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..errors import TrainingDiverged
from .ema import WeightAverage
from .muon import Muon
from .state import load_state, save_state

log = logging.getLogger(__name__)
DIVERGED_RATIO = 6.0  # a smoothed loss this many times its best is no longer training


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How long and how fast. The defaults of betas and weight decay are VIVID's (app. B)."""

    steps: int
    learning_rate: float
    matrix_rate: float | None = None  # of Muon on the task's weight matrices; None: all by AdamW
    warmup: int = 200
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 1e-4
    ema_decay: float = 0.999
    clip: float = 1.0
    save_every: int = 250
    validate_every: int = 500
    log_every: int = 20
    seed: int = 0


@runtime_checkable
class TrainingTask(Protocol):
    """What one stage trains. Random draws come from the loop's generator only."""

    def parameters(self) -> list[nn.Parameter]: ...
    def matrices(self) -> list[nn.Parameter]:
        """Those of them that Muon may take."""
        ...

    def loss(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Named losses of one step; the one called "loss" is minimised."""
        ...

    def validate(self) -> dict[str, float]: ...


def rate_share(step: int, config: LoopConfig) -> float:
    """Of the full rate: linear warm-up, then cosine decay to 2%."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def build_optimizers(task: TrainingTask, config: LoopConfig) -> list[torch.optim.Optimizer]:
    """AdamW; where a matrix rate is set, Muon for the matrices and AdamW for the rest."""
    matrices = task.matrices() if config.matrix_rate else []
    theirs = {id(p) for p in matrices}
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [p for p in task.parameters() if id(p) not in theirs],
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
    ]
    if config.matrix_rate and matrices:
        decay = config.weight_decay * config.learning_rate / config.matrix_rate
        optimizers.append(Muon(matrices, lr=config.matrix_rate, weight_decay=decay))
    return optimizers


class Trainer:
    """Runs a task, resuming from `folder`/state.pt if it is there."""

    def __init__(self, task: TrainingTask, config: LoopConfig, folder: Path) -> None:
        self.task, self.config, self.folder = task, config, folder
        self.parameters = task.parameters()
        self.optimizers = build_optimizers(task, config)
        self._full_rates = [group["lr"] for group in self._groups()]
        self.average = WeightAverage(self.parameters, decay=config.ema_decay)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.step, self.best, self.smooth = 0, math.inf, math.nan
        self.seconds = 0.0
        if self.state_path.exists():
            self._resume()

    @property
    def state_path(self) -> Path:
        return self.folder / "state.pt"

    def run(self, *, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Train to the configured step. Saves and returns early when `should_stop` says so."""
        started = time.monotonic() - self.seconds
        while self.step < self.config.steps:
            values = self._one_step()
            self.seconds = time.monotonic() - started
            self._check(values["loss"])
            last = self.step == self.config.steps or should_stop()
            if self.step % self.config.log_every == 0:
                self._log(values)
            if self.step % self.config.validate_every == 0 or last:
                with self.averaged():
                    self._log(self.task.validate())
            if self.step % self.config.save_every == 0 or last:
                self.save()
            if last:
                return

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model carries its averaged weights inside this context."""
        self.average.swap(self.parameters)
        try:
            yield
        finally:
            self.average.swap(self.parameters)

    def save(self) -> None:
        save_state(
            self.state_path,
            {
                "step": self.step,
                "best": self.best,
                "smooth": self.smooth,
                "seconds": self.seconds,
                "parameters": [p.detach() for p in self.parameters],
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "average": self.average.state_dict(),
                "generator": self.generator.get_state(),
            },
        )

    def _resume(self) -> None:
        state = load_state(self.state_path)
        with torch.no_grad():
            for parameter, saved in zip(self.parameters, state["parameters"], strict=True):
                parameter.copy_(saved)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.average.load_state_dict(state["average"])
        self.generator.set_state(state["generator"])
        self.step, self.best, self.smooth = state["step"], state["best"], state["smooth"]
        self.seconds = state["seconds"]
        log.info("resumed at step %d", self.step)

    def _one_step(self) -> dict[str, float]:
        for group, rate in zip(self._groups(), self._full_rates, strict=True):
            group["lr"] = rate * rate_share(self.step, self.config)
        losses = self.task.loss(self.generator)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        if torch.isfinite(norm):
            for optimizer in self.optimizers:
                optimizer.step()
            self.average.update(self.parameters)
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _check(self, loss: float) -> None:
        self.smooth = loss if math.isnan(self.smooth) else 0.98 * self.smooth + 0.02 * loss
        self.best = min(self.best, self.smooth)
        if not math.isfinite(loss) or self.smooth > DIVERGED_RATIO * self.best:
            raise TrainingDiverged(
                f"loss {loss:.3g} at step {self.step} (best average {self.best:.3g}): lower the "
                f"learning rate; the last good state is {self.state_path}"
            )

    def _log(self, values: dict[str, float]) -> None:
        record = {"step": self.step, "seconds": round(self.seconds, 1)}
        record |= {name: float(f"{value:.5g}") for name, value in values.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        log.info("%s", record)
