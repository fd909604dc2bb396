"""Vivid Measure Edit in a real ComfyUI: figures on the node and as JSON, errors at their input."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from ..comfyui import ComfyServer, Graph, Rejected
from ..tiny_clip import save_tiny_clip

SEED, SIZE, FRAMES = 1_000_014, 64, 9
FOLDER = "clip_vision/tiny-clip"
MEASURE, WORDS = "5", "6"


def sample(scene: str, **changes: int) -> dict[str, Any]:
    inputs = {"scene": scene, "seed": SEED, "width": SIZE, "height": SIZE}
    return {
        "class_type": "Vivid_SampleClip",
        "inputs": inputs | {"length": FRAMES, "fps": 8} | changes,
    }


def graph(**changes: Any) -> Graph:
    """A shape filled with background, and the scene without that shape as the truth."""
    fill = {"video": ["1", 0], "mask": ["1", 1], "reach": 0, "rest": "classical"}
    inputs = {
        "source": ["1", 0],
        "edit": ["3", 0],
        "mask": ["1", 1],
        "task": "delete",
        "caption": "",
        "clip_model": "none",
        "fps": 8.0,
        "truth": ["2", 0],
    } | changes
    return {
        "1": sample("moving shapes"),
        "2": sample("moving shapes, target removed"),
        "3": {"class_type": "Vivid_FillBackground", "inputs": fill},
        MEASURE: {"class_type": "Vivid_MeasureEdit", "inputs": inputs},
        WORDS: {"class_type": "PreviewAny", "inputs": {"source": [MEASURE, 1]}},
    }


def figures(comfy: ComfyServer, **changes: Any) -> dict[str, Any]:
    run = comfy.run(graph(**changes))
    assert (run.status, run.error) == ("success", "")
    (clip,) = json.loads(run.outputs[WORDS]["text"][0])["clips"]
    (report,) = run.outputs[MEASURE]["text"]
    assert all(name in report for name in clip["figures"])
    return clip["figures"]


def test_an_edit_is_measured_without_weights(comfy: ComfyServer) -> None:
    found = figures(comfy)
    assert found["BP"] == 0
    assert found["PSNR"] > 15 and 0 < found["SSIM"] <= 1
    assert "needs a CLIP model" in found["TC"]["not measured"]


def test_a_clip_model_is_chosen_from_its_folder(comfy: ComfyServer) -> None:
    folder = comfy.base / "models" / FOLDER
    save_tiny_clip(folder)
    try:
        found = figures(comfy, clip_model=FOLDER, task="modify", caption="a red ball")
        assert 0 <= found["TA"] <= 100 and found["TC"] > 50
        assert found["TC at 7.5 fps"] > 50
        slow = figures(comfy, clip_model=FOLDER, fps=6.0)
        assert "gives no 7.5 a second" in slow["TC at 7.5 fps"]["not measured"]
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edit": ["4", 0]}, "edit: is 5 frames of 64x64, the source 9 of 64x64"),
        ({"truth": ["4", 0]}, "truth: is 5 frames of 64x64, the source 9 of 64x64"),
        ({"mask": ["4", 1]}, "mask: has 5 frames but the clip has 9"),
        ({"task": "modify"}, "caption: is empty"),
    ],
)
def test_what_does_not_fit_is_named(comfy: ComfyServer, changes: Any, words: str) -> None:
    other = {"4": sample("moving shapes", length=5)}
    run = comfy.run(graph(**changes) | other)
    assert (run.status, run.node) == ("error", "Vivid_MeasureEdit")
    assert run.error.startswith(words)


def test_a_clip_model_that_is_not_there_is_refused_before_the_run(comfy: ComfyServer) -> None:
    with pytest.raises(Rejected) as refused:
        comfy.queue(graph(clip_model="clip_vision/gone"))
    assert any("was not found: put it into models/clip_vision" in e for e in refused.value.errors)
