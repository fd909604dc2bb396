"""Spellings of tensor names: diffusers' and transformers' own, and those of ComfyUI's files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal, TypeVar

import torch
from torch import Tensor

from ..errors import ModelError

Spelling = Literal["diffusers", "comfyui"]
Value = TypeVar("Value")
PREFIXES = ("model.diffusion_model.", "diffusion_model.")  # ComfyUI checkpoints, ComfyUI LoRAs
_TEXT_PREFIXES = ("text_encoders.t5xxl.transformer.", "t5xxl.transformer.", "transformer.")
_EMBEDDING, _EMBEDDING_COPY = "shared.weight", "encoder.embed_tokens.weight"
_FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)
_FP8_SCALES = (".scale_weight", ".weight_scale")  # ComfyUI's scaled fp8 files, old and new
_FP8_EXTRAS = ("scaled_fp8", ".scale_input", ".input_scale", ".comfy_quant")

_BLOCK_PARTS = (  # inside one block: diffusers, ComfyUI
    ("attn1.to_q", "q"),
    ("attn1.to_k", "k"),
    ("attn1.to_v", "v"),
    ("attn1.to_out.0", "attn_out"),
    ("attn1.norm_q", "norm_q"),
    ("attn1.norm_k", "norm_k"),
    ("ff.net.0.proj", "ff_proj"),
    ("ff.net.2", "ff_out"),
)
_TOP_PARTS = tuple(  # at the root: diffusers, ComfyUI
    (f"{kind}_embedding.linear_{n}", f"{kind}_embedding_linear_{n}")
    for kind in ("time", "ofs")
    for n in (1, 2)
)
# What a LoRA can change beside those that have two names: the linear and convolutional layers.
_SHARED_BLOCK_PARTS = ("norm1.linear", "norm2.linear")
_SHARED_TOP_PARTS = ("patch_embed.proj", "patch_embed.text_proj", "norm_out.linear", "proj_out")
_NORMS = ("attn1.norm_q", "attn1.norm_k")
_FLAT_BLOCK = re.compile(r"(?:transformer_)?blocks_([0-9]{1,4})_(\w+)")
_BLOCK = {
    "comfyui": re.compile(r"^transformer_blocks\.(\d+)\.(.+)$"),
    "diffusers": re.compile(r"^blocks\.(\d+)\.(.+)$"),
}
_ROOT = {"comfyui": "blocks", "diffusers": "transformer_blocks"}


def strip_prefix(key: str) -> str:
    """The name without the prefix of a ComfyUI checkpoint."""
    for prefix in PREFIXES:
        if key.startswith(prefix):
            return key[len(prefix) :]
    return key


def rename(key: str, to: Spelling) -> str:
    """One tensor name in the other spelling; names that both share stay as they are."""
    match = _BLOCK[to].match(key)
    if match is None:
        return _swap(key, _TOP_PARTS, to)
    return f"{_ROOT[to]}.{match[1]}.{_swap(match[2], _BLOCK_PARTS, to)}"


def respell(tensors: Mapping[str, Value], to: Spelling) -> dict[str, Value]:
    """A whole state dict in one spelling, whichever it came in, prefixes removed."""
    return {rename(strip_prefix(key), to): value for key, value in tensors.items()}


def _swap(key: str, parts: tuple[tuple[str, str], ...], to: Spelling) -> str:
    for diffusers, comfyui in parts:
        old, new = (diffusers, comfyui) if to == "comfyui" else (comfyui, diffusers)
        if key == old or key.startswith(old + "."):
            return new + key[len(old) :]
    return key


def module_name(spelled: str) -> str | None:
    """diffusers' name of a layer that a LoRA can change, in either spelling, dots or underscores.

    None where no CogVideoX has such a layer.
    """
    flat = _flat(spelled)
    block = _FLAT_BLOCK.fullmatch(flat)
    if block is None:
        return _flat_names(_TOP_PARTS, _SHARED_TOP_PARTS).get(flat)
    part = _flat_names(_BLOCK_PARTS, _SHARED_BLOCK_PARTS).get(block[2])
    return None if part is None else f"transformer_blocks.{int(block[1])}.{part}"


@cache
def _flat_names(parts: tuple[tuple[str, str], ...], shared: tuple[str, ...]) -> Mapping[str, str]:
    """Underscored name in any spelling -> diffusers' name. Old files leave out a last number."""
    spellings = [(name, name) for name in shared]
    spellings += [(d, spelled) for d, c in parts if d not in _NORMS for spelled in (d, c)]
    return {_flat(s.removesuffix(end)): d for d, s in spellings for end in ("", ".0")}


def _flat(name: str) -> str:
    return name.replace(".", "_")


def without_prefix(tensors: Mapping[str, Value], prefixes: tuple[str, ...]) -> dict[str, Value]:
    """The names under one of these prefixes, without it; all of them where none has a prefix."""
    for prefix in prefixes:
        inside = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        if inside:
            return inside
    return dict(tensors)


def text_encoder_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A T5 encoder's tensors under transformers' names, from either spelling.

    Files for ComfyUI may name the embedding once under either name and carry the tokenizer as a
    tensor; full T5 files carry a decoder too.
    """
    tensors = without_prefix(tensors, _TEXT_PREFIXES)
    kept = {k: v for k, v in tensors.items() if k == _EMBEDDING or k.startswith("encoder.")}
    for name, other in ((_EMBEDDING, _EMBEDDING_COPY), (_EMBEDDING_COPY, _EMBEDDING)):
        if name not in kept and other in kept:
            kept[name] = kept[other]
    return kept


def unscale_fp8(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo ComfyUI's scaled fp8: weights are stored divided by a scale of their own.

    Raises ModelError for its other quantised formats.
    """
    plain = {key: value for key, value in tensors.items() if not key.endswith(_FP8_EXTRAS)}
    for suffix in _FP8_SCALES:
        for key in [key for key in plain if key.endswith(suffix)]:
            name, scale = f"{key[: -len(suffix)]}.weight", plain.pop(key)
            weight = plain.get(name)
            if weight is None or weight.dtype not in _FP8 or scale.numel() != 1:
                raise ModelError(
                    f"{name} is quantised in a form that is not read: use an fp16, bf16 or plain "
                    "fp8 version of the file"
                )
            plain[name] = weight.float() * scale.float()
    return plain
