"""What is refused, with which words; nothing half-written is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..comfyui import ComfyServer, Graph, Rejected
from .conftest import find, set_inputs

CHECKS_DROP_DOWNS = (0, 10)  # ComfyUI that refuses their unknown values before anything runs


def rejection(comfy: ComfyServer, graph: Graph) -> str:
    """Why ComfyUI does not even start this graph."""
    with pytest.raises(Rejected) as refused:
        comfy.queue(graph)
    return "\n".join(refused.value.errors)


def failure(comfy: ComfyServer, graph: Graph, node: str) -> str:
    """With which words the run stops at a node; no output file may come of it."""
    before = delivered(comfy)
    run = comfy.run(graph)
    assert (run.status, run.node) == ("error", node)
    assert delivered(comfy) == before
    return run.error


def delivered(comfy: ComfyServer) -> set[Path]:
    """Files in the output folder, but for tracks that other nodes finished."""
    output = comfy.base / "output"
    files = {path.relative_to(output) for path in output.rglob("*") if path.is_file()}
    return {path for path in files if path.parts[:2] != ("vivid", "tracks")}


@pytest.mark.parametrize(
    ("kind", "inputs", "words"),
    [
        ("Vivid_LoadModel", {"model": "diffusers/none"}, "model: 'diffusers/none' was not found"),
        ("Vivid_LoadModel", {"model": "diffusers/../../x"}, "was not found: put it into models/"),
        ("Vivid_EditVideo", {"task": "add", "caption": "  "}, "caption: is empty: say what to add"),
        ("Vivid_EditVideo", {"task": "add", "caption": None}, "caption: is empty: say what to add"),
        ("Vivid_EditVideo", {"caption": ["a", "b", "c"]}, "caption: is a list of 3, give one text"),
        ("Vivid_EditVideo", {"task": "erase"}, "task: 'erase' is not one of add, modify, delete"),
        ("Vivid_EditVideo", {"steps": 0}, "Value 0 smaller than min of 1: steps"),
        ("Vivid_EditVideo", {"steps": 1001}, "Value 1001 bigger than max of 1000: steps"),
    ],
)
def test_refused_before_anything_runs(
    comfy: ComfyServer, edit_graph: Graph, kind: str, inputs: dict[str, object], words: str
) -> None:
    set_inputs(edit_graph, kind, **inputs)
    assert words in rejection(comfy, edit_graph)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("Vivid_LoadModel", {"precision": "int4"}),
        ("Vivid_SampleClip", {"scene": "x"}),
        ("Vivid_EditVideo", {"focus": "blurred"}),
        ("Vivid_EditVideo", {"sampler": "euler"}),
    ],
)
def test_values_that_a_drop_down_lacks(
    comfy: ComfyServer, edit_graph: Graph, kind: str, inputs: dict[str, str]
) -> None:
    set_inputs(edit_graph, kind, **inputs)
    [(name, value)] = inputs.items()
    if comfy.version < CHECKS_DROP_DOWNS:
        assert f"{name}: '{value}' is not one of" in failure(comfy, edit_graph, kind)
    else:
        assert f"{name}: '{value}' not in [" in rejection(comfy, edit_graph)


@pytest.mark.parametrize(
    ("name", "value"), [("base", "/etc"), ("vae", "vae/none"), ("text_encoder", "none")]
)
def test_parts_of_a_model_that_are_not_there(
    comfy: ComfyServer, edit_graph: Graph, name: str, value: str
) -> None:
    foreign = "diffusion_models/foreign.safetensors"
    set_inputs(edit_graph, "Vivid_LoadModel", model=foreign, **{name: value})
    if comfy.version < CHECKS_DROP_DOWNS:
        words = failure(comfy, edit_graph, "Vivid_LoadModel")
        assert f"{name}: '{value}' was not found: put it into models/" in words
    else:
        assert f"{name}: '{value}' not in [" in rejection(comfy, edit_graph)


@pytest.mark.parametrize(
    ("kind", "inputs", "concerned"),
    [
        ("Vivid_LoadModel", {"model": "diffusers/none"}, {"model"}),
        ("Vivid_EditVideo", {"task": "add", "caption": ""}, {"task", "caption"}),
        ("Vivid_EditVideo", {"steps": 0}, {"steps"}),
    ],
)
def test_one_mistake_is_told_at_the_inputs_concerned(
    comfy: ComfyServer,
    edit_graph: Graph,
    kind: str,
    inputs: dict[str, object],
    concerned: set[str],
) -> None:
    """ComfyUI tells it once at each input that `validate_inputs` names."""
    set_inputs(edit_graph, kind, **inputs)
    with pytest.raises(Rejected) as refused:
        comfy.queue(edit_graph)
    told = [error["extra_info"]["input_name"] for error in refused.value.answers]
    assert sorted(told) == sorted(concerned)


def test_unknown_adapter(comfy: ComfyServer, edit_graph: Graph) -> None:
    edit_graph["90"] = {
        "class_type": "Vivid_ApplyAdapter",
        "inputs": {"model": [find(edit_graph, "Vivid_LoadModel"), 0], "strength": 1.0}
        | {"adapter": "loras/none.safetensors"},
    }
    set_inputs(edit_graph, "Vivid_EditVideo", model=["90", 0])
    words = rejection(comfy, edit_graph)
    assert "adapter: 'loras/none.safetensors' was not found: put it into models/loras" in words


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("foreign", "it looks like a Stable Diffusion checkpoint"),
        ("cut_off", "cut off after 5 bytes: download it again"),
    ],
)
def test_weights_that_are_none(
    comfy: ComfyServer, edit_graph: Graph, file: str, words: str
) -> None:
    name = f"diffusion_models/{file}.safetensors"
    set_inputs(edit_graph, "Vivid_LoadModel", model=name, base="from the model")
    assert words in failure(comfy, edit_graph, "Vivid_LoadModel")


def with_mask(graph: Graph, kind: str, **inputs: object) -> Graph:
    """The graph with another mask, and without the nodes that would show it first."""
    graph.pop(find(graph, "Vivid_OverlayMask"))
    graph["91"] = {"class_type": kind, "inputs": inputs}
    output = 1 if kind == "Vivid_SampleClip" else 0
    set_inputs(graph, "Vivid_EditVideo", mask=["91", output])
    return graph


def test_mask_of_another_size(comfy: ComfyServer, edit_graph: Graph) -> None:
    graph = with_mask(edit_graph, "SolidMask", value=1.0, width=48, height=64)
    words = failure(comfy, graph, "Vivid_EditVideo")
    assert words.startswith("mask: is 48x64 but the clip is 64x64: resize the mask to the clip")


def test_mask_of_another_length(comfy: ComfyServer, edit_graph: Graph) -> None:
    clip = {"scene": "moving shapes", "seed": 1, "width": 64, "height": 64, "length": 5, "fps": 8}
    graph = with_mask(edit_graph, "Vivid_SampleClip", **clip)
    words = failure(comfy, graph, "Vivid_EditVideo")
    assert words.startswith("mask: has 5 frames but the clip has 17: give one mask a frame")


def test_empty_mask(comfy: ComfyServer, edit_graph: Graph) -> None:
    graph = with_mask(edit_graph, "SolidMask", value=0.0, width=64, height=64)
    words = failure(comfy, graph, "Vivid_EditVideo")
    assert words.startswith("mask: is empty on every frame: paint the area to edit white")


def test_caption_that_is_too_long(comfy: ComfyServer, edit_graph: Graph) -> None:
    long = "a red circle " * 1700
    set_inputs(edit_graph, "Vivid_EditVideo", task="modify", caption=long)
    words = failure(comfy, edit_graph, "Vivid_EditVideo")
    assert words.startswith("caption: has 5100 words") and words.endswith("shorten it")


def test_comparing_with_another_clip(comfy: ComfyServer, edit_graph: Graph) -> None:
    clip = {"scene": "moving shapes", "seed": 1, "width": 64, "height": 64, "length": 5, "fps": 8}
    edit_graph["92"] = {"class_type": "Vivid_SampleClip", "inputs": clip}
    set_inputs(edit_graph, "Vivid_CompareEdit", source=["92", 0])
    edit_graph.pop(find(edit_graph, "SaveVideo"))
    words = failure(comfy, edit_graph, "Vivid_CompareEdit")
    assert words.startswith("edit: is 17 frames of 64x64, the source 5 of 64x64")
