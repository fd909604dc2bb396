"""Read LoRAs as the trainers in use write them: many spellings in, one out.

Read are the names of diffusers (old and new), peft, kohya's scripts and CogVideoX-Fun, and ComfyUI.
A module's change is alpha / rank x B A. The rank is that of the tensors; alpha is the module's own,
else the one that the file's configuration states, else the rank.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import AdapterError, ModelError
from ..files.weights import WeightFile, describe, parse_json, read_json
from .adapter_facts import positive_number
from .keys import module_name, unscale_fp8

DIFFUSERS_KEY = "lora_adapter_metadata"  # where diffusers looks for rank and alpha
DIFFUSERS_PREFIX = "transformer."
_PEFT_PREFIX = "base_model.model."
_PEFT_FILE, _PEFT_CONFIG = "adapter_model", "adapter_config.json"  # as peft saves them
_LONGEST_NAME = 400
_MOST_PATTERNS = 10_000
_PREFIXES = re.compile(
    r"(?:base_model\.model\.|(?:model\.)?diffusion_model\.|transformer\.|unet\.|"
    r"lora_unet_+|lora_transformer_+|lycoris_)*"
)
_TEXT_ENCODER = re.compile(r"(?:base_model\.model\.)?(?:lora_te\d?_|text_encoders?[._])")
_TENSOR = re.compile(
    r"(?P<module>.+?)[._]lora(?:_linear_layer)?[._](?P<part>A|B|down|up)(?:\.(?P<adapter>[^.]+))?"
    r"\.weight"
)
_ALPHA = re.compile(r"(?P<module>.+?)(?:[._]lora(?:_A|_down)?)?\.alpha")
_PARTS = {"A": "A", "down": "A", "B": "B", "up": "B"}
_OTHER_KINDS = (
    (re.compile(r"dora_scale|lora_magnitude_vector"), "DoRA"),
    (re.compile(r"\.hada_"), "LoHa"),
    (re.compile(r"\.lokr_"), "LoKr"),
    (re.compile(r"\.oft_"), "OFT"),
    (re.compile(r"lora_mid"), "Tucker LoRA"),
    (re.compile(r"lora_(B|up)\.bias$"), "LoRA-with-bias"),
    (re.compile(r"\.diff(_b)?$"), "whole-difference"),
)
_NUMBERS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_FP8 = (
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
)


@dataclass(frozen=True, kw_only=True)
class LoraFile:
    """A LoRA under peft's names inside the transformer: "proj_out.lora_A.weight", two a module.

    `alphas` by module, where anything in the file states one. `notes` are for the artist.
    """

    tensors: dict[str, Tensor]
    alphas: dict[str, float]
    notes: tuple[str, ...] = ()


def read_lora(file: WeightFile) -> LoraFile:
    """The LoRA in a file's tensors. Raises AdapterError, which names what is wrong with it."""
    name = file.path.name
    try:
        tensors = unscale_fp8(file.tensors)
    except ModelError as error:
        raise AdapterError(f"{name}: {error}") from error
    text = [key for key in tensors if _TEXT_ENCODER.match(key)]
    own = {key: value for key, value in tensors.items() if key not in text}
    _require_lora(name, own, text)
    halves = {k: v for k, v in own.items() if not k.endswith(".alpha")}
    pairs = _whole_pairs(name, _gather(name, halves))
    ranks = {module: pair["A"].shape[0] for module, pair in pairs.items()}
    config = _configuration(file)
    alphas = _stated_alphas(name, config, ranks)
    alphas |= _own_alphas(name, {k: v for k, v in own.items() if k not in halves}, ranks)
    return LoraFile(
        tensors={f"{m}.lora_{p}.weight": pairs[m][p] for m in sorted(pairs) for p in "AB"},
        alphas=alphas,
        notes=_notes(name, text, unscaled=not alphas and any(_PEFT_PREFIX in key for key in own)),
    )


def modules_of(lora: Mapping[str, Tensor]) -> list[str]:
    """The layers that a LoRA of peft's names changes, sorted."""
    return sorted({key.rsplit(".lora_", 1)[0] for key in lora})


def _require_lora(name: str, own: Mapping[str, Tensor], text: list[str]) -> None:
    for mark, kind in _OTHER_KINDS:
        found = next((key for key in own if mark.search(key)), None)
        if found is not None:
            raise AdapterError(
                f"{name}: is a {kind} file ({_short(found)}), and plain LoRAs are read: export it "
                "as a LoRA"
            )
    if not own and text:
        raise AdapterError(
            f"{name}: changes the text encoder only, which no adapter here does: choose a LoRA of "
            "the transformer"
        )
    if not any(_TENSOR.fullmatch(key) for key in own if len(key) <= _LONGEST_NAME):
        raise AdapterError(
            f"{name}: is neither a VIVID adapter nor a LoRA: it holds {describe(own)}; choose "
            "another file"
        )


def _gather(name: str, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """By module, its A and B. Raises AdapterError for tensors that are part of no LoRA."""
    pairs: dict[str, dict[str, Tensor]] = {}
    adapters = set()
    for key, tensor in tensors.items():
        match = _TENSOR.fullmatch(key) if len(key) <= _LONGEST_NAME else None
        if match is None:
            raise AdapterError(
                f"{name}: holds {_short(key)}, which is no part of a LoRA: export the LoRA alone"
            )
        pair = pairs.setdefault(_module(name, match["module"]), {})
        part = _PARTS[match["part"]]
        adapters.add(match["adapter"])
        if part in pair or len(adapters) > 1:
            raise AdapterError(
                f"{name}: holds more than one LoRA ({_short(key)} comes on top): save one of them"
            )
        pair[part] = _finite(name, key, tensor)
    return pairs


def _module(name: str, spelled: str) -> str:
    """A layer by diffusers' name, from any spelling."""
    start = _PREFIXES.match(spelled)
    inner = spelled[start.end() if start else 0 :]
    module = module_name(inner.replace(".processor.", "."))
    if module is None:
        raise AdapterError(
            f"{name}: is no LoRA for CogVideoX: it changes {_short(inner)}, which none has: choose "
            "a LoRA for this family of models"
        )
    return module


def _whole_pairs(name: str, pairs: dict[str, dict[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
    for module, pair in pairs.items():
        for part, other in (("A", "down"), ("B", "up")):
            if part not in pair:
                raise AdapterError(
                    f"{name}: {module} has no lora_{part} (lora_{other}): the file is incomplete, "
                    "download or export it again"
                )
        a, b = pair["A"], pair["B"]
        if a.ndim not in (2, 4) or b.ndim != a.ndim or not 0 < a.shape[0] == b.shape[1]:
            raise AdapterError(
                f"{name}: {module} has lora_A of {list(a.shape)} and lora_B of {list(b.shape)}, "
                "which do not multiply: export the file again"
            )
    return pairs


def _finite(name: str, key: str, tensor: Tensor) -> Tensor:
    """A tensor of numbers to compute with; fp8 becomes bf16, which holds all of its values."""
    if tensor.dtype not in (*_NUMBERS, *_FP8):
        raise AdapterError(
            f"{name}: {_short(key)} is stored as {str(tensor.dtype).removeprefix('torch.')}, which "
            "is not read: use an fp32, bf16, fp16 or fp8 version of the file"
        )
    tensor = tensor.to(torch.bfloat16) if tensor.dtype in _FP8 else tensor
    if not torch.isfinite(tensor).all():
        raise AdapterError(
            f"{name}: {_short(key)} holds NaN or infinity: use an earlier checkpoint of its "
            "training, or export it as bf16"
        )
    return tensor


def _own_alphas(
    name: str, tensors: Mapping[str, Tensor], ranks: Mapping[str, int]
) -> dict[str, float]:
    """What a module's own alpha tensor says."""
    alphas = {}
    for key, tensor in tensors.items():
        match = _ALPHA.fullmatch(key) if len(key) <= _LONGEST_NAME else None
        module = _module(name, match["module"]) if match else ""
        if module not in ranks or module in alphas:
            raise AdapterError(
                f"{name}: {_short(key)} belongs to no LoRA in the file: download or export it again"
            )
        value = tensor.item() if tensor.numel() == 1 else list(tensor.shape)
        alphas[module] = _alpha(name, key, value)
    return alphas


def _stated_alphas(
    name: str, config: Mapping[str, Any], ranks: Mapping[str, int]
) -> dict[str, float]:
    """What peft's configuration says of each module: its pattern, else the one for all."""
    if config.get("use_dora"):
        raise AdapterError(f"{name}: is a DoRA file, and plain LoRAs are read: export it as a LoRA")
    patterns = _patterns(name, config.get("alpha_pattern") or {})
    common = config.get("lora_alpha")
    alphas = {}
    for module, rank in ranks.items():
        value = next((patterns[end] for end in _endings(module) if end in patterns), common)
        if value is not None:
            alpha = _alpha(name, "lora_alpha", value)
            alphas[module] = alpha * math.sqrt(rank) if config.get("use_rslora") else alpha
    return alphas


def _patterns(name: str, given: Any) -> dict[str, Any]:
    """peft's patterns that are names of modules or endings of them."""
    if not isinstance(given, dict) or len(given) > _MOST_PATTERNS:
        raise AdapterError(f"{name}: its alpha_pattern is no list of modules: export it again")
    patterns = {}
    for key, value in given.items():
        plain = key.removeprefix("^").removesuffix("$").replace("\\.", ".")
        if not re.fullmatch(r"[\w.]{1,400}", plain):
            raise AdapterError(
                f"{name}: its alpha_pattern names {_short(key)}, an expression that is not read: "
                "write the names of the modules"
            )
        patterns[plain.removeprefix(DIFFUSERS_PREFIX)] = value
    return patterns


def _endings(module: str) -> list[str]:
    """The name, and what remains of it after each dot, longest first."""
    parts = module.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


def _configuration(file: WeightFile) -> dict[str, Any]:
    """peft's configuration: in the file, where diffusers keeps it, or beside it, as peft does."""
    name, beside = file.path.name, file.path.with_name(_PEFT_CONFIG)
    try:
        if DIFFUSERS_KEY in file.metadata:
            values = parse_json(file.metadata[DIFFUSERS_KEY], f"{name}: its {DIFFUSERS_KEY}")
            return {key.removeprefix(DIFFUSERS_PREFIX): value for key, value in values.items()}
        return read_json(beside) if name.startswith(_PEFT_FILE) and beside.is_file() else {}
    except ModelError as error:
        raise AdapterError(str(error)) from error


def _alpha(name: str, key: str, value: Any) -> float:
    try:
        return positive_number(_short(key), value)
    except ValueError as error:
        raise AdapterError(f"{name}: {error}: export it again") from error


def _notes(name: str, text: list[str], *, unscaled: bool) -> tuple[str, ...]:
    notes = []
    if text:
        notes.append(
            f"{name} also changes the text encoder ({_short(text[0])} and {len(text) - 1} more "
            "tensors), which is left out: captions are read as without it"
        )
    if unscaled:
        notes.append(
            f"{name} does not say its alpha, so that alpha = rank is taken: where results are too "
            f"strong or too weak, put its {_PEFT_CONFIG} beside it and name it "
            f"{_PEFT_FILE}.safetensors"
        )
    return tuple(notes)


def _short(key: str) -> str:
    return key if len(key) <= 100 else f"{key[:97]}..."
