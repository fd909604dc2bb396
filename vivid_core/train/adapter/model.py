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
from ...cogvideox.latents import LATENT_CHANNELS
from ...cogvideox.layout import Channel, Layout, LayoutName, layout_named
from ...cogvideox.lora import attach_lora, fill_lora, targeted_layers
from ...cogvideox.lora_files import modules_of
from ...cogvideox.model import CogVideoX
from ...cogvideox.surgery import clone_transformer, set_patch_embedder, widen_patch_embedder
from ...errors import InputError
from ..processes import Processes
from .config import AdapterConfig, LoraOptions, Trained
from .fp8 import hold_in_fp8

CONVOLUTION = 4  # axes of a patch embedder that is one; CogVideoX 1.5 has a linear layer

# What each layout is trained on: bases that become of it by more input channels or none.
TRAINABLE: dict[Trained, tuple[LayoutName, ...]] = {
    "vivid": ("t2v", "fun_inp", "vivid"),
    "insvie": ("t2v", "insvie"),
}
_NAMES: dict[LayoutName, str] = {
    "t2v": "plain CogVideoX (text to video)",
    "fun_inp": "CogVideoX-Fun-InP",
    "vivid": "VIVID",
    "insvie": "InsViE",
}


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """`bundle` is the base as it came; `transformer` a clone of its own, in which all is frozen
    but `parameters` (float32): the newest LoRA and the patch embedder.
    """

    bundle: CogVideoX
    transformer: Any  # CogVideoXTransformer3DModel
    layout: Layout
    parameters: list[nn.Parameter]

    @property
    def matrices(self) -> list[nn.Parameter]:
        """Those of the LoRA."""
        named = self.transformer.named_parameters()
        return [p for name, p in named if p.requires_grad and "lora_" in name and p.ndim == 2]

    def adapter(self, facts: AdapterFacts, *, name: str) -> Adapter:
        """What is trained, as it is now."""
        return extract_adapter(self.transformer, facts, name=name)


def require_trainable(bundle: CogVideoX, layout: Trained = "vivid") -> None:
    """Raise InputError for a model that cannot become of the layout, or predicts something else."""
    bases = TRAINABLE[layout]
    if bundle.layout.name not in bases:
        raise InputError(
            "model",
            f"{bundle.name} is a {bundle.layout.name} model: {layout} adapters are trained on "
            f"{', '.join(_NAMES[b] for b in bases[:-1])} or {_NAMES[bases[-1]]} models",
        )
    prediction = describe_base(bundle)["prediction_type"]
    if prediction != "v_prediction":
        raise InputError(
            "model",
            f"the scheduler of {bundle.name} is for {prediction}: adapters are trained for "
            "v-prediction",
        )


def prepare_model(
    bundle: CogVideoX,
    config: AdapterConfig,
    *,
    device: torch.device,
    start: Adapter | None = None,
    processes: Processes | None = None,
) -> TrainedModel:
    """Clone the transformer, give it the layout's channels and a LoRA, and freeze the rest.

    `processes` are those that the frozen weights are shared out over, if they are. The base's own
    weights are never written to. New channels begin at zero, the LoRA's second matrix too, so that
    the first step starts from the base exactly; or both are those of `start`, of which another
    layout gives its embedder alone.
    Raises InputError for a base or a start that does not fit.
    """
    require_trainable(bundle, config.layout)
    base = bundle.layout
    layout = layout_named(config.layout, version=base.version, patch_time=base.patch_time)
    transformer: Any = clone_transformer(bundle.transformer)
    embedder = _embedder(transformer)
    _require_targets(transformer, config.lora.targets)
    if start is not None and _is_of(start, layout):
        _require_fitting_start(bundle, start, config.lora, transformer)
        embedder = start.patch_embedder
    elif start is not None:
        embedder, start = lend_embedder(bundle, start, layout), None
    set_patch_embedder(transformer, embedder)
    widen_patch_embedder(transformer, layout.in_channels)
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
    for target in targets:
        found = [name for name, _ in targeted_layers(transformer, (target,))]
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


def _is_of(start: Adapter, layout: Layout) -> bool:
    """A LoRA of no layout is refused with those that do not fit."""
    return start.facts is None or start.facts.layout == layout.name


def lend_embedder(bundle: CogVideoX, start: Adapter, layout: Layout) -> dict[str, Tensor]:
    """An adapter's patch embedder for another layout, which reads the channels that both have.

    A mask that only the adapter's own has counts as "keep" everywhere. Raises InputError for one
    of CogVideoX 1.5, or of another base.
    """
    facts, weight = start.facts, start.patch_embedder.get("weight")
    require_same_base(bundle, start)
    if facts is None or weight is None or weight.ndim != CONVOLUTION:
        raise InputError(
            "start_from",
            f"{start.name} lends no patch embedder to a {layout.name} training: begin without it, "
            f"or from an adapter of the layout {layout.name}",
        )
    own = layout_named(facts.layout)
    parts = dict(zip(own.channels, weight.split([_width(c) for c in own.channels], 1), strict=True))
    nothing = weight.new_zeros(weight.shape[0], LATENT_CHANNELS, *weight.shape[2:])
    tensors = {"weight": torch.cat([parts.get(c, nothing) for c in layout.channels], dim=1)}
    bias = start.patch_embedder.get("bias")
    if bias is not None:
        kept = parts.get("mask") if own.mask_encoding == "resized" else None
        added = 0 if kept is None else bundle.scaling_factor * kept.sum(dim=(1, 2, 3))
        tensors["bias"] = bias + added
    return tensors


def _width(channel: Channel) -> int:
    return 1 if channel == "mask" else LATENT_CHANNELS


def _require_fitting_start(
    bundle: CogVideoX, start: Adapter, lora: LoraOptions, transformer: Any
) -> None:
    """Targets fit that lead to the same layers, however much of a name they give."""
    rank, alpha = trained_scale(start, argument="start_from")
    require_same_base(bundle, start)
    found = (rank, alpha, sorted(lora_targets(start)))
    wanted = (lora.rank, lora.scale_numerator, sorted(lora.targets))
    layers = {name for name, _ in targeted_layers(transformer, lora.targets)}
    if found[:2] != wanted[:2] or set(modules_of(start.lora)) != layers:
        raise InputError(
            "start_from",
            f"{start.name} has rank {found[0]}, alpha {found[1]:g} and targets "
            f"{', '.join(found[2])}; asked are rank {wanted[0]}, alpha {wanted[1]:g} and "
            f"{', '.join(wanted[2])}: ask for those of the adapter",
        )
