"""Checks of the blueprint of words with a real SAM 3.1: run by test_sam3.py in ComfyUI's Python.

Arguments: the repository, a base directory, in which a checkpoint of random weights is written, and
how many layers see the picture: ComfyUI builds them all, 32, and is kept from that for fewer.
Prints the name of each check that holds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

if __package__:  # to be listed by pytest
    from .core_models import quiet, random_state, refused
    from .core_words import ABSENT, CLIP, WORDS, api_graph, blueprint, classes, ends_of, has_sam3
    from .core_workflows import Graph, Runner
    from .inside_comfyui import load_pack, run_checks, start_comfyui
    from .inside_core_model import in_inference_mode, load_core_nodes
else:
    from core_models import quiet, random_state, refused
    from core_words import ABSENT, CLIP, WORDS, api_graph, blueprint, classes, ends_of, has_sam3
    from core_workflows import Graph, Runner
    from inside_comfyui import load_pack, run_checks, start_comfyui
    from inside_core_model import in_inference_mode, load_core_nodes

FRAMES = 2  # one in which something is found, one to which it is followed
LAYERS = 32  # of the real network
ALWAYS, NEVER = 0.0, 1.0  # scores that everything, and nothing, is above
WORD_LAYERS = "detector.backbone.language_backbone.encoder."


def word_shapes(sizes: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """What SAM 3's file holds of its text encoder."""
    width, inner = sizes["hidden_size"], sizes["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "positional_embedding": (sizes["max_position_embeddings"], width),
        "token_embedding.weight": (sizes["vocab_size"], width),
        "ln_final.weight": (width,), "ln_final.bias": (width,),
    }  # fmt: skip
    for number in range(sizes["num_hidden_layers"]):
        block = f"transformer.resblocks.{number}."
        for name, rows, columns in (
            ("attn.in_proj_", 3 * width, width), ("attn.out_proj.", width, width),
            ("mlp.c_fc.", inner, width), ("mlp.c_proj.", width, inner),
        ):  # fmt: skip
            shapes |= {f"{block}{name}weight": (rows, columns), f"{block}{name}bias": (rows,)}
        for name in ("ln_1", "ln_2"):
            shapes |= {f"{block}{name}.weight": (width,), f"{block}{name}.bias": (width,)}
    return shapes


def checkpoint() -> dict[str, torch.Tensor]:
    """Random weights at half precision under the names of SAM 3.1's file."""
    import comfy.ops
    from comfy.ldm.sam3.detector import SAM3Model
    from comfy.text_encoders.sam3_clip import SAM3_CLIP_CONFIG

    network = SAM3Model(
        image_model="SAM31", device="meta", dtype=torch.float16,
        operations=comfy.ops.disable_weight_init,
    )  # fmt: skip
    shapes = {
        f"{WORD_LAYERS}{name}": torch.empty(shape, device="meta")
        for name, shape in word_shapes(SAM3_CLIP_CONFIG).items()
    }
    for name, weight in network.state_dict().items():
        shapes[name.replace("tracker.", "tracker.model.", 1)] = weight
    state = random_state(SimpleNamespace(state_dict=lambda: shapes))
    return {name: weight.half() for name, weight in state.items()}


@contextmanager
def with_layers(count: int) -> Iterator[None]:
    """ComfyUI builds SAM 3 with as many layers that see, and that read."""
    from comfy.ldm.sam3 import sam
    from comfy.text_encoders import sam3_clip

    if count == LAYERS:
        yield
        return
    shallow = partial(sam.ViTDet, depth=count, global_att_blocks=(count - 1,))
    with (
        patch.object(sam, "ViTDet", shallow),
        patch.dict(sam3_clip.SAM3_CLIP_CONFIG, {"num_hidden_layers": count}),
    ):
        yield


def graph_of(nodes: Any, threshold: float) -> Graph:
    """The blueprint for two frames; its checkpoint is there."""
    import folder_paths
    from safetensors.torch import save_file

    video = nodes.SampleClip.execute(**(CLIP | {"length": FRAMES})).args[2]
    graph = api_graph(blueprint(), classes(nodes), video)
    by_kind = {node["class_type"]: node["inputs"] for node in graph.values()}
    by_kind["CLIPTextEncode"]["text"] = WORDS
    by_kind["SAM3_VideoTrack"]["detection_threshold"] = threshold
    name = by_kind["CheckpointLoaderSimple"]["ckpt_name"]
    file = Path(folder_paths.models_dir) / "checkpoints" / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(checkpoint(), file)
    return graph


def what_sam3_finds_is_edited(nodes: Any) -> str | None:
    """In a mask of every frame, at the clip's size; every other pixel stays."""
    if not has_sam3():
        return ABSENT
    runner = Runner(graph_of(nodes, ALWAYS), nodes, {})
    results = ends_of(blueprint(), runner)
    model = runner.result("CheckpointLoaderSimple")[0]
    assert type(model.model.diffusion_model).__name__ == "SAM3Model"
    frames = runner.result("GetVideoComponents")[0]
    (found,) = runner.result("SAM3_TrackToMask")
    assert found.shape == frames.shape[:3] and found.dtype == torch.float32
    edited, effective = results["images"], results["mask"]
    assert effective.shape == found.shape and effective.any()
    assert torch.equal(edited[effective == 0], frames[effective == 0])
    assert not torch.equal(edited, frames)
    assert results["video"].get_components().images.shape == frames.shape
    assert "outside the mask: max difference 0" in results["report"]
    return None


def nothing_found_is_said(nodes: Any) -> str | None:
    """By the edit, about its mask, with what to do where a node made that."""
    if not has_sam3():
        return ABSENT
    runner = Runner(graph_of(nodes, NEVER), nodes, {})
    words = ("is empty on every frame", "find nothing: other words, a lower threshold")
    refused("mask", *words, by=lambda: runner.result("Vivid_EditVideo"))
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: in_inference_mode(check)
    for check in (what_sam3_finds_is_edited, nothing_found_is_said)
}

if __name__ == "__main__":
    repository, base, layers = sys.argv[1:4]
    start_comfyui(base)
    quiet()
    pack = load_pack(Path(repository))
    load_core_nodes()
    with with_layers(int(layers)) if has_sam3() else nullcontext():
        run_checks(CHECKS, pack)
