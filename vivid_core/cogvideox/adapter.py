"""Adapters over a base model: VIVID's own, and plain LoRAs that other trainers wrote.

VIVID's hold a LoRA, a whole patch embedder and facts in one safetensors file. Stock diffusers reads
the LoRA part of it; it passes over the patch embedder, whose names it does not know. A plain LoRA
has no patch embedder: the layout stays that of the base.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..errors import AdapterError, InputError
from ..files.digest import digest_of, pixel_digest
from ..files.weights import INDEX_SUFFIX, PICKLE_SUFFIXES, read_weights
from .adapter_facts import AdapterFacts, parse_facts
from .bundle import ModelBundle
from .layout import OWN_KEY, Layout, detect_layout, layout_named
from .lora import attach_lora, fill_lora
from .lora_files import DIFFUSERS_KEY, DIFFUSERS_PREFIX, modules_of, read_lora
from .placement import place
from .save import write_safetensors
from .surgery import clone_transformer, set_patch_embedder

log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=ModelBundle)
MOST_STRENGTH = 100.0  # of a LoRA, either way
TARGET_MODULES = ("to_q", "to_k", "to_v", "to_out.0")
_IN_BLOCK = re.compile(r"^transformer_blocks\.\d+\.(attn1\.)?")
_EXTRA_PREFIX = "vivid_lora_extra.patch_embed.proj."  # stock loaders want "lora" in every name
_EMBEDDER = "patch_embed.proj"
_FACTS_KEY = "vivid_adapter"
_SIGNATURE_VALUES = 8  # of each sampled tensor
_SIGNATURE_TOLERANCE = 0.01  # bf16 rounds to 0.4%; another model differs by far more


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """`lora` has peft's names inside the transformer; `patch_embedder` has weight and bias.

    A LoRA of another trainer has no patch embedder and no facts. `alphas` are those of modules
    that have one of their own; the others' is that of the facts, else their rank. `notes` are
    sentences that an artist should read.
    """

    name: str
    lora: dict[str, Tensor]
    patch_embedder: dict[str, Tensor] = field(default_factory=dict)
    facts: AdapterFacts | None = None
    alphas: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def scales(self) -> dict[str, tuple[int, float]]:
        """By module, rank and alpha: its change is alpha / rank x B A."""
        ranks = {m: self.lora[f"{m}.lora_A.weight"].shape[0] for m in modules_of(self.lora)}
        common = None if self.facts is None else self.facts.alpha
        return {m: (rank, self.alphas.get(m, common or float(rank))) for m, rank in ranks.items()}

    @property
    def origin(self) -> str:
        """Why it may not fit, for errors."""
        if self.facts is None:
            return "is for another base"
        return f"was trained on another base ({self.facts.base_model})"


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
    """The newest LoRA of a trained transformer, with its patch embedder."""
    from peft import get_peft_model_state_dict

    adapter_name = list(transformer.peft_config)[-1]
    state = get_peft_model_state_dict(transformer, adapter_name=adapter_name)
    lora = {_bare(key): value.detach().clone() for key, value in state.items() if "lora_" in key}
    proj: Any = _unwrapped(transformer).patch_embed.proj
    proj = proj.modules_to_save[adapter_name] if hasattr(proj, "modules_to_save") else proj
    embedder = {key: value.detach().clone() for key, value in proj.state_dict().items()}
    return Adapter(name=name, lora=lora, patch_embedder=embedder, facts=facts)


def adapter_digest(adapter: Adapter) -> str:
    """Stands for its tensors."""
    parts = {**adapter.lora, **adapter.patch_embedder}
    return digest_of(*([name, pixel_digest(parts[name].cpu().float())] for name in sorted(parts)))


def describe_base(bundle: ModelBundle) -> dict[str, Any]:
    """The facts of an adapter that follow from its base."""
    return {
        "base_model": bundle.name,
        "base_structure": structure_hash(bundle.transformer),
        "base_signature": weight_signature(bundle.transformer),
        "prediction_type": str(bundle.schedule.get("prediction_type", "v_prediction")),
    }


def peft_config(adapter: Adapter) -> Any:
    """peft's configuration of an adapter's LoRA: the commonest rank and alpha, and what differs."""
    from peft import LoraConfig

    (rank, alpha), (ranks, alphas) = _common_scale(adapter), _patterns(adapter)
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,  # pyright: ignore[reportArgumentType]
        target_modules=modules_of(adapter.lora),
        rank_pattern=ranks,
        alpha_pattern=alphas,  # pyright: ignore[reportArgumentType]
    )


def save_adapter(path: Path, adapter: Adapter, *, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write an adapter file, whole or not at all."""
    tensors = {f"{DIFFUSERS_PREFIX}{key}": value for key, value in adapter.lora.items()}
    tensors |= {f"{_EXTRA_PREFIX}{key}": value for key, value in adapter.patch_embedder.items()}
    (rank, alpha), (ranks, alphas) = _common_scale(adapter), _patterns(adapter)
    config = {
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": lora_targets(adapter),
        "rank_pattern": ranks,  # diffusers 0.34 asks for both
        "alpha_pattern": alphas,
    }
    metadata = {
        "format": "pt",
        DIFFUSERS_KEY: json.dumps({f"{DIFFUSERS_PREFIX}{k}": v for k, v in config.items()}),
    }
    if adapter.facts is not None:
        metadata[_FACTS_KEY] = json.dumps(asdict(adapter.facts))
    write_safetensors(path, {k: v.detach().to(dtype) for k, v in tensors.items()}, metadata)


def load_adapter(path: Path) -> Adapter:
    """Read a VIVID adapter or a plain LoRA: a file, or an index beside its shards.

    Raises AdapterError for what is neither, ModelError for files that cannot be read.
    """
    _require_safetensors(path)
    file = read_weights(path)
    embedder = {
        key.removeprefix(_EXTRA_PREFIX): value
        for key, value in file.tensors.items()
        if key.startswith(_EXTRA_PREFIX)
    }
    rest = {k: v for k, v in file.tensors.items() if not k.startswith(_EXTRA_PREFIX)}
    lora = read_lora(replace(file, tensors=rest))
    facts = file.metadata.get(_FACTS_KEY)
    adapter = Adapter(
        name=path.name.removesuffix(INDEX_SUFFIX) if path.suffix == ".json" else path.stem,
        lora=lora.tensors,
        patch_embedder=embedder,
        facts=None if facts is None else parse_facts(path.name, facts),
        alphas=lora.alphas,
        notes=lora.notes,
    )
    _require_whole(path, adapter)
    return _without_common_alphas(adapter)


def apply_adapter(bundle: Model, adapter: Adapter, strength: float = 1.0) -> Model:
    """A new bundle with the adapter over a clone of the transformer.

    `strength` scales the LoRA (0 = off, 1 = as trained); the patch embedder always applies
    fully. The given bundle stays as it is: apply again to it for another strength.
    """
    require_strength(strength)
    require_fits(bundle, adapter)
    with torch.inference_mode(False):
        transformer = clone_transformer(bundle.transformer)
        if adapter.patch_embedder:
            set_patch_embedder(transformer, adapter.patch_embedder)
        fill_lora(
            transformer, attach_lora(transformer, peft_config(adapter), strength), adapter.lora
        )
        transformer = place(transformer.eval().requires_grad_(False), bundle.placement)
    return bundle.with_(
        name=f"{bundle.name} + {adapter.name}",
        transformer=transformer,
        warnings=bundle.warnings + base_warnings(bundle, adapter),
        **embedder_facts(transformer, adapter, bundle.layout),
    )


def require_strength(strength: float) -> None:
    """Raise InputError for a strength that is none, such as NaN."""
    if not -MOST_STRENGTH <= strength <= MOST_STRENGTH:
        raise InputError(
            "strength", f"must be {-MOST_STRENGTH:g} to {MOST_STRENGTH:g}, got {strength}"
        )


def embedder_facts(transformer: Any, adapter: Adapter, base: Layout) -> dict[str, Any]:
    """What a bundle learns from an adapter's patch embedder; without one it stays what it is."""
    facts = adapter.facts
    if facts is None or not adapter.patch_embedder:
        return {}
    return {
        "layout": _layout_with(transformer, facts, base),
        "train_size": facts.train_size,
        "knows_last_frame": facts.knows_last_frame,
    }


def require_fits(bundle: ModelBundle, adapter: Adapter) -> None:
    """Raise AdapterError unless every tensor of the adapter has its place in the base."""
    modules = dict(bundle.transformer.named_modules())
    for name in modules_of(adapter.lora):
        module = modules.get(name)
        if module is None:
            raise AdapterError(
                f"{adapter.name} {adapter.origin}: it changes {name}, which {bundle.name} does "
                "not have"
            )
        _require_layer_fits(bundle, adapter, name, module.weight)
    if adapter.patch_embedder:
        _require_embedder_fits(bundle, adapter)


def _require_layer_fits(bundle: ModelBundle, adapter: Adapter, name: str, weight: Tensor) -> None:
    """A is [rank, in], B [out, rank]; of a convolution A has its kernel and B one of 1 x 1."""
    for part, axis in (("A", 0), ("B", 1)):
        key = f"{name}.lora_{part}.weight"
        given = tuple(adapter.lora[key].shape)
        kernel = weight.shape[2:]
        if part == "A":
            expected = (given[axis], weight.shape[1], *kernel)
        else:
            expected = (weight.shape[0], given[axis], *(1 for _ in kernel))
        if given != expected:
            raise AdapterError(
                f"{adapter.name} {adapter.origin}: {key} is {list(given)}, but {name} of "
                f"{bundle.name} is {list(weight.shape)}: choose the model it was trained on"
            )


def _require_embedder_fits(bundle: ModelBundle, adapter: Adapter) -> None:
    own, given = bundle.transformer.patch_embed.proj.weight, adapter.patch_embedder["weight"]
    if own.ndim != given.ndim or own.shape[0] != given.shape[0]:
        raise AdapterError(
            f"{adapter.name} has a patch embedder of shape {list(given.shape)}, {bundle.name} "
            f"one of {list(own.shape)}: it {adapter.origin}"
        )


def base_warnings(bundle: ModelBundle, adapter: Adapter) -> tuple[str, ...]:
    """What an artist should know when shapes fit but the base is another."""
    facts, texts = adapter.facts, [*adapter.notes]
    if facts is not None and not _same_base(bundle.transformer, facts):
        texts.append(
            f"{adapter.name} was trained on {facts.base_model}, whose weights are not those of "
            f"{bundle.name}: results may be poor; use it on its own base"
        )
    prediction = describe_base(bundle)["prediction_type"]
    if facts is not None and prediction != facts.prediction_type:
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
    return own.shape == known.shape and bool(
        (own - known).norm() <= _SIGNATURE_TOLERANCE * known.norm()
    )


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


def lora_targets(adapter: Adapter) -> list[str]:
    """Which layers of a block the LoRA changes, as endings of their names."""
    return sorted({_IN_BLOCK.sub("", module) for module in modules_of(adapter.lora)})


def trained_scale(adapter: Adapter, *, argument: str) -> tuple[int, float]:
    """Rank and alpha of an adapter that can be trained on.

    Raises InputError for a plain LoRA, and for one whose modules differ.
    """
    if adapter.facts is None or not adapter.patch_embedder:
        raise InputError(
            argument,
            f"{adapter.name} is a LoRA without a patch embedder, from which no VIVID training can "
            "go on: choose a VIVID adapter, or merge the LoRA into the base and train on that",
        )
    found = set(adapter.scales.values())
    if len(found) != 1:
        raise InputError(
            argument,
            f"{adapter.name} has {len(found)} different ranks and alphas, a training has one: "
            "choose the adapter as it was trained",
        )
    return found.pop()


def require_same_base(bundle: ModelBundle, adapter: Adapter) -> None:
    """Raise AdapterError where the adapter was trained on other weights, whatever their shapes."""
    require_fits(bundle, adapter)
    if adapter.facts is not None and not _same_base(bundle.transformer, adapter.facts):
        raise AdapterError(
            f"{adapter.name} was trained on {adapter.facts.base_model}, whose weights are not "
            f"those of {bundle.name}: load its own base"
        )


def _layout_with(transformer: Any, facts: AdapterFacts, base: Layout) -> Layout:
    """The adapter's layout, of the version of its base, as it was trained."""
    shapes = {key: tuple(value.shape) for key, value in transformer.state_dict().items()}
    found = detect_layout(shapes, {**transformer.config, OWN_KEY: {"layout": facts.layout}})
    return layout_named(found.name, version=base.version, patch_time=found.patch_time)


def _common_scale(adapter: Adapter) -> tuple[int, float]:
    """The rank and the alpha that most modules have."""
    ranks, alphas = zip(*adapter.scales.values(), strict=True)
    return Counter(ranks).most_common(1)[0][0], Counter(alphas).most_common(1)[0][0]


def _patterns(adapter: Adapter) -> tuple[dict[str, int], dict[str, float]]:
    """Ranks and alphas of the modules that have others than most."""
    rank, alpha = _common_scale(adapter)
    scales = adapter.scales.items()
    return {m: r for m, (r, _) in scales if r != rank}, {m: a for m, (_, a) in scales if a != alpha}


def _without_common_alphas(adapter: Adapter) -> Adapter:
    """Alphas that the facts state for all need no entry of their own."""
    common = None if adapter.facts is None else adapter.facts.alpha
    return replace(adapter, alphas={m: a for m, a in adapter.alphas.items() if a != common})


def _require_safetensors(path: Path) -> None:
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise AdapterError(
            f"{path.name}: is a pickle, which could run code and is not read: save it as "
            ".safetensors in the program that wrote it"
        )
    if path.is_dir():
        raise AdapterError(f"{path}: is a folder: choose the .safetensors file in it")


def _require_whole(path: Path, adapter: Adapter) -> None:
    """A patch embedder comes with its weight, its facts and no LoRA of its own."""
    if not adapter.patch_embedder:
        return
    if adapter.facts is None:
        raise AdapterError(
            f"{path.name}: has VIVID's patch embedder, but its metadata, which says what for, is "
            "missing: use the file as it was written"
        )
    known = {"weight", "bias"}
    if "weight" not in adapter.patch_embedder or not adapter.patch_embedder.keys() <= known:
        raise AdapterError(f"{path.name}: its patch embedder is incomplete: download it again")
    if not all(torch.isfinite(value).all() for value in adapter.patch_embedder.values()):
        raise AdapterError(
            f"{path.name}: its patch embedder holds NaN or infinity: use an earlier checkpoint"
        )
    if _EMBEDDER in adapter.scales:
        raise AdapterError(
            f"{path.name}: has a LoRA on top of its own patch embedder, which is not read: merge "
            "the two"
        )


def _bare(name: str) -> str:
    return name.removeprefix("base_model.model.")


def _unwrapped(transformer: Any) -> Any:
    get = getattr(transformer, "get_base_model", None)
    return get() if get is not None else transformer
