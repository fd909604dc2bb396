"""Original SAM 2 checkpoints: every published size's names and shapes fit transformers' model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import Sam2VideoConfig, Sam2VideoModel

from vivid_core.errors import ModelError
from vivid_core.files.modules import check_shapes
from vivid_core.track.sam2_keys import SIZES, original_config, respell_original

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "sam2_shapes.json"
NEWER = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.")  # what only 2.1 has
TRUNK, NECK = "image_encoder.trunk.", "image_encoder.neck.convs."


def shapes_of(width: int, stages: tuple[int, ...], version: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a published checkpoint."""
    rest = json.loads(GOLDEN.read_text())
    shapes = {k: tuple(v) for k, v in rest.items() if version == "2.1" or not k.startswith(NEWER)}
    background = (14, 14) if width == 112 else (7, 7)
    shapes |= {
        f"{TRUNK}pos_embed": (1, width, *background),
        f"{TRUNK}pos_embed_window": (1, width, 8, 8),
        f"{TRUNK}patch_embed.proj.weight": (width, 3, 7, 7),
        f"{TRUNK}patch_embed.proj.bias": (width,),
    }
    index, before = 0, width
    for stage, blocks in enumerate(stages):
        after = width * 2**stage
        shapes |= {f"{NECK}{len(stages) - 1 - stage}.conv.weight": (256, after, 1, 1)}
        shapes |= {f"{NECK}{len(stages) - 1 - stage}.conv.bias": (256,)}
        for _ in range(blocks):
            shapes |= {f"{TRUNK}blocks.{index}.{k}": v for k, v in block(before, after).items()}
            index, before = index + 1, after
    return shapes


def block(before: int, after: int) -> dict[str, tuple[int, ...]]:
    linear = {
        "attn.qkv": (3 * after, before),
        "attn.proj": (after, after),
        "mlp.layers.0": (4 * after, after),
        "mlp.layers.1": (after, 4 * after),
    }
    if before != after:
        linear["proj"] = (after, before)
    shapes: dict[str, tuple[int, ...]] = {f"{k}.weight": v for k, v in linear.items()}
    shapes |= {f"{k}.bias": v[:1] for k, v in linear.items()}
    norms = {"norm1": (before,), "norm2": (after,)}
    return shapes | {f"{k}.{part}": v for k, v in norms.items() for part in ("weight", "bias")}


@pytest.mark.parametrize("version", ["2.0", "2.1"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: SIZES[size].name)
def test_published_sizes_fit(size, version):
    shapes = shapes_of(*size, version)
    config = Sam2VideoConfig(**original_config(shapes))
    with torch.device("meta"):
        model = Sam2VideoModel(config)
    tensors = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    found = {key: tuple(value.shape) for key, value in respell_original(tensors).items()}
    check_shapes(model, found, what="SAM 2 model")
    assert config.enable_occlusion_spatial_embedding == (version == "2.1")
    assert config.vision_config.backbone_config.global_attention_blocks == list(
        SIZES[size].global_blocks
    )


def test_other_encoders_are_refused():
    with pytest.raises(
        ModelError, match=r"96 wide with 1\+2\+8\+2 blocks is none of the published"
    ):
        original_config(shapes_of(96, (1, 2, 8, 2), "2.1"))
    with pytest.raises(ModelError, match="these are no SAM 2 weights"):
        original_config({"x": (1,)})
