"""Graphs that run in a real ComfyUI: every bundled workflow, VIDEO inputs, the stop button."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vivid_core.media import read_clip

from ..comfyui import ComfyServer, Graph, wait_until
from ..pictures import UPDATE, draw_thumbnail
from .conftest import STEPS, find, set_inputs

FRAMES = 17
STOP_SECONDS = 15  # a step of vivid-tiny takes well under one, on a machine that is busy a few


@pytest.mark.parametrize(
    "name",
    [
        "vivid_add_object",
        "vivid_change_object",
        "vivid_remove_object",
        "vivid_static_patch",
        "vivid_track_and_remove",
    ],
)
def test_bundled_workflow_runs(comfy: ComfyServer, repository: Path, name: str) -> None:
    path = repository / "workflows" / "api" / f"{name}.json"
    graph = json.loads(path.read_text(encoding="utf-8"))
    set_inputs(graph, "Vivid_EditVideo", steps=STEPS)
    set_inputs(graph, "Vivid_SampleClip", length=FRAMES)
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    assert "outside the mask: max difference 0" in report(run.outputs, graph)
    view = run.outputs[find(graph, "Vivid_CompareEdit")]
    assert view["vivid_compare"][0]["measures"]["outside"] == 0
    assert view["vivid_compare"][0]["measures"]["inside_max"] > 1
    sheet = Image.open(io.BytesIO(comfy.file(view["images"][0])))
    assert sheet.width > 6 * 64 and view["images"][0]["type"] == "output"
    video = comfy.file(run.outputs[find(graph, "SaveVideo")]["images"][0])
    clip = read_clip(io.BytesIO(video))
    asked = graph[find(graph, "Vivid_SampleClip")]["inputs"]
    size = (asked["height"], asked["width"])
    assert (len(clip), clip.size, clip.fps) == (asked["length"], size, asked["fps"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vivid_edit_by_instruction", "Vivid_EditByInstruction"),
        ("vivid_sweep_and_screen", "Vivid_SweepGuidance"),
    ],
)
def test_instructions_change_a_clip(
    comfy: ComfyServer, repository: Path, name: str, kind: str
) -> None:
    """UPDATE_THUMBNAILS=1 draws their pictures anew, with all steps."""
    path = repository / "workflows" / "api" / f"{name}.json"
    graph = json.loads(path.read_text(encoding="utf-8"))
    if not UPDATE:
        set_inputs(graph, kind, steps=STEPS)
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    view = run.outputs[find(graph, "Vivid_CompareEdit")]
    assert view["vivid_compare"][0]["measures"]["inside_max"] > 1
    if UPDATE:
        share = 0.0 if kind == "Vivid_SweepGuidance" else 0.5  # the frame that was chosen
        picture = repository / "workflows" / f"{name}.jpg"
        draw_thumbnail(comfy, view["vivid_compare"][0], picture, share=share)
    video = comfy.file(run.outputs[find(graph, "SaveVideo")]["images"][0])
    assert len(read_clip(io.BytesIO(video))) == FRAMES


@pytest.mark.parametrize("name", ["vivid_core_model_remove", "vivid_core_model_keyframe_loop"])
def test_workflows_of_core_models_run_with_vivid_tiny_in_their_place(
    comfy: ComfyServer, repository: Path, edit_graph: Graph, name: str
) -> None:
    """UPDATE_THUMBNAILS=1 draws their pictures anew, of the whole clip with all steps."""
    path = repository / "workflows" / "api" / f"{name}.json"
    graph = json.loads(path.read_text(encoding="utf-8"))
    for kind in ("UNETLoader", "CLIPLoader", "VAELoader"):
        graph.pop(find(graph, kind))
    place = find(graph, "Vivid_UseCoreModel")
    graph[place] = edit_graph[find(edit_graph, "Vivid_LoadModel")]
    if not UPDATE:
        set_inputs(graph, "Vivid_SampleClip", length=5)
    for node in graph.values():
        if "steps" in node["inputs"] and not UPDATE:
            node["inputs"]["steps"] = STEPS
        if "captions" in node["inputs"]:
            node["inputs"].update(captions="a large purple square", candidates=1)
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    view = run.outputs[find(graph, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert view["measures"]["outside"] == 0 and view["measures"]["inside_max"] > 1
    if UPDATE:
        draw_thumbnail(comfy, view, repository / "workflows" / f"{name}.jpg")


def test_view_is_lossless_and_equal_outside_the_mask(comfy: ComfyServer, edit_graph: Graph) -> None:
    run = comfy.run(edit_graph)
    view = run.outputs[find(edit_graph, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert len(view["files"]) == view["total"] == FRAMES
    for name in (view["files"][0], view["files"][-1]):
        source, edit, mask = panels(comfy.file(view | {"filename": name}))
        assert (source[mask == 0] == edit[mask == 0]).all()
        assert (source[mask == 255] != edit[mask == 255]).any()


def test_video_input_and_one_mask_for_all_frames(comfy: ComfyServer, edit_graph: Graph) -> None:
    graph = edit_graph
    clip = find(graph, "Vivid_SampleClip")
    graph.pop(find(graph, "Vivid_OverlayMask"))
    graph["91"] = {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 64, "height": 64}}
    set_inputs(graph, "Vivid_EditVideo", video=[clip, 2], mask=["91", 0])
    set_inputs(graph, "Vivid_CompareEdit", source=[clip, 2])
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    assert "the mask selects 100% of the clip" in report(run.outputs, graph)
    view = run.outputs[find(graph, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert (view["total"], view["measures"]["outside"]) == (FRAMES, 0)


def test_video_file_is_read_as_it_was_saved(comfy: ComfyServer, edit_graph: Graph) -> None:
    """A VIDEO from a file: saved by one graph, loaded by the next."""
    graph = edit_graph
    clip = {"scene": "moving shapes", "seed": 7, "width": 64, "height": 64, "length": 5, "fps": 8}
    sample: Graph = {
        "1": {"class_type": "Vivid_SampleClip", "inputs": clip},
        "2": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["1", 2], "filename_prefix": "sample"}
            | {"format": "auto", "codec": "auto", "format.codec": "auto"},
        },
    }
    saved = comfy.run(sample).outputs["2"]["images"][0]
    (comfy.base / "input" / "sample.mp4").write_bytes(comfy.file(saved))
    graph["90"] = {"class_type": "LoadVideo", "inputs": {"file": "sample.mp4"}}
    set_inputs(graph, "Vivid_SampleClip", **clip)
    set_inputs(graph, "Vivid_EditVideo", video=["90", 0])
    set_inputs(graph, "Vivid_CompareEdit", source=["90", 0])
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    view = run.outputs[find(graph, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert (view["total"], view["measures"]["outside"]) == (5, 0)


def test_same_seed_gives_the_same_pixels_whatever_ran_before(
    comfy: ComfyServer, edit_graph: Graph
) -> None:
    def pixels(seed: int, negative: str) -> np.ndarray:
        set_inputs(edit_graph, "Vivid_EditVideo", seed=seed, negative=negative, guidance=1.0)
        view = comfy.run(edit_graph).outputs[find(edit_graph, "Vivid_CompareEdit")]
        place = view["vivid_compare"][0]
        return panels(comfy.file(place | {"filename": place["files"][3]}))[1]

    # At guidance 1 the negative caption is not read; it only makes ComfyUI run the node again.
    first, other, again = pixels(5, "red"), pixels(6, "red"), pixels(5, "blue")
    assert (first == again).all()
    assert (first != other).any()


def test_stop_button_stops_within_a_step(comfy: ComfyServer, edit_graph: Graph) -> None:
    assert comfy.run(edit_graph).status == "success"
    set_inputs(edit_graph, "Vivid_EditVideo", steps=1000, seed=11)
    prompt = comfy.queue(edit_graph)
    wait_until(lambda: comfy.get("/queue")["queue_running"], 30, "the edit runs")
    time.sleep(3)
    stopped = time.monotonic()
    comfy.post("/interrupt", {})
    run = comfy.wait(prompt)
    assert (run.status, run.node) == ("interrupted", "Vivid_EditVideo")
    assert time.monotonic() - stopped < STOP_SECONDS
    set_inputs(edit_graph, "Vivid_EditVideo", steps=STEPS, seed=12)
    assert comfy.run(edit_graph).status == "success"


def report(outputs: dict[str, dict[str, Any]], graph: Graph) -> str:
    return outputs[find(graph, "Vivid_EditVideo")]["text"][0]


def panels(file: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source, edit, and one channel of the mask of a picture of the view."""
    stack = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    source, edit, mask = np.split(stack, 3)
    return source, edit, mask[..., 0]
