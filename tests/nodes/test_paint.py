"""Masks that are painted over time, and what a model makes of them, in a real ComfyUI."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ..comfyui import ComfyServer, Graph, Rejected
from .test_masks import FRAMES, SIZE, ellipse, sample, shown

SETTINGS = ("precision", "offload", "tiling")
DOT = {"brush": 1000, "at": [2500, 2500]}


def painted(frames: dict[str, list[Any]], **changes: Any) -> Graph:
    """A painted mask, saved frame by frame under node 90."""
    text = json.dumps({"version": 1, "frames": frames})
    return {
        "6": ellipse(paint=text, **changes),
        "8": {"class_type": "MaskToImage", "inputs": {"mask": ["6", 0]}},
        "90": {
            "class_type": "SaveImage",
            "inputs": {"images": ["8", 0], "filename_prefix": "paint"},
        },
    }


def masks(comfy: ComfyServer, graph: Graph) -> np.ndarray:
    ended = comfy.run(graph)
    assert (ended.status, ended.error) == ("success", "")
    files = [comfy.file(place) for place in ended.outputs["90"]["images"]]
    return np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("L")) for file in files]) > 127


def test_a_brush_waits_for_paint_and_then_fills_the_frames_between(comfy: ComfyServer) -> None:
    ended = comfy.run(painted({}, shape="brush"))
    assert (ended.status, ended.error) == ("success", "")
    assert "paint on a few frames" in ended.outputs["6"]["text"][0]
    assert "90" not in ended.outputs
    later = {"brush": 1000, "at": [7500, 2500]}
    found = masks(comfy, painted({"0": [DOT], "16": [later]}, shape="brush"))
    middles = [np.nonzero(mask)[1].mean() for mask in found]
    assert len(middles) == FRAMES and middles == sorted(middles)
    assert middles[-1] - middles[0] > SIZE / 3


def test_a_track_keeps_every_frame_that_is_not_painted(comfy: ComfyServer) -> None:
    before = masks(comfy, painted({}))
    graph = painted({"5": [{"clear": True}, DOT]}, shape="brush")
    graph |= {"7": ellipse()}
    graph["6"]["inputs"]["track"] = ["7", 0]
    after = masks(comfy, graph)
    changed = (before != after).reshape(FRAMES, -1).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [5]


def test_paint_that_does_not_fit_is_told(comfy: ComfyServer) -> None:
    ended = comfy.run(painted({"99": [DOT]}))
    assert ended.status == "error"
    assert "paint: there is paint on frame 99, the clip has frames 0 to 16" in ended.error


def test_a_damaged_painting_is_told_before_anything_runs(comfy: ComfyServer) -> None:
    with pytest.raises(Rejected, match="paint: a radius is 0: give 1 to 2500"):
        comfy.run(painted({"0": [{"brush": 0, "at": [1, 1]}]}))


def test_what_a_model_edits_is_shown_and_named(comfy: ComfyServer) -> None:
    graph = sample() | {"5": shown(["1", 1])}
    graph["5"]["inputs"]["show"] = "what the model edits"
    reports = [comfy.run(graph).outputs["5"]["text"][0]]
    own = dict.fromkeys(("base", "text_encoder", "vae"), "from the model")
    loader = own | {"model": "vivid-tiny (bundled)"} | dict.fromkeys(SETTINGS, "auto")
    graph["4"] = {"class_type": "Vivid_LoadModel", "inputs": loader}
    graph["5"]["inputs"]["model"] = ["4", 0]
    ended = comfy.run(graph)
    assert (ended.status, ended.error) == ("success", "")
    reports += ended.outputs["5"]["text"]
    assert reports[0].startswith("VIVID's own layout (no model is connected): layout vivid, one")
    assert "8x8 pixels and 4 frames" in reports[0]
    assert reports[1].startswith("vivid-tiny") and "layout vivid" in reports[1]
