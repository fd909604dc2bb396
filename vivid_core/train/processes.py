"""The processes of a training: this one alone, or those of `accelerate launch`, by accelerate."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from inspect import signature
from typing import Any, NoReturn

import torch
from torch import nn
from torch.amp import autocast
from torch.nn.parallel import DistributedDataParallel

from ..errors import InputError, VividError

# accelerate's names. The others share out what is trained as well, which is small here; the frozen
# base is shared out by `Processes.shard`.
SUPPORTED = ("NO", "MULTI_CPU", "MULTI_GPU", "MULTI_NPU", "MULTI_XPU", "MULTI_MLU")
PRECISIONS = ("no", "bf16")


class Processes:
    """Which part of a batch is this process's, and what all of them have to agree on.

    Without an accelerator there is one process. accelerate's state belongs to the whole program,
    where a host may have others who use it, so that a training in a host does without.
    """

    def __init__(self, accelerator: Any = None) -> None:
        self._accelerator = accelerator
        self._wrapped: Any = None
        self.sharded = False  # whether each needs all others to run the model

    @property
    def count(self) -> int:
        return 1 if self._accelerator is None else self._accelerator.num_processes

    @property
    def index(self) -> int:
        return 0 if self._accelerator is None else self._accelerator.process_index

    @property
    def main(self) -> bool:
        """Whether this is the one that writes."""
        return self.index == 0

    def distribute(self, module: nn.Module) -> Any:
        """What to call in place of `module`, so that its gradients are the mean of all processes'.

        Frozen weights are taken to be the same everywhere and are not sent. Of a module that is
        sharded the gradients become the mean by `mean_gradients` instead.
        """
        if self._accelerator is None or self.sharded:
            return module
        frozen = [name for name, p in module.named_parameters() if not p.requires_grad]
        frozen += [name for name, _ in module.named_buffers()]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(module, frozen)
        self._wrapped = self._accelerator.prepare(module)
        return self._wrapped

    def shard(self, module: nn.Module, blocks: Iterable[nn.Module], device: torch.device) -> None:
        """Share the frozen weights of `module` out over the processes and their devices, in place.

        Each process keeps an equal part of every weight. Those of a block are gathered while it
        computes, forward and back, those of the rest of `module` while that does. What is trained
        stays whole everywhere: to PyTorch's FSDP2 (`fully_shard`) these are ignored parameters.
        """
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        trained = {p for p in module.parameters() if p.requires_grad}
        for parameter in trained:
            parameter.data = parameter.data.to(device)
        mesh = init_device_mesh(device.type, (self.count,))
        for part in (*blocks, module):
            fully_shard(part, mesh=mesh, reshard_after_forward=True, ignored_params=trained)
        self.sharded = True

    def autocast(self, device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
        """Computing in the precision of the launch, or without one in `dtype`."""
        if self._accelerator is not None:
            return self._accelerator.autocast()
        return autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)

    def part(self, *, last: bool) -> AbstractContextManager[Any]:
        """Around one of a step's parts: gradients meet in the last one."""
        if last or self._accelerator is None or self._wrapped is None:
            return nullcontext()
        return self._accelerator.no_sync(self._wrapped)

    def mean_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """After a step's last part: what `distribute` does, for a module that is sharded."""
        if not self.sharded:
            return
        for parameter in parameters:
            parameter.grad = self._accelerator.reduce(parameter.grad, "mean")

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Of each value over all processes, the same everywhere."""
        if self.count == 1:
            return dict(values)
        mine = torch.tensor(list(values.values()), dtype=torch.float64)
        mean = self._accelerator.reduce(mine.to(self._accelerator.device), "mean")
        return dict(zip(values, mean.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Whether one of them says so."""
        return self.mean({"flag": float(flag)})["flag"] > 0

    def main_does(self, action: Callable[[], object]) -> None:
        """Let the main process do what must be done once; the others wait, and fail with it."""
        self._agree(_attempt(action) if self.main else None)

    def all_do(self, action: Callable[[], object]) -> None:
        """Let all do what needs all, where the main process has more to do and may fail alone."""
        self._agree(_attempt(action))

    def _agree(self, problem: Exception | None) -> None:
        """Raise what went wrong here, or in the main process."""
        if self.count > 1:
            from accelerate.utils import broadcast_object_list

            (text,) = broadcast_object_list([None if problem is None else _words(problem)])
            problem = problem or (None if text is None else VividError(text))
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Take leave of the other processes."""
        if self._accelerator is not None:
            self._accelerator.end_training()


def launched_device(name: str) -> torch.device | None:
    """This process's own device where accelerate launched it, else None.

    `name` is the device that was asked for. Raises InputError for one that is not each process's
    own.
    """
    if not _is_launched():
        return None
    from accelerate import PartialState

    if name not in ("auto", "cpu"):
        raise InputError(
            "device", f"got {name!r}: accelerate gives each process its own: leave it auto, or cpu"
        )
    return PartialState(cpu=name == "cpu").device


def open_processes(device: torch.device, dtype: torch.dtype) -> Processes:
    """The processes this one was launched with, to train a base of this precision.

    They compute in bfloat16 where the base is in half precision or accelerate's configuration
    asks for it. Raises InputError for what that configuration asks for and this cannot do.
    """
    if not _is_launched():
        return Processes()
    from accelerate import Accelerator

    asked = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if asked not in PRECISIONS:
        raise InputError(
            "mixed_precision",
            f"accelerate's configuration asks for {asked}: use bf16, or no for float32",
        )
    half = compute_dtype(dtype) == torch.bfloat16
    accelerator = Accelerator(
        mixed_precision="bf16" if half else asked, cpu=device.type == "cpu", device_placement=False
    )
    kind = accelerator.distributed_type.value
    if kind not in SUPPORTED:
        raise InputError(
            "distributed_type",
            f"accelerate's configuration asks for {kind}: let it ask for MULTI_GPU, and to save "
            "memory turn shard_base and gradient_checkpointing on in the training's own",
        )
    return Processes(accelerator)


def can_shard() -> bool:
    """Whether PyTorch has FSDP2, and lets it ignore parameters."""
    try:
        from torch.distributed.fsdp import fully_shard
    except ImportError:
        return False
    return "ignored_params" in signature(fully_shard).parameters


def compute_dtype(base: torch.dtype) -> torch.dtype:
    """What a base is trained in: bfloat16 for one in half precision.

    float16 would need its losses scaled, and overflows on the 5B.
    """
    return torch.float32 if base == torch.float32 else torch.bfloat16


def _attempt(action: Callable[[], object]) -> Exception | None:
    try:
        action()
    except Exception as error:  # whatever it is, the others must not wait for ever
        return error
    return None


def _words(problem: Exception) -> str:
    return str(problem) if isinstance(problem, VividError) else f"the main process: {problem!r}"


def launched_count() -> int:
    """How many processes this one was launched with, itself included."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leave(code: int) -> NoReturn:
    """End this process with an exit code, whatever PyTorch left of a group of processes.

    Threads of such a group may live on, and want the interpreter when it has begun to end: then the
    system would end a training that is done with SIGABRT.
    """
    if launched_count() > 1:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _is_launched() -> bool:
    return launched_count() > 1 or "ACCELERATE_MIXED_PRECISION" in os.environ
