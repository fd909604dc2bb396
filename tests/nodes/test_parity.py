"""One request through the three nodes that edit a clip gives one result, to the bit."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vivid_core.media import write_clip
from vivid_core.tiny.scenes.shapes import draw_scene

from ..comfyui import ComfyServer, Graph
from .conftest import find, set_inputs

FRAMES, SIZE, CUT = 40, 64, 30
LONG = "Vivid_EditLongVideo"
SHARED = ("task", "caption", "negative", "seed", "steps", "guidance", "focus", "sampler", "grow")


@pytest.fixture
def graph(comfy: ComfyServer, repository: Path) -> Graph:
    """The long video workflow on a file with a cut, its mask with a gap."""
    path = repository / "workflows" / "api" / "vivid_long_video.json"
    graph: Graph = json.loads(path.read_text(encoding="utf-8"))
    folder = comfy.base / "input"
    folder.mkdir(exist_ok=True)
    scenes = [draw_scene(seed, frames=FRAMES, height=SIZE, width=SIZE) for seed in (7, 8)]
    first, second = (scene.background() for scene in scenes)
    pixels = np.concatenate([first[:CUT], 1 - second[CUT:]])
    write_clip(folder / "parity.mkv", torch.from_numpy(pixels), fps=Fraction(8))
    masks = torch.from_numpy(scenes[0].mask(visible=False))
    masks[20:22] = 0
    write_clip(folder / "parity_mask.mkv", masks[..., None].expand(-1, -1, -1, 3), fps=Fraction(8))
    graph["20"] = {"class_type": "LoadVideo", "inputs": {"file": "parity.mkv"}}
    graph["21"] = {"class_type": "LoadVideo", "inputs": {"file": "parity_mask.mkv"}}
    graph["22"] = {"class_type": "GetVideoComponents", "inputs": {"video": ["21", 0]}}
    graph["23"] = {
        "class_type": "ImageToMask",
        "inputs": {"image": ["22", 0], "channel": "red"},
    }
    set_inputs(
        graph,
        LONG,
        video=["20", 0],
        mask=["23", 0],
        steps=2,
        guidance=1.0,
        caption="a red circle",
        feather=2,
        filename_prefix="vivid/parity",
    )
    return graph


def other(graph: Graph, node: str, **inputs: object) -> str:
    """Another node that edits the same clip in the same way, compared with the long video's."""
    asked = graph[find(graph, LONG)]["inputs"]
    shared = {name: asked[name] for name in (*SHARED, "feather", "model", "video", "mask")}
    graph["30"] = {"class_type": node, "inputs": shared | inputs}
    set_inputs(
        graph, "Vivid_CompareEdit", source=[find(graph, LONG), 0], edit=["30", 0], mask=["23", 0]
    )
    return "30"


def assert_same(comfy: ComfyServer, graph: Graph) -> None:
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    assert "outside the mask: max difference 0" in run.outputs["30"]["text"][0]
    assert "WARNING" not in run.outputs["30"]["text"][0]
    view = run.outputs[find(graph, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert view["total"] == FRAMES
    assert (view["measures"]["outside"], view["measures"]["inside_max"]) == (0, 0)


@pytest.mark.parametrize("fill", ["off", "auto"])
def test_edit_video_and_edit_long_video(comfy: ComfyServer, graph: Graph, fill: str) -> None:
    task = "delete" if fill == "auto" else "modify"
    set_inputs(graph, LONG, task=task, fill=fill)
    other(graph, "Vivid_EditVideo", fill=fill)
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    view = run.outputs[find(graph, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert view["total"] == FRAMES
    assert (view["measures"]["outside"], view["measures"]["inside_max"]) == (0, 0)


@pytest.mark.parametrize("frame", [0, 25, FRAMES - 1])
def test_propagate_keyframes_and_edit_long_video(
    comfy: ComfyServer, graph: Graph, frame: int
) -> None:
    set_inputs(graph, LONG, task="modify")
    graph["25"] = {
        "class_type": "EmptyImage",
        "inputs": {"width": SIZE, "height": SIZE, "batch_size": 1, "color": 0x3050A0},
    }
    graph["26"] = {
        "class_type": "Vivid_UseKeyframe",
        "inputs": {"image": ["25", 0], "frame": frame},
    }
    set_inputs(graph, LONG, keyframe=["26", 0])
    other(
        graph,
        "Vivid_PropagateKeyframes",
        keyframe=["26", 0],
        match_colors=True,
        first_frame=-1,
        last_frame=-1,
    )
    assert_same(comfy, graph)
