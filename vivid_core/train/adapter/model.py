"""A model made ready to train an adapter on: a clone with a new LoRA and its own patch embedder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...cogvideox.adapter import (
    TARGET_MODULES,
    Adapter,
    AdapterFacts,
    describe_base,
    extract_adapter,
    lora_config,
    lora_targets,
    require_same_base,
    trained_scale,
)
from ...cogvideox.layout import Layout, layout_named
from ...cogvideox.lora import attach_lora, fill_lora
from ...cogvideox.model import CogVideoX
from ...cogvideox.surgery import clone_transformer, set_patch_embedder, widen_patch_embedder
from ...errors import InputError
from ..processes import Processes
from .config import AdapterConfig, LoraOptions
from .fp8 import hold_in_fp8

TRAINABLE = (
    "t2v",
    "fun_inp",
    "vivid",
)  # layouts that become VIVID's by more input channels or none


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """`bundle` is the base as it came; `transformer` a clone of its own, in which all is frozen
    but `parameters` (float32): the newest LoRA and the patch embedder.
    """

    bundle: CogVideoX
    transformer: Any  # CogVideoXTransformer3DModel
    layout: Layout
    parameters: list[nn.Parameter]

    def adapter(self, facts: AdapterFacts, *, name: str) -> Adapter:
        """What is trained, as it is now."""
        return extract_adapter(self.transformer, facts, name=name)


def require_trainable(bundle: CogVideoX) -> None:
    """Raise InputError for a model that cannot become VIVID's, or is trained for something else."""
    if bundle.layout.name not in TRAINABLE:
        raise InputError(
            "model",
            f"{bundle.name} is a {bundle.layout.name} model: adapters are trained on plain "
            "CogVideoX (text to video), CogVideoX-Fun-InP or VIVID models",
        )
    prediction = describe_base(bundle)["prediction_type"]
    if prediction != "v_prediction":
        raise InputError(
            "model",
            f"the scheduler of {bundle.name} is for {prediction}: VIVID trains v-prediction",
        )


def prepare_model(
    bundle: CogVideoX,
    config: AdapterConfig,
    *,
    device: torch.device,
    start: Adapter | None = None,
    processes: Processes | None = None,
) -> TrainedModel:
    """Clone the transformer, give it VIVID's channels and a LoRA, and freeze the rest.

    `processes` are those that the frozen weights are shared out over, if they are. The base's own
    weights are never written to. New channels begin at zero, the LoRA's second matrix too, so that
    the first step starts from the base exactly; or both are those of `start`.
    Raises InputError for a base or a start that does not fit.
    """
    require_trainable(bundle)
    if start is not None:
        _require_fitting_start(bundle, start, config.lora)
    base = bundle.layout
    layout = layout_named("vivid", version=base.version, patch_time=base.patch_time)
    transformer: Any = clone_transformer(bundle.transformer)
    set_patch_embedder(
        transformer, _embedder(transformer) if start is None else start.patch_embedder
    )
    widen_patch_embedder(transformer, layout.in_channels)
    _require_targets(transformer, config.lora.targets)
    name = _new_lora(transformer, config, start)
    parameters = _trained_parameters(transformer, name)
    if config.base_fp8:
        hold_in_fp8(transformer, bundle.dtype)
    if config.shard_base:
        (processes or Processes()).shard(transformer, transformer.transformer_blocks, device)
    else:
        transformer.to(device)
    transformer.train()
    if config.gradient_checkpointing:
        transformer.enable_gradient_checkpointing()
    return TrainedModel(
        bundle=bundle,
        transformer=transformer,
        layout=layout,
        parameters=parameters,
    )


def _embedder(transformer: Any) -> dict[str, Tensor]:
    return transformer.patch_embed.proj.state_dict()


def _require_targets(transformer: Any, targets: tuple[str, ...]) -> None:
    """Raise InputError for a target that names no layer, or the patch embedder, trained whole."""
    linear = (n for n, part in transformer.named_modules() if isinstance(part, nn.Linear))
    layers = [name.removesuffix(".base_layer") for name in linear]  # of a LoRA that is there
    for target in targets:
        found = [name for name in layers if name == target or name.endswith(f".{target}")]
        if not found:
            raise InputError(
                "lora: targets",
                f"{target!r} names no linear layer of the transformer: use endings of names such "
                f"as {', '.join(TARGET_MODULES)}",
            )
        if any(name.startswith("patch_embed.proj") for name in found):
            raise InputError(
                "lora: targets",
                f"{target!r} is the patch embedder, which is trained whole: drop it",
            )


def _new_lora(transformer: Any, config: AdapterConfig, start: Adapter | None) -> str:
    """A LoRA drawn from the seed, or that of `start`; peft's name for it."""
    chosen = lora_config(config.lora.rank, config.lora.scale_numerator, config.lora.targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        name = attach_lora(transformer, chosen)
    if start is not None:
        fill_lora(transformer, name, start.lora)
    return name


def _trained_parameters(transformer: Any, lora_name: str) -> list[nn.Parameter]:
    """Freeze everything but the LoRA and the patch embedder, which become float32."""
    trained = []
    for name, parameter in transformer.named_parameters():
        chosen = f".{lora_name}." in name or name.startswith("patch_embed.proj.")
        parameter.requires_grad_(chosen)
        if chosen:
            parameter.data = parameter.data.float()
            trained.append(parameter)
    return trained


def _require_fitting_start(bundle: CogVideoX, start: Adapter, lora: LoraOptions) -> None:
    rank, alpha = trained_scale(start, argument="start_from")
    require_same_base(bundle, start)
    found = (rank, alpha, sorted(lora_targets(start)))
    wanted = (lora.rank, lora.scale_numerator, sorted(lora.targets))
    if found != wanted:
        raise InputError(
            "start_from",
            f"{start.name} has rank {found[0]}, alpha {found[1]:g} and targets "
            f"{', '.join(found[2])}; asked are rank {wanted[0]}, alpha {wanted[1]:g} and "
            f"{', '.join(wanted[2])}: ask for those of the adapter",
        )
