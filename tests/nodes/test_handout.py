"""A frame goes out to nodes of ComfyUI's own and comes back, in a real ComfyUI."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ..comfyui import ComfyServer, Graph

SIZE, FRAME = 64, 2


@pytest.fixture
def graph() -> Graph:
    """Frame 2 goes out and straight back; frame, its mask and what came back are saved."""
    clip = {
        "scene": "moving shapes",
        "seed": 3,
        "width": SIZE,
        "height": SIZE,
        "length": 5,
        "fps": 8,
    }
    wish = {"frame": FRAME, "part": "around the mask", "context": 0.5, "megapixels": 0.05}
    out = wish | {"multiple": 16, "grow": 2, "video": ["1", 2], "mask": ["1", 1]}
    return {
        "1": {"class_type": "Vivid_SampleClip", "inputs": clip},
        "2": {"class_type": "Vivid_FrameForEditing", "inputs": out},
        "3": {
            "class_type": "Vivid_UseKeyframe",
            "inputs": {"image": ["2", 0], "frame": 0, "crop": ["2", 2]},
        },
        "4": {"class_type": "MaskToImage", "inputs": {"mask": ["2", 4]}},
        **{
            key: {
                "class_type": "SaveImage",
                "inputs": {"images": images, "filename_prefix": f"handout_{key}"},
            }
            for key, images in (("91", ["2", 3]), ("92", ["4", 0]), ("93", ["3", 1]))
        },
    }


def saved(comfy: ComfyServer, graph: Graph) -> list[np.ndarray]:
    """The frame, its mask, and the frame that came back."""
    ended = comfy.run(graph)
    assert (ended.status, ended.error) == ("success", "")
    found = []
    for key in ("91", "92", "93"):
        (place,) = ended.outputs[key]["images"]
        found.append(np.asarray(Image.open(io.BytesIO(comfy.file(place))).convert("RGB")))
    return found


def test_an_untouched_frame_comes_back_as_it_was(comfy: ComfyServer, graph: Graph) -> None:
    before, _, after = saved(comfy, graph)
    assert (before == after).all()


def edited(graph: Graph, kind: str, **inputs: Any) -> None:
    """A node of ComfyUI's own edits the picture."""
    graph["5"] = {"class_type": kind, "inputs": {"image": ["2", 0]} | inputs}
    graph["3"]["inputs"]["image"] = ["5", 0]


def test_an_edit_stays_inside_the_mask(comfy: ComfyServer, graph: Graph) -> None:
    edited(graph, "ImageInvert")
    before, mask, after = saved(comfy, graph)
    inside = mask[..., 0] > 127
    changed = (before != after).any(axis=2)
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.9


def test_another_picture_is_refused(comfy: ComfyServer, graph: Graph) -> None:
    size = {"width": 300, "height": 100, "upscale_method": "bilinear", "crop": "disabled"}
    edited(graph, "ImageScale", **size)
    ended = comfy.run(graph)
    assert (ended.status, ended.node) == ("error", "Vivid_UseKeyframe")
    assert "image: is 300x100, the crop was handed out at" in ended.error
