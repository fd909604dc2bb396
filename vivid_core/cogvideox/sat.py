"""Checkpoints of the SAT training framework as transformers of diffusers' names.

The names and the order of what is stored together are those of diffusers' own conversion of
CogVideoX. InsViE's training adds `patch_embed.proj_edit`, which reads noise and source: it takes
the place of the plain patch embedder. Nothing but tensors is read of the pickle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, MediaError, ModelError
from ..files.streamed import Pending, write_streamed
from ..files.weights import map_pickle
from .config import transformer_config
from .layout import PATCH_WEIGHT, WIDTH_2B, Layout, detect_layout, layout_named
from .save import checkpoint_metadata

EDIT_EMBEDDER = "patch_embed.proj_edit."
PLAIN_EMBEDDER = "patch_embed.proj."
_PREFIXES = ("module.", "model.diffusion_model.", "diffusion_model.", "model.", "_orig_mod.")
_DIFFUSERS = re.compile(
    r"(?:transformer_blocks\.\d+|patch_embed|time_embedding|ofs_embedding|norm_final|norm_out|"
    r"proj_out)\..+"
)
_LAYER = re.compile(r"transformer\.layers\.(\d+)\.(.+)\.(weight|bias)")
_LISTED = re.compile(r"mixins\.adaln_layer\.(\w+)\.(\d+)\.(?:1\.)?(weight|bias)")
_LAYER_PARTS = {
    "attention.dense": "attn1.to_out.0",
    "mlp.dense_h_to_4h": "ff.net.0.proj",
    "mlp.dense_4h_to_h": "ff.net.2",
    "input_layernorm": "norm1.norm",
    "post_attention_layernorm": "norm2.norm",
}
_NORMS = {"query_layernorm_list": "attn1.norm_q", "key_layernorm_list": "attn1.norm_k"}
_TOP = {
    "transformer.final_layernorm": "norm_final",
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "ofs_embed.0": "ofs_embedding.linear_1",
    "ofs_embed.2": "ofs_embedding.linear_2",
    "mixins.final_layer.norm_final": "norm_out.norm",
    "mixins.final_layer.linear": "proj_out",
    "mixins.final_layer.adaLN_modulation.1": "norm_out.linear",
    "mixins.patch_embed.proj_edit": "patch_embed.proj_edit",
    "mixins.patch_embed.text_proj": "patch_embed.text_proj",
    "mixins.patch_embed.proj": "patch_embed.proj",
    "mixins.pos_embed.pos_embedding": "patch_embed.pos_embedding",
}
_MODULATIONS = 12  # chunks of one SAT modulation: six of each of diffusers' two norms
_OF_NORM = {"norm1": (0, 1, 2, 6, 7, 8), "norm2": (3, 4, 5, 9, 10, 11)}
_OTHER_NETWORKS = ("first_stage_model.", "conditioner.", "ema.", "model_ema.", "loss.")
_LORA = re.compile(r"\.(?:matrix_[AB]|lora_[AB]|original)\b")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A tensor of diffusers' name, as rows of one of SAT's: all, or these of so many chunks."""

    name: str
    source: str
    chunks: int = 1
    rows: tuple[int, ...] = (0,)

    def of(self, tensor: Tensor) -> Tensor:
        if self.chunks == 1:
            return tensor
        pieces = tensor.chunk(self.chunks, dim=0)
        return torch.cat([pieces[row] for row in self.rows])

    def shape_of(self, tensor: Tensor) -> tuple[int, ...]:
        if self.chunks == 1:
            return tuple(tensor.shape)
        return tensor.shape[0] // self.chunks * len(self.rows), *tensor.shape[1:]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What becomes of a checkpoint's tensors; `dropped` are (name, why)."""

    parts: tuple[Part, ...]
    dropped: tuple[tuple[str, str], ...]
    layout: Layout
    config: dict[str, Any]

    @property
    def renamed(self) -> list[tuple[str, str]]:
        """(SAT's name, ours) of what has another one."""
        return [(part.source, part.name) for part in self.parts if part.source != part.name]


def plan_conversion(tensors: Mapping[str, Tensor], *, name: str) -> Conversion:
    """Sort a checkpoint's tensors. Raises ModelError, which calls it `name`, for no transformer."""
    if any(_LORA.search(key) for key in tensors):
        raise ModelError(
            f"{name}: holds a LoRA beside its weights, at a strength that it does not tell: merge "
            "it in the program that trained it (SAT: merge_lora), save, and convert that"
        )
    parts: list[Part] = []
    dropped: list[tuple[str, str]] = []
    edits = any(EDIT_EMBEDDER in key for key in tensors)
    for key in tensors:
        found, why = _sorted(key, edits=edits)
        parts += found
        dropped += [(key, why)] if why else []
    shapes = {part.name: part.shape_of(tensors[part.source]) for part in parts}
    layout = layout_named("insvie") if edits else detect_layout(shapes)
    fixed = shapes.get(PATCH_WEIGHT, (0,))[0] == WIDTH_2B
    if fixed:  # sine positions, which are computed
        positions = [part for part in parts if part.name == "patch_embed.pos_embedding"]
        dropped += [(part.source, "computed from the size") for part in positions]
        parts = [part for part in parts if part not in positions]
    kept = {part.name: shapes[part.name] for part in parts}
    return Conversion(
        parts=tuple(parts),
        dropped=tuple(dropped),
        layout=layout,
        config=transformer_config(kept, layout),
    )


def convert_checkpoint(
    path: Path, out: Path, watch: Callable[[int, int], None] = lambda done, total: None
) -> Conversion:
    """Write a training checkpoint as one safetensors file that says itself what it is.

    The file is mapped, not read: memory holds a tensor at a time. `watch` hears of each. Raises
    ModelError for what is no such checkpoint or holds more than tensors and plain values.
    """
    tensors = map_pickle(path)
    plan = plan_conversion(tensors, name=path.name)

    def make(number: int, part: Part) -> Tensor:
        watch(number, len(plan.parts))
        return part.of(tensors[part.source])

    pending = [
        Pending(
            name=part.name,
            shape=part.shape_of(tensors[part.source]),
            dtype=tensors[part.source].dtype,
            make=lambda n=number, p=part: make(n, p),
        )
        for number, part in enumerate(plan.parts, start=1)
    ]
    layout = plan.layout
    size = (layout.train_frames, *layout.train_size)
    # InsViE drops instructions by zeroing their embeddings, in training and in sampling.
    zeros = layout.follows_instructions
    metadata = checkpoint_metadata(plan.config, layout, size, blank_is_zeros=zeros)
    try:
        write_streamed(out, pending, metadata)
    except MediaError as error:
        raise InputError("out", str(error)) from error
    return plan


def _sorted(key: str, *, edits: bool) -> tuple[list[Part], str]:
    """What a tensor becomes, or why it is dropped."""
    if key.startswith(_OTHER_NETWORKS):
        return [], "of another network"
    bare = _bare(key)
    parts = list(_parts(key, bare))
    if not parts:
        return [], "unknown to the transformer"
    if edits and parts[0].name.startswith(PLAIN_EMBEDDER):
        return [], "replaced by proj_edit"
    return [_as_embedder(part) for part in parts], ""


def _bare(key: str) -> str:
    """Without the names of what trainers wrap a model in."""
    for prefix in _PREFIXES:
        if key.startswith(prefix):
            return _bare(key[len(prefix) :])
    return key


def _as_embedder(part: Part) -> Part:
    if not part.name.startswith(EDIT_EMBEDDER):
        return part
    name = PLAIN_EMBEDDER + part.name.removeprefix(EDIT_EMBEDDER)
    return Part(name=name, source=part.source)


def _parts(key: str, bare: str) -> Iterator[Part]:
    """Under diffusers' names; nothing for a name that nobody knows."""
    layer, listed = _LAYER.fullmatch(bare), _LISTED.fullmatch(bare)
    if layer is not None:
        yield from _layer_parts(key, *layer.groups())
    elif listed is not None:
        yield from _listed_parts(key, *listed.groups())
    elif _DIFFUSERS.fullmatch(bare):
        yield Part(name=bare, source=key)
    else:
        for sat, name in _TOP.items():
            if bare == sat or bare.startswith(f"{sat}."):
                yield Part(name=name + bare[len(sat) :], source=key)
                return


def _layer_parts(key: str, number: str, middle: str, end: str) -> Iterator[Part]:
    block = f"transformer_blocks.{number}"
    if middle == "attention.query_key_value":
        for row, letter in enumerate("qkv"):
            name = f"{block}.attn1.to_{letter}.{end}"
            yield Part(name=name, source=key, chunks=3, rows=(row,))
    elif middle in _LAYER_PARTS:
        yield Part(name=f"{block}.{_LAYER_PARTS[middle]}.{end}", source=key)


def _listed_parts(key: str, kind: str, number: str, end: str) -> Iterator[Part]:
    block = f"transformer_blocks.{number}"
    if kind == "adaLN_modulations":
        for norm, rows in _OF_NORM.items():
            name = f"{block}.{norm}.linear.{end}"
            yield Part(name=name, source=key, chunks=_MODULATIONS, rows=rows)
    elif kind in _NORMS:
        yield Part(name=f"{block}.{_NORMS[kind]}.{end}", source=key)
