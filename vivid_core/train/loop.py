"""The training loop every stage shares: schedule, clipping, averaging, checkpoints, log, resume."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Literal, NoReturn, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..errors import InputError, TrainingDiverged
from .ema import WeightAverage
from .muon import Muon
from .processes import Processes
from .skips import REMEDY, SkippedSteps
from .state import StateFile, StateStore

log = logging.getLogger(__name__)
OptimizerName = Literal["adamw", "adamw8bit"]
DIVERGED_RATIO = 6.0  # a smoothed loss this many times its best is no longer training
EXPLODED_RATIO = 30.0  # a loss this many times the median of the first ones is none by chance
EXPLODED_LOSSES = 3  # so many one after the other


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How long and how fast. The defaults of betas and weight decay are VIVID's (app. B)."""

    steps: int
    learning_rate: float
    matrix_rate: float | None = None  # of Muon on the task's weight matrices; None: all by AdamW
    slow_share: float = 1.0  # of the learning rate, for what the task calls slow
    schedule_steps: int | None = None  # over which the rates fall; None: `steps`
    warmup: int = 200
    decay: bool = True  # after warm-up, along a cosine; else the rate stays
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 1e-4
    ema_decay: float = 0.999
    clip: float | None = 1.0  # largest norm of all gradients together
    accumulate: int = 1  # losses whose mean makes one step
    diverged_ratio: float | None = DIVERGED_RATIO
    optimizer: OptimizerName = "adamw"  # of what Muon does not take
    settle: int = 0  # steps before the smoothed loss may become the best one
    save_every: int = 250
    validate_every: int = 500
    log_every: int = 20
    seed: int = 0


@runtime_checkable
class TrainingTask(Protocol):
    """What one stage trains. Random draws come from the loop's generator, or from the position."""

    def parameters(self) -> list[nn.Parameter]: ...
    def matrices(self) -> list[nn.Parameter]:
        """Those of them that Muon may take."""
        ...

    def slow(self) -> list[nn.Parameter]:
        """Those of the others that take `slow_share` of the learning rate."""
        ...

    def loss(self, generator: torch.Generator, /) -> dict[str, Tensor]:
        """Named losses, and other figures, of this process's share of a step's next part.

        The one called "loss" is minimised.
        """
        ...

    def validate(self) -> dict[str, float]: ...


def rate_share(step: int, config: LoopConfig) -> float:
    """Of the full rate: linear warm-up, then cosine decay to 2%, or none."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    if not config.decay:
        return 1.0
    steps = config.schedule_steps or config.steps
    share = (step - config.warmup) / max(1, steps - config.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def build_optimizers(task: TrainingTask, config: LoopConfig) -> list[torch.optim.Optimizer]:
    """AdamW; where a matrix rate is set, Muon for the matrices and AdamW for the rest."""
    matrices = task.matrices() if config.matrix_rate else []
    slow = task.slow() if config.slow_share != 1 else []
    theirs = {id(p) for p in [*matrices, *slow]}
    rest = [p for p in task.parameters() if id(p) not in theirs]
    groups: list[dict[str, Any]] = [{"params": rest}]
    if slow:
        groups.append({"params": slow, "lr": config.slow_share * config.learning_rate})
    optimizers: list[torch.optim.Optimizer] = [
        _adamw(config.optimizer)(
            groups,
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
    ]
    if config.matrix_rate and matrices:
        decay = config.weight_decay * config.learning_rate / config.matrix_rate
        optimizers.append(Muon(matrices, lr=config.matrix_rate, weight_decay=decay))
    return optimizers


def _adamw(name: OptimizerName) -> Callable[..., torch.optim.Optimizer]:
    if name == "adamw":
        return torch.optim.AdamW
    require_optimizer(name)
    from bitsandbytes.optim import AdamW8bit

    return AdamW8bit


def require_optimizer(name: OptimizerName) -> None:
    """Raise InputError for an optimizer whose package is not installed."""
    if name == "adamw8bit" and find_spec("bitsandbytes") is None:
        raise InputError(
            "optimizer",
            "adamw8bit needs the package bitsandbytes: install it (pip install bitsandbytes), or "
            "take adamw",
        )


class Trainer:
    """Runs a task, resuming from what `store` holds: by default `folder`/state.pt.

    Of several processes each runs one, on its share of every batch: they have the same weights,
    decide together, and the main one writes.
    """

    def __init__(
        self,
        task: TrainingTask,
        config: LoopConfig,
        folder: Path,
        store: StateStore | None = None,
        *,
        processes: Processes | None = None,
    ) -> None:
        self.task, self.config, self.folder = task, config, folder
        self.processes = processes or Processes()
        self.observers: list[Callable[[int, dict[str, float]], None]] = []  # of what is logged
        self.store = store or StateFile(folder / "state.pt")
        self.parameters = task.parameters()
        self.optimizers = build_optimizers(task, config)
        self._full_rates = [group["lr"] for group in self._groups()]
        self.average = WeightAverage(self.parameters, decay=config.ema_decay)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.step, self.best, self.smooth = 0, math.inf, math.nan
        self.first: list[float] = []  # losses of the steps in which they settle
        self.seconds, self.skipped = 0.0, SkippedSteps()
        state = self.store.load()
        if state is not None:
            self._resume(state)
        self._sound_at = self.step + 1  # the last step whose loss was that of sound weights

    def run(self, *, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Train to the configured step. Saves and returns early when `should_stop` says so."""
        started = time.monotonic() - self.seconds
        while self.step < self.config.steps:
            values = self._one_step()
            self.seconds = time.monotonic() - started
            self._check(values["loss"])
            stopped, done = self.processes.any(should_stop()), self.step == self.config.steps
            if self.step % self.config.log_every == 0:
                self.processes.main_does(partial(self._log, values))
            sound = not self.skipped.in_a_row  # else it may push out those that are
            if (self.step % self.config.save_every == 0 and sound) or stopped or done:
                self.save()
            if stopped:
                return
            if self.step % self.config.validate_every == 0 or done:
                self._validate()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model carries its averaged weights inside this context."""
        self.average.swap(self.parameters)
        try:
            yield
        finally:
            self.average.swap(self.parameters)

    def save(self) -> None:
        self.processes.main_does(self._save)

    def _save(self) -> None:
        self.store.save(
            {
                "step": self.step,
                "best": self.best,
                "smooth": self.smooth,
                "first": list(self.first),
                "seconds": self.seconds,
                "skipped": self.skipped.state_dict(),
                "parameters": [p.detach() for p in self.parameters],
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "average": self.average.state_dict(),
                "generator": self.generator.get_state(),
            },
        )

    def _resume(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            for parameter, saved in zip(self.parameters, state["parameters"], strict=True):
                parameter.copy_(saved)
        asked = [{k: v for k, v in group.items() if k != "params"} for group in self._groups()]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for group, options in zip(self._groups(), asked, strict=True):
            group.update(options)  # betas and weight decay as they are asked for now
        self.average.load_state_dict(state["average"])
        self.generator.set_state(state["generator"])
        self.step, self.best, self.smooth = state["step"], state["best"], state["smooth"]
        self.seconds, self.first = state["seconds"], list(state.get("first", []))
        self.skipped.load_state_dict(state.get("skipped", {}))
        log.info("resumed at step %d", self.step)

    def _one_step(self) -> dict[str, float]:
        for group, rate in zip(self._groups(), self._full_rates, strict=True):
            group["lr"] = rate * rate_share(self.step, self.config)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        values = self._backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip or math.inf)
        finite = bool(torch.isfinite(norm))
        if finite:
            for optimizer in self.optimizers:
                optimizer.step()
            self.average.update(self.parameters)
        self.step += 1
        self.skipped.note(self.step, finite=finite)
        return values

    def _backward(self) -> dict[str, float]:
        """Gradients of the mean of all accumulated losses, and the mean of each value."""
        count = self.config.accumulate
        values: dict[str, float] = {}
        for i in range(count):
            with self.processes.part(last=i == count - 1):
                losses = self.task.loss(self.generator)
                (losses["loss"] / count).backward()
            for name, value in losses.items():
                values[name] = values.get(name, 0.0) + float(value.detach()) / count
        self.processes.mean_gradients(self.parameters)
        return self.processes.mean(values)

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _check(self, loss: float) -> None:
        self.smooth = loss if math.isnan(self.smooth) else 0.98 * self.smooth + 0.02 * loss
        ratio = self.config.diverged_ratio or math.inf
        if self.step > self.config.settle:
            self.best = min(self.best, self.smooth)
            sound, diverged = loss <= ratio * self.best, self.smooth > ratio * self.best
        else:
            self.first.append(loss)
            exploded = self._exploded() if self.config.diverged_ratio else 0
            sound, diverged = not exploded, exploded >= EXPLODED_LOSSES
        if sound and math.isfinite(loss) and not self.skipped.in_a_row:
            self._sound_at = self.step
        if diverged or not math.isfinite(loss):
            self._give_up(
                f"loss {loss:.3g} at step {self.step} (best average {self.best:.3g}): lower the "
                "learning rate"
            )
        if self.skipped.too_many:
            self._give_up(
                f"the gradients of {self.skipped.in_a_row} steps in a row, the last at step "
                f"{self.step}, are not finite: {REMEDY}"
            )

    def _give_up(self, why: str) -> NoReturn:
        self.processes.main_does(lambda: self.store.forget_from(self._sound_at))
        raise TrainingDiverged(f"{why}; what was good last is in {self.store.place}")

    def _exploded(self) -> int:
        """How many of the newest losses are far above those before, while all are few."""
        for count in range(min(EXPLODED_LOSSES, len(self.first) - 1), 0, -1):
            usual = EXPLODED_RATIO * median(self.first[:-count])
            if min(self.first[-count:]) > usual:
                return count
        return 0

    def _validate(self) -> None:
        """By the main process; by all where none can run the model alone."""
        if self.processes.sharded:
            self.processes.all_do(self._log_validation)
        else:
            self.processes.main_does(self._log_validation)

    def _log_validation(self) -> None:
        with self.averaged():
            values = self.task.validate()
        if self.processes.main:
            self._log(values)

    def _log(self, values: dict[str, float]) -> None:
        record = {"step": self.step, "seconds": round(self.seconds, 1)}
        if self.skipped:
            record["skipped"] = self.skipped.count
        record |= {name: float(f"{value:.7g}") for name, value in values.items()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "log.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:  # a full disk: the curve has a gap, and saving will say more
            log.warning("step %d is not in the log: %s", self.step, error)
        log.info("%s", record)
        for observe in self.observers:
            observe(self.step, values)
