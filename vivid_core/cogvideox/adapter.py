"""VIVID adapters: LoRA and a whole patch embedder over a base model, in one safetensors file.

Stock diffusers reads the LoRA part of the same file; it passes over the patch embedder, whose
names it does not know.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..errors import AdapterError, ModelError
from ..files.weights import describe, read_weights
from .bundle import ModelBundle
from .layout import OWN_KEY, Layout, LayoutName, detect_layout
from .placement import place
from .save import write_safetensors
from .surgery import clone_transformer, set_patch_embedder

log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=ModelBundle)
TARGET_MODULES = ("to_q", "to_k", "to_v", "to_out.0")
_LORA_PREFIX = "transformer."
_IN_BLOCK = re.compile(r"^transformer_blocks\.\d+\.(attn1\.)?")
_EXTRA_PREFIX = "vivid_lora_extra.patch_embed.proj."  # stock loaders want "lora" in every name
_FACTS_KEY = "vivid_adapter"
_DIFFUSERS_KEY = "lora_adapter_metadata"  # where diffusers looks for rank and alpha
_SIGNATURE_VALUES = 8  # of each sampled tensor
_SIGNATURE_TOLERANCE = 0.01  # bf16 rounds to 0.4%; another model differs by far more


@dataclass(frozen=True, kw_only=True)
class AdapterFacts:
    """What an adapter is for, and how it was trained."""

    layout: LayoutName
    base_model: str
    base_structure: str  # hash of the base's tensor names and shapes
    base_signature: tuple[float, ...]  # a few of the base's weights
    rank: int
    alpha: float
    train_size: tuple[int, int, int]  # frames, height, width
    prediction_type: str = "v_prediction"
    training_step: int = 0
    knows_last_frame: bool = False  # trained with the last frame known as well as with the first
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """`lora` has peft's names inside the transformer; `patch_embedder` has weight and bias."""

    name: str
    lora: dict[str, Tensor]
    patch_embedder: dict[str, Tensor]
    facts: AdapterFacts


def lora_config(
    rank: int, alpha: float | None = None, targets: Sequence[str] = TARGET_MODULES
) -> Any:
    """peft's configuration of a VIVID LoRA. alpha defaults to the rank: a scale of 1."""
    from peft import LoraConfig

    return LoraConfig(
        r=rank,
        lora_alpha=rank if alpha is None else alpha,  # pyright: ignore[reportArgumentType]
        target_modules=list(targets),
    )


def extract_adapter(transformer: Any, facts: AdapterFacts, *, name: str) -> Adapter:
    """The adapter of a trained transformer that carries one LoRA (peft's default names)."""
    from peft import get_peft_model_state_dict

    adapter_name = next(iter(transformer.peft_config))
    state = get_peft_model_state_dict(transformer, adapter_name=adapter_name)
    lora = {_bare(key): value.detach().clone() for key, value in state.items() if "lora_" in key}
    proj: Any = _unwrapped(transformer).patch_embed.proj
    proj = proj.modules_to_save[adapter_name] if hasattr(proj, "modules_to_save") else proj
    embedder = {key: value.detach().clone() for key, value in proj.state_dict().items()}
    return Adapter(name=name, lora=lora, patch_embedder=embedder, facts=facts)


def describe_base(bundle: ModelBundle) -> dict[str, Any]:
    """The facts of an adapter that follow from its base."""
    return {
        "base_model": bundle.name,
        "base_structure": structure_hash(bundle.transformer),
        "base_signature": weight_signature(bundle.transformer),
        "prediction_type": str(bundle.schedule.get("prediction_type", "v_prediction")),
    }


def save_adapter(path: Path, adapter: Adapter, *, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write an adapter file, whole or not at all."""
    tensors = {f"{_LORA_PREFIX}{key}": value for key, value in adapter.lora.items()}
    tensors |= {f"{_EXTRA_PREFIX}{key}": value for key, value in adapter.patch_embedder.items()}
    config = {
        "r": adapter.facts.rank,
        "lora_alpha": adapter.facts.alpha,
        "target_modules": _targets(adapter.lora),
        "rank_pattern": {},  # diffusers 0.34 asks for both
        "alpha_pattern": {},
    }
    metadata = {
        "format": "pt",
        _DIFFUSERS_KEY: json.dumps({f"{_LORA_PREFIX}{k}": v for k, v in config.items()}),
        _FACTS_KEY: json.dumps(asdict(adapter.facts)),
    }
    write_safetensors(path, {k: v.detach().to(dtype) for k, v in tensors.items()}, metadata)


def load_adapter(path: Path) -> Adapter:
    """Read an adapter file. Raises AdapterError when it is none."""
    file = read_weights(path)
    parts = {
        prefix: {k[len(prefix) :]: v for k, v in file.tensors.items() if k.startswith(prefix)}
        for prefix in (_LORA_PREFIX, _EXTRA_PREFIX)
    }
    if _FACTS_KEY not in file.metadata or not all(parts.values()):
        raise AdapterError(
            f"{path.name}: is not a VIVID adapter (LoRA, patch embedder and metadata in one "
            f"file); it looks like {describe(file.tensors)}"
        )
    return Adapter(
        name=path.stem,
        lora=parts[_LORA_PREFIX],
        patch_embedder=parts[_EXTRA_PREFIX],
        facts=_facts(path, file.metadata[_FACTS_KEY]),
    )


def apply_adapter(bundle: Model, adapter: Adapter, strength: float = 1.0) -> Model:
    """A new bundle with the adapter over a clone of the transformer.

    `strength` scales the LoRA (0 = off, 1 = as trained); the patch embedder always applies
    fully. The given bundle stays as it is: apply again to it for another strength.
    """
    require_fits(bundle, adapter)
    with torch.inference_mode(False):
        transformer = clone_transformer(bundle.transformer)
        set_patch_embedder(transformer, adapter.patch_embedder)
        _add_lora(transformer, adapter, strength)
        transformer = place(transformer.eval().requires_grad_(False), bundle.placement)
    return bundle.with_(
        name=f"{bundle.name} + {adapter.name}",
        transformer=transformer,
        layout=_layout_with(transformer, adapter),
        train_size=adapter.facts.train_size,
        knows_last_frame=adapter.facts.knows_last_frame,
        warnings=bundle.warnings + base_warnings(bundle, adapter),
    )


def require_fits(bundle: ModelBundle, adapter: Adapter) -> None:
    """Raise AdapterError unless every tensor of the adapter has its place in the base."""
    modules = dict(bundle.transformer.named_modules())
    for key, tensor in adapter.lora.items():
        name, part = key.rsplit(".lora_", 1)
        module = modules.get(name)
        if module is None:
            raise AdapterError(
                f"{adapter.name} was trained on another base ({adapter.facts.base_model}): it "
                f"changes {name}, which {bundle.name} does not have"
            )
        axis, size = (1, module.weight.shape[1]) if part[0] == "A" else (0, module.weight.shape[0])
        if tensor.shape[axis] != size:
            raise AdapterError(
                f"{adapter.name} was trained on another base ({adapter.facts.base_model}): {key} "
                f"is {list(tensor.shape)}, but {name} of {bundle.name} is "
                f"{list(module.weight.shape)}"
            )
    own, given = bundle.transformer.patch_embed.proj.weight, adapter.patch_embedder["weight"]
    if own.ndim != given.ndim or own.shape[0] != given.shape[0]:
        raise AdapterError(
            f"{adapter.name} has a patch embedder of shape {list(given.shape)}, {bundle.name} "
            f"one of {list(own.shape)}: it was trained on another base "
            f"({adapter.facts.base_model})"
        )


def base_warnings(bundle: ModelBundle, adapter: Adapter) -> tuple[str, ...]:
    """What an artist should know when shapes fit but the base is another."""
    facts, texts = adapter.facts, []
    if not _same_base(bundle.transformer, facts):
        texts.append(
            f"{adapter.name} was trained on {facts.base_model}, whose weights are not those of "
            f"{bundle.name}: results may be poor; use it on its own base"
        )
    if describe_base(bundle)["prediction_type"] != facts.prediction_type:
        texts.append(
            f"{adapter.name} was trained for {facts.prediction_type}, which the scheduler of "
            f"{bundle.name} does not use: results will be noise"
        )
    for text in texts:
        log.warning(text)
    return tuple(texts)


def structure_hash(transformer: Any) -> str:
    """A hash of tensor names and shapes, patch embedder left out."""
    shapes = sorted(f"{name} {list(p.shape)}" for name, p in _own_parameters(transformer).items())
    return hashlib.sha256("\n".join(shapes).encode()).hexdigest()[:16]


def weight_signature(transformer: Any) -> tuple[float, ...]:
    """A few weights of the first, middle and last block, to tell bases of one shape apart."""
    parameters = {k: p for k, p in _own_parameters(transformer).items() if "to_q" in k}
    names = [name for name in parameters if name.endswith("weight")]
    chosen = dict.fromkeys((names[0], names[len(names) // 2], names[-1]))
    values = [_sample(parameters[name]) for name in chosen]
    return tuple(float(f"{value:.6g}") for value in torch.cat(values).tolist())


def _same_base(transformer: Any, facts: AdapterFacts) -> bool:
    if structure_hash(transformer) != facts.base_structure:
        return False
    own, known = torch.tensor(weight_signature(transformer)), torch.tensor(facts.base_signature)
    return bool((own - known).norm() <= _SIGNATURE_TOLERANCE * known.norm())


def _sample(parameter: Tensor) -> Tensor:
    flat = parameter.detach().flatten()
    picked = torch.linspace(0, flat.numel() - 1, _SIGNATURE_VALUES).long()
    return flat[picked.to(flat.device)].float().cpu()


def _own_parameters(transformer: Any) -> dict[str, Tensor]:
    """The base's parameters, with LoRA layers and wrappers looked through."""
    named = ((_bare(name), p) for name, p in transformer.named_parameters())
    return {
        name.replace(".base_layer", ""): p
        for name, p in named
        if "lora_" not in name and not name.startswith("patch_embed.proj")
    }


def _targets(lora: Mapping[str, Tensor]) -> list[str]:
    """Which layers of a block the LoRA changes, as endings of their names."""
    modules = {key.rsplit(".lora_", 1)[0] for key in lora}
    return sorted({_IN_BLOCK.sub("", module) for module in modules})


def _add_lora(transformer: Any, adapter: Adapter, strength: float) -> None:
    from peft import set_peft_model_state_dict

    existing = list(getattr(transformer, "peft_config", {}))
    name = f"vivid_{len(existing)}"
    with warnings.catch_warnings():  # peft warns of a second adapter, which is meant
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")
        config = lora_config(adapter.facts.rank, adapter.facts.alpha, _targets(adapter.lora))
        transformer.add_adapter(config, name)
    result = set_peft_model_state_dict(transformer, adapter.lora, adapter_name=name)
    if result.unexpected_keys:
        raise AdapterError(f"{adapter.name} holds unknown tensors: {result.unexpected_keys[:3]}")
    dtype = next(transformer.parameters()).dtype
    for key, parameter in transformer.named_parameters():
        if f".{name}." in key:
            parameter.data = parameter.data.to(dtype)
    scales = [_strength_of(transformer, old) for old in existing]
    transformer.set_adapters([*existing, name], weights=[*scales, strength])


def _strength_of(transformer: Any, adapter_name: str) -> float:
    """The run-time strength an adapter already has."""
    for module in transformer.modules():
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, Mapping) and adapter_name in scaling:
            return scaling[adapter_name] * module.r[adapter_name] / module.lora_alpha[adapter_name]
    raise ModelError(f"no layer carries the adapter {adapter_name}")


def _layout_with(transformer: Any, adapter: Adapter) -> Layout:
    shapes = {key: tuple(value.shape) for key, value in transformer.state_dict().items()}
    declared = {OWN_KEY: {"layout": adapter.facts.layout}}
    return detect_layout(shapes, {**transformer.config, **declared})


def _facts(path: Path, text: str) -> AdapterFacts:
    """The metadata as written; entries of later versions are passed over."""
    known = {item.name for item in fields(AdapterFacts)}
    try:
        values = {key: value for key, value in json.loads(text).items() if key in known}
        frames, height, width = (int(value) for value in values["train_size"])
        signature = tuple(float(value) for value in values["base_signature"])
        values |= {"train_size": (frames, height, width), "base_signature": signature}
        return AdapterFacts(**values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AdapterError(f"{path.name}: its metadata is damaged ({error})") from error


def _bare(name: str) -> str:
    return name.removeprefix("base_model.model.")


def _unwrapped(transformer: Any) -> Any:
    get = getattr(transformer, "get_base_model", None)
    return get() if get is not None else transformer
