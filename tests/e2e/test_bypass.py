"""An edit that is bypassed lets the clip through, and the graph still runs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.media import read_clip, read_info, write_clip

from ..comfyui import ComfyServer, Graph
from .page import ComfyPage

EDIT = {
    "task": "modify", "caption": "a red circle", "negative": "", "seed": 1, "steps": 1,
    "guidance": 1.0, "focus": "auto", "sampler": "ddim", "grow": -1, "feather": 2,
}  # fmt: skip
OWN = {
    "Vivid_EditVideo": EDIT | {"fill": "off"},
    "Vivid_PropagateKeyframes": EDIT | {"match_colors": True, "first_frame": -1, "last_frame": -1},
    "Vivid_FillBackground": {"reach": 0},
}
_LOAD = "(graph) => window.app.loadApiJson(graph, 'bypassed')"
_NODE = "window.app.graph.nodes.find((node) => String(node.id) === '4')"


def graph_of(kind: str, file: str) -> Graph:
    """Load Video, the node, and what templates end in."""
    inputs = OWN[kind] | {"video": ["2", 0], "mask": ["3", 0]}
    if kind != "Vivid_FillBackground":
        inputs["model"] = ["1", 0]
    saved = {"format": "auto", "codec": "auto", "format.codec": "auto"}
    compared = {"fps": 8.0, "filename_prefix": "bypassed"}
    return {
        "1": {"class_type": "Vivid_LoadModel", "inputs": {"model": "vivid-tiny (bundled)"}},
        "2": {"class_type": "LoadVideo", "inputs": {"file": file}},
        "3": {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 64, "height": 64}},
        "4": {"class_type": kind, "inputs": inputs},
        "5": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["4", 3], "filename_prefix": "bypassed", **saved},
        },
        "6": {
            "class_type": "Vivid_CompareEdit",
            "inputs": {"source": ["2", 0], "edit": ["4", 0], "mask": ["4", 1], **compared},
        },
    }


@pytest.fixture
def clip(comfy: ComfyServer) -> Path:
    folder = comfy.base / "input"
    folder.mkdir(exist_ok=True)
    path = folder / "bypassed.mp4"
    write_clip(path, torch.rand(5, 64, 64, 3), fps=Fraction(25))
    return path


@pytest.mark.parametrize("kind", list(OWN))
def test_a_bypassed_node_lets_its_clip_through(
    page: ComfyPage, comfy: ComfyServer, clip: Path, kind: str
) -> None:
    page.start()
    page.tab.evaluate(_LOAD, graph_of(kind, clip.name))
    page.tab.wait_for_function(_NODE)
    page.tab.wait_for_timeout(1000)
    page.tab.evaluate(f"() => {{ {_NODE}.mode = 4 }}")  # bypassed
    assert page.run() == "execution_success"
    assert [node["type"] for node in page.nodes() if node["red"]] == []
    saved = sorted((comfy.base / "output").glob("bypassed_*.mp4"))[-1]
    assert read_info(saved).fps == 25
    assert torch.equal(read_clip(saved).frames, read_clip(clip).frames)
    assert page.errors == []
