"""Checks of the blueprint that edits what words name: it fits ComfyUI's nodes, and runs.

Part of inside_core_model.py, in its process. ComfyUI builds SAM 3 at its full size only: its text
encoder is built smaller here, and a known mask stands in for what the network finds.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

if __package__:  # to be listed by pytest
    from .core_models import random_state, refused
    from .core_workflows import Graph, Runner
else:
    from core_models import random_state, refused
    from core_workflows import Graph, Runner

FILE = Path(__file__).resolve().parents[2] / "subgraphs" / "Vivid Edit by Words (SAM3).json"
INPUTS, OUTPUTS = -10, -20  # ids that ComfyUI gives a subgraph's own ends
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
CLIP = {"scene": "moving shapes", "seed": 3, "width": 64, "height": 64, "length": 5, "fps": 8}
WORDS = "a red circle"
ABSENT = "this ComfyUI has no SAM3"


def has_sam3() -> bool:
    return importlib.util.find_spec("comfy.ldm.sam3") is not None


def blueprint() -> dict[str, Any]:
    (inside,) = json.loads(FILE.read_text(encoding="utf-8"))["definitions"]["subgraphs"]
    return inside


def classes(ours: Any) -> dict[str, Any]:
    """Every node's class by its id."""
    import nodes

    return {**nodes.NODE_CLASS_MAPPINGS, **{n.define_schema().node_id: n for n in ours.NODES}}


def entries(kind: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, type and options of each input, in the order that the browser shows them."""
    declared = kind.INPUT_TYPES()
    found = []
    for part in ("required", "optional"):
        for name, (type_, *options) in declared.get(part, {}).items():
            told = "COMBO" if isinstance(type_, list) else str(type_)
            found.append((name, told, options[0] if options else {}))
    return found


def widget_names(kind: Any) -> list[str]:
    """What a saved node holds values of; a seed has a second one."""
    names = []
    for name, type_, options in entries(kind):
        if type_ in WIDGETS:
            names.append(name)
            names += ["control_after_generate"] if options.get("control_after_generate") else []
    return names


def outputs(kind: Any) -> list[tuple[str, str]]:
    types = list(kind.RETURN_TYPES)
    names = list(getattr(kind, "RETURN_NAMES", None) or types)
    return list(zip(names, types, strict=True))


def api_graph(inside: dict[str, Any], known: dict[str, Any], video: Any) -> Graph:
    """What the browser would send of it, with a video at its input."""
    graph: Graph = {}
    for node in inside["nodes"]:
        names = widget_names(known[node["type"]])
        values = dict(zip(names, node["widgets_values"], strict=True))
        values.pop("control_after_generate", None)
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": values}
    sockets = {node["id"]: node["inputs"] for node in inside["nodes"]}
    for link in inside["links"]:
        if link["target_id"] == OUTPUTS:
            continue
        name = sockets[link["target_id"]][link["target_slot"]]["name"]
        inner = link["origin_id"] != INPUTS
        value = [str(link["origin_id"]), link["origin_slot"]] if inner else video
        graph[str(link["target_id"])]["inputs"][name] = value
    return graph


def ends_of(inside: dict[str, Any], runner: Runner) -> dict[str, Any]:
    """What comes out of the blueprint, by name."""
    return {
        end["name"]: runner.run(str(link["origin_id"]))[link["origin_slot"]]
        for end in inside["outputs"]
        for link in inside["links"]
        if link["id"] in end["linkIds"]
    }


class KnownMask(torch.nn.Module):
    """Finds one thing, known before, whatever it is asked for; remembers what that was."""

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.mask, self.asked = mask, SimpleNamespace()

    def forward_video(self, images: Any, initial_masks: Any, **asked: Any) -> dict[str, Any]:
        from comfy.ldm.sam3.tracker import pack_masks

        self.asked = SimpleNamespace(images=images, initial_masks=initial_masks, **asked)
        return {"packed_masks": pack_masks(self.mask[:, None]), "n_frames": len(images)}


def model_of(network: torch.nn.Module) -> Any:
    """A MODEL around a network, as SAM3's nodes take it."""
    from comfy.model_patcher import ModelPatcher

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.diffusion_model = network
            self.weight = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

        def get_dtype(self) -> torch.dtype:
            return torch.float32

    device = torch.device("cpu")
    return ModelPatcher(Whole(), load_device=device, offload_device=device)


def small_clip() -> Any:
    """SAM 3's own tokenizer and text encoder, of one narrow layer."""
    import comfy.sd
    from comfy.supported_models_base import ClipTarget
    from comfy.text_encoders import sam3_clip

    target = ClipTarget(sam3_clip.SAM3TokenizerWrapper, sam3_clip.SAM3ClipModelWrapper)
    with patch.dict(sam3_clip.SAM3_CLIP_CONFIG, SMALL | {"num_hidden_layers": 1}):
        clip = comfy.sd.CLIP(target)
    encoder = clip.cond_stage_model
    encoder.load_state_dict(random_state(encoder), strict=False)
    return clip


def the_words_blueprint_fits_cores_nodes(nodes: Any) -> str | None:
    """Names, types and order of inputs and outputs, the number of values, and every link."""
    if not has_sam3():
        return ABSENT
    inside, known = blueprint(), classes(nodes)
    by_id = {node["id"]: node for node in inside["nodes"]}
    for node in by_id.values():
        kind = known[node["type"]]
        sockets = [(name, type_) for name, type_, _ in entries(kind) if type_ not in WIDGETS]
        assert [(one["name"], one["type"]) for one in node["inputs"]] == sockets, node["type"]
        given = [(one["name"], one["type"]) for one in node["outputs"]]
        real = outputs(kind)  # newer versions have more, behind these
        assert given == real[: len(given)], (node["type"], given, real)
        assert len(node["widgets_values"]) == len(widget_names(kind)), node["type"]
    for link in inside["links"]:
        if link["origin_id"] != INPUTS:
            origin = by_id[link["origin_id"]]["outputs"][link["origin_slot"]]
            assert origin["type"] == link["type"] and link["id"] in origin["links"]
        if link["target_id"] != OUTPUTS:
            target = by_id[link["target_id"]]["inputs"][link["target_slot"]]
            assert link["type"] in target["type"].split(",") and target["link"] == link["id"]
    return None


def the_words_blueprint_runs(nodes: Any) -> str | None:
    """Words, a mask of each frame, an edit inside it; every other pixel stays, in VIDEO too."""
    if not has_sam3():
        return ABSENT
    frames, mask, video, _ = nodes.SampleClip.execute(**CLIP).args
    clip, network = small_clip(), KnownMask(mask)
    inside = blueprint()
    graph = api_graph(inside, classes(nodes), video)
    (words,) = [node for node in graph.values() if node["class_type"] == "CLIPTextEncode"]
    words["inputs"]["text"] = WORDS
    stand_ins = {"CheckpointLoaderSimple": lambda: (model_of(network), clip, None)}
    runner = Runner(graph, nodes, stand_ins)
    results = ends_of(inside, runner)
    asked = network.asked
    assert torch.equal(asked.images.movedim(1, -1), video.get_components().images)
    assert (asked.new_det_thresh, asked.max_objects, asked.detect_interval) == (0.5, 4, 1)
    ((embedding, real),) = asked.text_prompts
    expected = clip.encode_from_tokens_scheduled(clip.tokenize(WORDS))[0][0]
    assert asked.initial_masks is None and torch.equal(embedding, expected)
    assert embedding.shape[-1] == SMALL["hidden_size"] and real.sum() == len(WORDS.split()) + 2
    edited, effective = results["images"], results["mask"]
    assert (effective[mask > 0] > 0).all() and not effective.all()
    outside = effective == 0
    assert torch.equal(edited[outside], frames[outside]) and not torch.equal(edited, frames)
    assert torch.equal(results["video"].get_components().images[outside], frames[outside])
    assert "outside the mask: max difference 0" in results["report"]
    return None


def nothing_found_by_words_is_said(nodes: Any) -> str | None:
    """SAM 3 that finds nothing gives a mask that is empty: the edit refuses it by its name."""
    if not has_sam3():
        return ABSENT
    video = nodes.SampleClip.execute(**CLIP).args[2]
    empty = KnownMask(torch.zeros(CLIP["length"], 64, 64))
    graph = api_graph(blueprint(), classes(nodes), video)
    stand_ins = {"CheckpointLoaderSimple": lambda: (model_of(empty), small_clip(), None)}
    runner = Runner(graph, nodes, stand_ins)
    refused("mask", "find nothing: other words", by=lambda: runner.result("Vivid_EditVideo"))
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: check
    for check in (
        the_words_blueprint_fits_cores_nodes,
        the_words_blueprint_runs,
        nothing_found_by_words_is_said,
    )
}
