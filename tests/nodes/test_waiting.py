"""Nodes that wait for a decision: nothing fails, what follows does not run, the node says it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from vivid_core.keyframe.library import CandidateLibrary, picture_digest

from ..comfyui import ComfyServer, Graph, Run

SIZE, FRAMES = 64, 9
NODE, END = "40", "42"  # the node that waits, and one that follows
GONE = "0123456789abcdef"


def clip() -> Graph:
    inputs = {"scene": "moving shapes", "seed": 5, "width": SIZE, "height": SIZE}
    return {
        "1": {"class_type": "Vivid_SampleClip", "inputs": inputs | {"length": FRAMES, "fps": 8}},
        # Solid masks of other sizes and none.
        "2": solid(0.0, SIZE),
        "3": solid(1.0, SIZE // 2),
        "4": solid(1.0, SIZE),
    }


def solid(value: float, side: int) -> dict[str, Any]:
    return {"class_type": "SolidMask", "inputs": {"value": value, "width": side, "height": side}}


def with_end(node: dict[str, Any], *, output: int, mask: bool) -> Graph:
    """A node, and a preview of one of its outputs."""
    graph, source = clip() | {NODE: node}, [NODE, output]
    if mask:
        graph["41"] = {"class_type": "MaskToImage", "inputs": {"mask": source}}
        source = ["41", 0]
    return graph | {END: {"class_type": "PreviewImage", "inputs": {"images": source}}}


def track(prompts: str = "", **inputs: Any) -> Graph:
    known = {"video": ["1", 0], "prompts": prompts, "mask_frame": 0}
    node = {"class_type": "Vivid_TrackObject", "inputs": known | inputs}
    return with_end(node, output=0, mask=True)


def at(x: float, y: float) -> str:
    frames = {"0": {"points": [[x, y, 1]]}}
    return json.dumps({"objects": [{"id": 1, "name": "", "frames": frames}]})


def propagate(mask: str, keyframe: int = 0) -> Graph:
    inputs = {"video": ["1", 0], "mask": [mask, 0], "keyframe": keyframe, "method": "background"}
    node = {"class_type": "Vivid_PropagateBackgroundMask", "inputs": inputs}
    return with_end(node, output=0, mask=True)


def pick(choice: str) -> Graph:
    inputs = {"candidates": ["1", 0], "choice": choice, "frame": 0}
    return with_end({"class_type": "Vivid_PickKeyframe", "inputs": inputs}, output=1, mask=False)


def said(run: Run) -> str:
    """What the node says that waits."""
    assert (run.status, run.error) == ("success", "")
    assert END not in run.outputs
    return run.outputs[NODE]["text"][0]


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (track(), "does not know yet what to follow"),
        (track(at(200, 5)), "the point (200, 5) lies outside the 64x64 frame"),
        (track(mask=["4", 0], mask_frame=FRAMES), "mask_frame: is 9, but the clip has frames 0 to"),
        (track(mask=["3", 0]), "the mask is 32x32, the clip is 64x64"),
        (track(mask=["2", 0]), "mask: is empty"),
        (propagate("4", keyframe=FRAMES), "its keyframe is 9, this clip has frames 0 to 8"),
        (propagate("3"), "the mask is 32x32, this clip is 64x64"),
        (propagate("2"), "the mask is empty. Paint the patch white"),
        (pick(""), "does not know yet which picture to go on with"),
        (pick(f"{GONE} seed 7"), f"the picture {GONE} is neither among these nor kept on disk"),
        (pick(str(FRAMES + 1)), "is 10, there are pictures 1 to 9"),
    ],
)
def test_a_decision_is_awaited(comfy: ComfyServer, graph: Graph, words: str) -> None:
    run = comfy.run(graph)
    assert words in said(run)
    shown = run.outputs[NODE]
    assert {"vivid_frames", "vivid_gallery", "images"} & shown.keys()  # something to decide on
    assert words in comfy.log


def test_a_candidate_of_another_clip_is_not_used(comfy: ComfyServer) -> None:
    class Made:
        caption, seed = "a red circle", 7

        def __init__(self, side: int) -> None:
            self.pixels = torch.full((side, side, 3), 0.25)

    other = Made(SIZE // 2)
    library = CandidateLibrary(comfy.base / "output" / "vivid" / "keyframes")
    library.keep("0011223344556677_9", [other], frame=3, task="add")
    run = comfy.run(pick(picture_digest(other.pixels)))
    assert "the chosen picture was made for another clip" in said(run)
    assert len(run.outputs[NODE]["vivid_gallery"][0]["current"]) == FRAMES


def test_once_decided_it_runs(comfy: ComfyServer) -> None:
    for graph in (track(mask=["4", 0]), propagate("4"), pick("2")):
        run = comfy.run(graph)
        assert (run.status, run.error) == ("success", "")
        assert END in run.outputs
