"""Checkpoints of facebookresearch/sam2: which configuration they are, and the names we use.

The original files (sam2_hiera_* and sam2.1_hiera_*, four sizes each) name the same tensors
differently than transformers' Sam2VideoModel does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError

IMAGE_SIDE = 1024
PATCH = 16  # pixels of one memory feature
MARK = "image_encoder.trunk.patch_embed.proj.weight"  # only original checkpoints have it
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class HieraSize:
    """What a published image encoder (Hiera) is, beyond what its shapes say."""

    name: str
    heads: int
    windows: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]


# By width and blocks a stage; from the model's published configuration files.
SIZES: dict[tuple[int, tuple[int, ...]], HieraSize] = {
    (96, (1, 2, 7, 2)): HieraSize(
        name="tiny", heads=1, windows=(8, 4, 14, 7), global_blocks=(5, 7, 9)
    ),
    (96, (1, 2, 11, 2)): HieraSize(
        name="small", heads=1, windows=(8, 4, 14, 7), global_blocks=(7, 10, 13)
    ),
    (112, (2, 3, 16, 3)): HieraSize(
        name="base+", heads=2, windows=(8, 4, 14, 7), global_blocks=(12, 16, 20)
    ),
    (144, (2, 6, 36, 4)): HieraSize(
        name="large", heads=2, windows=(8, 4, 16, 8), global_blocks=(23, 33, 43)
    ),
}

# First match of each group of an original name wins; groups are applied one after the other.
_TOP = (
    (r"^maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"^no_mem_pos_enc$", "no_memory_positional_encoding"),
    (r"^no_obj_ptr$", "no_object_pointer"),
    (r"^no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
    (r"^obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
    (r"^obj_ptr_proj\.", "object_pointer_proj."),
    (
        r"^image_encoder\.trunk\.patch_embed\.proj\.",
        "vision_encoder.backbone.patch_embed.projection.",
    ),
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^sam_prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^sam_prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^sam_prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^sam_prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^sam_prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^sam_prompt_encoder\.", "prompt_encoder."),
    (r"^sam_mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^sam_mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^sam_mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"^sam_mask_decoder\.", "mask_decoder."),
    (r"^memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
    (r"^memory_encoder\.out_proj\.", "memory_encoder.projection."),
    (r"^memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
    (r"^memory_attention\.norm\.", "memory_attention.layer_norm."),
)
_INSIDE = (
    (r"^(memory_encoder\.memory_fuser\.layers\.\d+)\.gamma$", r"\1.scale"),
    (r"^(memory_encoder\.memory_fuser\.layers\.\d+)\.dwconv\.", r"\1.depthwise_conv."),
    (r"^(memory_encoder\.memory_fuser\.layers\.\d+)\.pwconv(\d)\.", r"\1.pointwise_conv\2."),
    (r"^(memory_encoder\.memory_fuser\.layers\.\d+)\.norm\.", r"\1.layer_norm."),
    (r"\.out_proj\.", ".o_proj."),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"\.norm(\d)\.", r".layer_norm\1."),
    (r"\.mlp\.layers\.0\.", ".mlp.proj_in."),
    (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
)
# Perceptrons of three layers.
_HEADS = r"(object_pointer_proj|\.iou_prediction_head|\.pred_obj_score_head|_mlps\.\d+)\.layers\."
_LAYERS = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}
_DOWNSAMPLER = r"^memory_encoder\.mask_downsampler\.encoder\.(\d+)\."
_POSITIONS = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_POINTS = "sam_prompt_encoder.point_embeddings."


def is_original(names: Mapping[str, object]) -> bool:
    """Whether these are the names of an original checkpoint."""
    return MARK in names


def respell_original(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of an original checkpoint under the names of transformers' Sam2VideoModel."""
    last = _last_downsampler([key for key in tensors if re.match(_DOWNSAMPLER, key)])
    found: dict[str, Tensor] = {}
    points: dict[int, Tensor] = {}
    for key, value in tensors.items():
        if key == _POSITIONS:
            found["shared_image_embedding.positional_embedding"] = value
            found["prompt_encoder.shared_embedding.positional_embedding"] = value.clone()
        elif key.startswith(_POINTS):
            points[int(key.removeprefix(_POINTS).split(".")[0])] = value
        else:
            found[_respell(key, last)] = value
    if points:
        rows = [points[index] for index in sorted(points)]
        found["prompt_encoder.point_embed.weight"] = torch.cat(rows)
    return found


def original_config(shapes: Shapes, *, side: int = IMAGE_SIDE) -> dict[str, Any]:
    """Keyword arguments of Sam2VideoConfig for an original checkpoint of a published size.

    Raises ModelError for any other checkpoint: heads and windows do not show in the shapes.
    """
    if not is_original(shapes):
        raise ModelError("these are no SAM 2 weights: expected sam2_hiera_* or sam2.1_hiera_*")
    width, stages = shapes[MARK][0], _stages(shapes)
    size = SIZES.get((width, stages))
    if size is None:
        known = ", ".join(item.name for item in SIZES.values())
        raise ModelError(
            f"a SAM 2 image encoder {width} wide with {'+'.join(map(str, stages))} blocks is none "
            f"of the published sizes ({known}): use a folder with a config.json instead"
        )
    return hiera_config(size, width=width, stages=stages, shapes=shapes, side=side)


def hiera_config(
    size: HieraSize, *, width: int, stages: tuple[int, ...], shapes: Shapes, side: int
) -> dict[str, Any]:
    """Keyword arguments of Sam2VideoConfig for an image encoder of this size and these weights."""
    widths = [width * 2**stage for stage in range(len(stages))]
    backbone = {
        "hidden_size": width,
        "num_attention_heads": size.heads,
        "image_size": [side, side],
        "window_positional_embedding_background_size": list(
            shapes["image_encoder.trunk.pos_embed"][2:]
        ),
        "blocks_per_stage": list(stages),
        "embed_dim_per_stage": widths,
        "num_attention_heads_per_stage": [size.heads * 2**stage for stage in range(len(stages))],
        "window_size_per_stage": list(size.windows),
        "global_attention_blocks": list(size.global_blocks),
    }
    hidden = shapes["no_mem_embed"][-1]
    vision = {
        "backbone_config": {"model_type": "sam2_hiera_det_model"} | backbone,
        "backbone_channel_list": widths[::-1],
        "backbone_feature_sizes": [[side // 4] * 2, [side // 8] * 2, [side // PATCH] * 2],
        "fpn_hidden_size": hidden,
    }
    return {
        "vision_config": {"model_type": "sam2_vision_model"} | vision,
        "prompt_encoder_config": {"hidden_size": hidden, "image_size": side},
        "mask_decoder_config": {"hidden_size": hidden},
        "image_size": side,
        "num_maskmem": shapes["maskmem_tpos_enc"][0],
        "memory_attention_hidden_size": hidden,
        "memory_attention_rope_feat_sizes": [side // PATCH] * 2,
        "memory_encoder_hidden_size": hidden,
        "mask_downsampler_embed_dim": hidden,
        "memory_fuser_embed_dim": hidden,
        "memory_fuser_intermediate_dim": 4 * hidden,
        # What 2.1 has and 2.0 lacks.
        "enable_occlusion_spatial_embedding": "no_obj_embed_spatial" in shapes,
        "enable_temporal_pos_encoding_for_object_pointers": "obj_ptr_tpos_proj.weight" in shapes,
    }


def _stages(shapes: Shapes) -> tuple[int, ...]:
    """Blocks of each stage; a stage begins with the block that projects to a new width."""
    blocks = 1 + max(
        int(match.group(1))
        for key in shapes
        if (match := re.match(r"image_encoder\.trunk\.blocks\.(\d+)\.", key))
    )
    starts = [i for i in range(blocks) if f"image_encoder.trunk.blocks.{i}.proj.weight" in shapes]
    edges = [0, *starts, blocks]
    return tuple(b - a for a, b in zip(edges, edges[1:], strict=False))


def _respell(key: str, last_downsampler: int) -> str:
    match = re.match(_DOWNSAMPLER, key)
    if match:
        layer = _downsampler(int(match[1]), last_downsampler)
        return f"memory_encoder.mask_downsampler.{layer}.{key[match.end() :]}"
    key = _first(key, _TOP)
    key = re.sub(_HEADS + r"(\d)\.", lambda m: f"{m[1]}.{_LAYERS[m[2]]}.", key)
    return _first(key, _INSIDE)


def _first(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        changed = re.sub(pattern, replacement, key)
        if changed != key:
            return changed
    return key


def _last_downsampler(keys: list[str]) -> int:
    return max((int(key.split(".")[3]) for key in keys), default=-1)


def _downsampler(index: int, last: int) -> str:
    """Convolution, normalisation, activation, and so on; one convolution at the end."""
    if index == last:
        return "final_conv"
    return f"layers.{index // 3}.{'conv' if index % 3 == 0 else 'layer_norm'}"
