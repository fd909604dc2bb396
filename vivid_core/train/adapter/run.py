"""Train an adapter from a folder of clips: checked, resumed, saved, and read again."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...cogvideox.adapter import (
    Adapter,
    AdapterFacts,
    adapter_digest,
    describe_base,
    load_adapter,
    save_adapter,
)
from ...cogvideox.model import CogVideoX
from ...data.opened import open_dataset
from ...data.samples import Dataset
from ...errors import InputError
from ...files.digest import digest_of
from ...files.lock import sole_run
from ...files.parse import plain_values
from ...files.targets import require_own_folder
from ...media import load_image, save_image
from ...runtime import Progress, Runtime, duration_text
from ..board import Board
from ..checkpoints import Checkpoints
from ..loop import Trainer
from ..plot import draw_curves, read_log, trim_log
from ..processes import Processes
from ..skips import REMEDY
from .buckets import Size, train_sizes
from .checks import (
    check_samples,
    require_equal,
    require_equal_shares,
    require_extras,
    require_sharing,
    require_sound,
)
from .config import AdapterConfig
from .edits import ShownEdits
from .model import TrainedModel, prepare_model, require_trainable
from .order import Order
from .task import AdapterTask

log = logging.getLogger(__name__)
ADAPTER, CHECKPOINTS, CURVES, LOG, EDITS = (
    "adapter.safetensors",
    "checkpoints",
    "curves.png",
    "log.jsonl",
    "edits",
)
STORED = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
_SHOWN_CURVES = ("image", "video", "fixed noise")


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training that ended, or was stopped and can go on. `adapter` was read from `path`."""

    adapter: Adapter
    path: Path
    report: str


class Interruption:
    """The host's wish to stop, kept until the state is saved."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._raised: BaseException | None = None

    def wanted(self, report: Callable[[], object] = lambda: None) -> bool:
        """Whether the host wants it. Its `report` of progress may raise to stop as well."""
        try:
            if self._raised is None:
                report()
                self._check()
        except BaseException as error:  # whatever a host raises to stop is passed on later
            self._raised = error
        return self._raised is not None

    def pass_on(self) -> None:
        if self._raised is not None:
            raise self._raised


def train_adapter(
    bundle: CogVideoX,
    config: AdapterConfig,
    runtime: Runtime,
    *,
    start: Adapter | None = None,
    processes: Processes | None = None,
) -> Training:
    """Train on `config.data` until its last step, going on from what `config.out` holds.

    `start` is an adapter to begin from, `processes` are those that share the batches. What
    `runtime.check_cancelled` raises stops the training after a step: the state and the adapter so
    far are saved, then it is raised. Raises InputError for data, model or folder that cannot be
    used, TrainingDiverged where the loss explodes; the last checkpoint stays in each case.
    """
    require_trainable(bundle, config.layout)
    require_inputs_apart(config)
    sizes = train_sizes(bundle, config.recipe)
    processes = processes or Processes()
    require_extras(config)
    require_equal_shares(config, processes)
    require_sharing(config, processes)
    with torch.inference_mode(False), torch.enable_grad(), _sole_run(config.out, processes):
        dataset = open_dataset(config.data, _survey(runtime), form=config.form)
        notes = check_samples(bundle, dataset, config, sizes)
        interruption = Interruption(runtime.check_cancelled)
        with _memory_advice(config):
            model = prepare_model(
                bundle, config, device=runtime.device, start=start, processes=processes
            )
            beginning = "" if start is None else adapter_digest(start)
            run = _Run(model, dataset, config, sizes, runtime, processes, beginning)
            run.until_done(interruption)
            training = run.export(notes)
        interruption.pass_on()
    return training


def require_inputs_apart(config: AdapterConfig, file: Path | None = None) -> None:
    """Raise InputError where a training would replace what it reads; `file` is its YAML file."""
    named = {"start_from": config.start_from, "model": config.model}
    places = {name: Path(text) for name, text in named.items() if text and Path(text).exists()}
    inputs = [("data", config.data), ("config", file), ("base", config.base), *places.items()]
    require_own_folder("out", config.out, (ADAPTER, CHECKPOINTS, CURVES, LOG, EDITS), inputs)


class _Run:
    """One training of a folder, from its state on."""

    def __init__(
        self,
        model: TrainedModel,
        dataset: Dataset,
        config: AdapterConfig,
        sizes: tuple[Size, ...],
        runtime: Runtime,
        processes: Processes,
        beginning: str,
    ) -> None:
        self.model, self.dataset, self.config, self.size = model, dataset, config, sizes[0]
        self.runtime, self.processes = runtime, processes
        order = _order(dataset, config, sizes)
        self.task = AdapterTask(
            model, order, config, size=self.size, device=runtime.device, processes=processes
        )
        store = Checkpoints(
            config.out / CHECKPOINTS,
            keep=config.saving.keep,
            identity=_identity(model.bundle, dataset, config, self.size, beginning),
        )
        self.trainer = Trainer(self.task, config.loop, config.out, store, processes=processes)
        self.task.position = self.trainer.step * config.optimization.accumulate
        processes.main_does(lambda: trim_log(config.out / LOG, self.trainer.step))
        self._begun_at = self.trainer.step, self.trainer.seconds
        self._board: Board | None = None
        if config.tensorboard:
            processes.main_does(self._open_board)

    def _open_board(self) -> None:
        self._board = Board(self.config.out, self.trainer.step)
        self.trainer.observers.append(self._board.add)

    def until_done(self, interruption: Interruption) -> None:
        def after_step() -> bool:
            return interruption.wanted(lambda: self.runtime.report(self._progress()))

        if self.processes.main or self.processes.sharded:
            self.task.on_validate = self._edits(interruption).draw
        try:
            self.trainer.run(should_stop=after_step)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of what a training holds open."""
        self.task.close()
        if self._board is not None:
            self._board.close()

    def export(self, notes: tuple[str, ...]) -> Training:
        """Write the averaged weights as an adapter, check it, and read it again."""
        path = self.config.out / ADAPTER
        self.processes.main_does(lambda: self._write(path))
        return Training(adapter=load_adapter(path), path=path, report=self._report(notes))

    def _write(self, path: Path) -> None:
        with self.trainer.averaged():
            adapter = self.model.adapter(self._facts(), name=path.stem)
        require_sound(adapter)
        chosen = self.config.stored_as
        dtype = self.model.bundle.dtype if chosen == "model" else STORED[chosen]
        save_adapter(path, adapter, dtype=dtype)
        again = load_adapter(path)
        require_sound(again)
        require_equal(adapter, again, dtype)
        self._draw_curves()

    def _facts(self) -> AdapterFacts:
        chosen = self.config.lora
        return AdapterFacts(
            layout=self.model.layout.name,
            rank=chosen.rank,
            alpha=chosen.scale_numerator,
            train_size=self.size,
            training_step=self.trainer.step,
            licence=self.config.licence,
            dataset=self.dataset.digest,
            configuration=json.dumps(plain_values(self.config)),
            **describe_base(self.model.bundle),
        )

    def _edits(self, interruption: Interruption) -> ShownEdits:
        return ShownEdits(
            self.model,
            self.dataset.samples,
            self.task.store,
            self.config.edits_shown,
            size=self.size[1:],
            folder=self.config.out / EDITS if self.processes.main else None,
            device=self.runtime.device,
            stopped=(lambda: False) if self.processes.sharded else interruption.wanted,
        )

    def _progress(self) -> Progress:
        trainer, preview = self.trainer, None
        if trainer.step % self.config.saving.log_every == 0:
            picture = draw_training(self.config.out)
            preview = None if picture is None else picture[None]
        return Progress(
            stage="train",
            done=trainer.step,
            total=self.config.optimization.steps,
            alone=True,
            preview=preview,
            words=self._words(),
        )

    @property
    def _rate(self) -> float:
        """Steps a second since it was begun or resumed; 0 before the first."""
        step, seconds = self._begun_at
        return (self.trainer.step - step) / max(self.trainer.seconds - seconds, 1e-6)

    def _words(self) -> str:
        """Where it is, for people who watch."""
        trainer, chosen = self.trainer, self.config.optimization
        words = [
            f"step {trainer.step} of {chosen.steps}",
            f"{trainer.step * chosen.batch} samples seen",
            f"loss {trainer.smooth:.3g}",
        ]
        if trainer.skipped:
            words.append(trainer.skipped.words)
        left = chosen.steps - trainer.step
        if left and self._rate:
            words.append(f"{self._rate:.3g} steps/s, {duration_text(left / self._rate)} left")
        return ", ".join(words)

    def _draw_curves(self) -> None:
        picture = draw_training(self.config.out)
        if picture is not None:
            save_image(self.config.out / CURVES, picture)

    def _report(self, notes: tuple[str, ...]) -> str:
        lines = [self._words()]
        if self._rate:
            share = self.task.waited / max(self.trainer.seconds - self._begun_at[1], 1e-6)
            lines.append(f"{share:.0%} of the time was spent waiting for data")
        if self.trainer.step < self.config.optimization.steps:
            lines.append("stopped: run it again to go on")
        if self.trainer.skipped:
            lines.append(f"note: where many steps are skipped, {REMEDY}")
        lines += [f"note: {note}" for note in notes]
        return "\n".join([*lines, f"written: {self.config.out / ADAPTER}"])


@contextmanager
def _sole_run(out: Path, processes: Processes) -> Iterator[None]:
    """The main process holds the folder for all."""
    with ExitStack() as stack:
        processes.main_does(lambda: stack.enter_context(sole_run(out, argument="out")))
        yield


@contextmanager
def _memory_advice(config: AdapterConfig) -> Iterator[None]:
    """Out of memory becomes a sentence that says which option to turn on."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        chosen, options = config.optimization, []
        if not config.gradient_checkpointing:
            options.append("turn gradient_checkpointing on")
        if not config.base_fp8:
            options.append("turn base_fp8 on")
        if chosen.optimizer == "adamw":
            options.append("use the optimizer adamw8bit")
        if chosen.accumulate < chosen.batch:
            options.append(f"compute a batch in more parts (accumulate {chosen.batch})")
        options.append("train at a smaller size")
        raise InputError("memory", f"is full while training: {'; or '.join(options)}") from error


def _survey(runtime: Runtime) -> Callable[[int, int], None]:
    def on_sample(done: int, total: int) -> None:
        runtime.advance(Progress(stage="survey", done=done, total=total))

    return on_sample


def _order(dataset: Dataset, config: AdapterConfig, sizes: tuple[Size, ...]) -> Order:
    return Order(
        samples=dataset.samples,
        sizes=sizes,
        images_per_video=config.recipe.images_per_video,
        edits_per_deletion=config.recipe.edits_per_deletion,
        keyframe_share=config.recipe.keyframe_share,
        batch=config.optimization.batch,
        seed=config.seed,
    )


def _identity(
    bundle: CogVideoX,
    dataset: Dataset,
    config: AdapterConfig,
    size: tuple[int, int, int],
    beginning: str,
) -> dict[str, dict[str, str]]:
    """What must not change between the parts of a training, by the names that errors use."""
    plain: dict[str, Any] = plain_values(config)
    fixed = {name: plain[name] for name in ("seed", "lora", "recipe", "start_from", "layout")}
    fixed |= {"batch": config.optimization.batch, "optimizer": config.optimization.optimizer}
    fixed["start"] = beginning
    base = describe_base(bundle) | {"layout": bundle.layout.name}
    name = str(base.pop("base_model"))
    return {
        "model": {name: digest_of(base)},
        "data": dataset.digests,
        "config": {key: digest_of(value) for key, value in fixed.items()} | {"size": str(size)},
    }


def draw_training(folder: Path) -> torch.Tensor | None:
    """A training's loss curves and newest edits, [h, w, 3] in 0..1; None before the first record.

    `folder` is that of the training.
    """
    log_file = folder / LOG
    if not log_file.is_file():
        return None
    shown = [s for s in read_log(log_file) if s.name in _SHOWN_CURVES and s.points[0][1] > 0]
    if not shown:
        return None
    curves = draw_curves("loss of the adapter", shown)
    edits = max((folder / EDITS).glob("step_*.png"), default=None)
    return curves if edits is None else _below(curves, load_image(edits))


def _below(upper: torch.Tensor, lower: torch.Tensor) -> torch.Tensor:
    """Two pictures [h, w, 3] on one sheet of white paper."""
    width = max(upper.shape[1], lower.shape[1])
    parts = [
        torch.nn.functional.pad(part, (0, 0, 0, width - part.shape[1]), value=1.0)
        for part in (upper, lower)
    ]
    return torch.cat(parts)
