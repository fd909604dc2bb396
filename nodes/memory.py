"""Models under ComfyUI's memory management."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import comfy.model_management as management
import torch
from comfy.model_patcher import ModelPatcher

if TYPE_CHECKING:
    from ..vivid_core.cogvideox.model import CogVideoX
    from ..vivid_core.inpainter import Inpainter, Painted, Region
    from ..vivid_core.settings import Settings

ALL_OF_IT = 1e32  # bytes; what ComfyUI itself passes for "no limit"


@contextmanager
def normal_tensors() -> Iterator[None]:
    """Leave ComfyUI's inference mode, in which loaded weights could never be trained."""
    with torch.inference_mode(False), torch.no_grad():
        yield


class _Whole(torch.nn.Module):
    """Holds a module whose `device` cannot be assigned to, which ModelPatcher does."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module


class WholePatcher(ModelPatcher):
    """Moves a module between devices as a whole.

    ComfyUI streams weights only through layers of its own; modules of diffusers that stay behind
    on the CPU would fail in the middle of a step.
    """

    def partially_load(
        self, device_to: torch.device, extra_memory: float = 0, force_patch_weights: bool = False
    ) -> int:
        with normal_tensors():
            return super().partially_load(device_to, ALL_OF_IT, force_patch_weights)

    def partially_unload(self, *_: Any, **__: Any) -> int:
        """Nothing: ComfyUI then unloads the whole module."""
        return 0

    def detach(self, unpatch_all: bool = True) -> Any:
        with normal_tensors():
            return super().detach(unpatch_all)


class Hosted(Protocol):
    """What a VIVID_MODEL socket carries."""

    @property
    def bundle(self) -> Inpainter: ...

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        ...

    def prepare(self, activation_bytes: int) -> None:
        """Make room for an edit, and bring every part to the device it runs on."""
        ...


@dataclass(frozen=True, kw_only=True)
class HostedModel:
    """A model that Vivid Load Model loaded, and ComfyUI's handle on each of its parts.

    `patchers` is empty when the model moves its own parts block by block (offload).
    """

    bundle: CogVideoX
    patchers: tuple[WholePatcher, ...] = ()

    @classmethod
    def hold(cls, bundle: CogVideoX, known: tuple[WholePatcher, ...] = ()) -> HostedModel:
        """Let ComfyUI move a model's parts; those it knows already keep their handles."""
        handles = {id(patcher.model.module): patcher for patcher in known}
        patchers = tuple(handles.get(id(part)) or _patcher(part) for part in bundle.parts.values())
        return cls(bundle=bundle, patchers=patchers)

    @classmethod
    def offload(cls, bundle: CogVideoX) -> HostedModel:
        """Let the model bring its own weights to the device block by block."""
        from ..vivid_core.cogvideox.placement import place

        placement = replace(bundle.placement, offload="group")
        parts = {name: place(part, placement) for name, part in bundle.parts.items()}
        return cls(bundle=bundle.with_(placement=placement, **parts))

    @property
    def dtype(self) -> torch.dtype:
        return self.bundle.dtype

    def adapted(self, bundle: CogVideoX) -> HostedModel:
        """The same model with an adapter, under the same kind of care."""
        if not self.patchers:
            return HostedModel(bundle=bundle)
        return HostedModel.hold(bundle, self.patchers)

    def prepare(self, activation_bytes: int, *, transformer: bool = True) -> None:
        """Make room for an edit, and bring every part to the device it runs on.

        Without the transformer, for a training that brings a smaller copy of it.
        """
        if not self.patchers:
            management.free_memory(activation_bytes, management.get_torch_device())
            return
        parts = zip(self.bundle.parts, self.patchers, strict=True)
        chosen = [patcher for name, patcher in parts if transformer or name != "transformer"]
        management.load_models_gpu(chosen, memory_required=activation_bytes, force_full_load=True)


def own_model(model: Hosted, purpose: str) -> HostedModel:
    """A model of ours, for what no other can do. Raises InputError for one of ComfyUI's."""
    from ..vivid_core.errors import InputError

    if isinstance(model, HostedModel):
        return model
    raise InputError(
        "model",
        f"{model.bundle.name} was loaded by ComfyUI: {purpose}, or connect Vivid Load Model",
    )


@dataclass(frozen=True, kw_only=True)
class HostedEngine:
    """What a VIVID_ENGINE socket carries: an engine that sees, and handles on its models."""

    engine: Any
    patchers: tuple[WholePatcher, ...] = ()

    @classmethod
    def hold(cls, engine: Any) -> HostedEngine:
        from ..vivid_core.perceive.protocols import Movable

        modules = engine.modules if isinstance(engine, Movable) else ()
        return cls(engine=engine, patchers=tuple(_patcher(module) for module in modules))


def engine_of(socket: Any) -> Any:
    """The engine that a socket carries, wherever its models are, for one run of a node."""
    from ..vivid_core.perceive.protocols import Renewable

    engine = socket.engine if isinstance(socket, HostedEngine) else socket
    return engine.renewed() if isinstance(engine, Renewable) else engine


def bring_engines(sockets: Iterable[Any]) -> None:
    """Bring all models of these engines to the device they run on, until ComfyUI needs the room."""
    hosted = [socket for socket in sockets if isinstance(socket, HostedEngine)]
    patchers = [patcher for one in hosted for patcher in one.patchers]
    if patchers:
        management.load_models_gpu(patchers, force_full_load=True)


class OnDemand:
    """Brings its models to their device whenever it is asked for something.

    Where several take turns, each may have sent the others away since it was loaded.
    """

    def __init__(self, engine: Any, bring: Callable[[], None]) -> None:
        self._engine, self._bring = engine, bring

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._engine, name)
        if not callable(value):
            return value

        @wraps(value)
        def asked(*given: Any, **named: Any) -> Any:
            self._bring()
            return value(*given, **named)

        return asked


class _ModelOnDemand(OnDemand):
    """A model that makes room for each window that it edits."""

    def __init__(self, model: Hosted) -> None:
        super().__init__(model.bundle, lambda: model.prepare(0))
        self._model = model

    def inpaint(self, region: Region, draws: Any, settings: Settings, **rest: Any) -> Painted:
        bundle, pixels = self._model.bundle, region.pixels
        work = bundle.work([(len(pixels), (pixels.shape[1], pixels.shape[2]))], settings)
        self._model.prepare(0 if work is None else work.memory.activations)
        return bundle.inpaint(region, draws, settings, **rest)


def model_on_demand(model: Hosted) -> Inpainter:
    return cast("Inpainter", _ModelOnDemand(model))


def engine_on_demand(socket: Any) -> Any:
    """The engine that a socket carries, whose models come whenever it is asked."""
    engine = engine_of(socket)
    if not isinstance(socket, HostedEngine) or not socket.patchers:
        return engine
    return OnDemand(engine, lambda: bring_engines([socket]))


def loaded(patcher: ModelPatcher) -> torch.nn.Module:
    """The module of a handle that another node made, on the device where it runs."""
    management.load_models_gpu([patcher], force_full_load=True)
    return patcher.model


def load_device() -> torch.device:
    return management.get_torch_device()


def waiting_device() -> torch.device:
    """Where models wait that are not in use."""
    return management.unet_offload_device()


def result_device() -> torch.device:
    """Where IMAGE and MASK tensors are passed from node to node."""
    return management.intermediate_device()


def best_dtype() -> torch.dtype | Literal["auto"]:
    """The model's own choice, except on cards that compute bfloat16 badly."""
    device = management.get_torch_device()
    if management.is_device_cpu(device) or management.should_use_bf16(device):
        return "auto"
    return torch.float16


def fits(needed_bytes: int) -> bool:
    """Whether this much fits the device once everything else is unloaded."""
    device = management.get_torch_device()
    reserved = management.extra_reserved_memory()
    return needed_bytes < management.get_total_memory(device) - reserved


def _patcher(part: torch.nn.Module) -> WholePatcher:
    return WholePatcher(
        _Whole(part),
        load_device=management.get_torch_device(),
        offload_device=waiting_device(),
    )
