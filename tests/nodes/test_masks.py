"""Masks that follow things and the background, through a real ComfyUI."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vivid_core.flow.raft import build_raft
from vivid_core.tiny.scenes.shapes import draw_scene
from vivid_core.track.sam2_keys import HieraSize, hiera_config
from vivid_core.track.store import StoredTrack

from ..comfyui import ComfyServer, Graph, Rejected

SEED, SIZE, FRAMES = 1_000_014, 128, 17
TRACKER = "21"  # no workflow has it: its folder on the shared server is ours alone


def scene() -> Any:
    return draw_scene(SEED, frames=FRAMES, height=SIZE, width=SIZE)


def sample(kind: str = "moving shapes") -> Graph:
    inputs = {"scene": kind, "seed": SEED, "width": SIZE, "height": SIZE}
    return {
        "1": {
            "class_type": "Vivid_SampleClip",
            "inputs": inputs | {"length": FRAMES, "fps": 8},
        }
    }


def tracking(prompts: str) -> Graph:
    inputs = {"video": ["1", 0], "prompts": prompts, "mask_frame": 0}
    return sample() | {TRACKER: {"class_type": "Vivid_TrackObject", "inputs": inputs}}


def click(frame: int = 0, size: int = SIZE) -> str:
    """A point in the middle of the target, where the editor would put it."""
    rows, columns = np.nonzero(scene().mask()[0] > 0.9)
    middle = len(rows) // 2
    point = [float(columns[middle]), float(rows[middle]), 1]
    return json.dumps(
        {
            "version": 1,
            "size": [size, size],
            "objects": [{"id": 1, "name": "", "frames": {str(frame): {"points": [point]}}}],
        }
    )


def test_without_prompts_the_frames_are_shown_and_what_to_do(comfy: ComfyServer) -> None:
    run = comfy.run(tracking(""))
    shown = run.outputs[TRACKER]["vivid_frames"][0]
    assert len(shown["files"]) == FRAMES and shown["overlays"] == []
    assert (shown["width"], shown["height"]) == (SIZE, SIZE)
    assert comfy.file(shown | {"filename": shown["files"][-1]})[:2] == b"\xff\xd8"
    assert "click on the thing" in run.outputs[TRACKER]["text"][0]


def test_a_click_becomes_a_mask_on_every_frame(comfy: ComfyServer) -> None:
    graph = tracking(click())
    inputs = {
        "video": ["1", 0],
        "mask": [TRACKER, 1],
        "color": "red",
        "opacity": 0.5,
        "outline": True,
    }
    graph["3"] = {"class_type": "Vivid_OverlayMask", "inputs": inputs}
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    assert "object 1: found on 17 of 17" in run.outputs[TRACKER]["text"][0]
    assert len(run.outputs[TRACKER]["vivid_frames"][0]["overlays"]) == FRAMES
    (folder,) = (comfy.base / "output" / "vivid" / "tracks").glob(f"*_flow_{TRACKER}")
    found, truth = StoredTrack.open(folder).read().numpy() > 0.5, scene().mask() > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.8


def test_damaged_prompts_are_refused_before_anything_runs(comfy: ComfyServer) -> None:
    for text, words in (
        ("{", "prompts: the text is no JSON"),
        ('{"objects": []}', "name no object"),
    ):
        with pytest.raises(Rejected) as refused:
            comfy.queue(tracking(text))
        assert words in "\n".join(refused.value.errors)


def test_prompts_of_another_clip_wait_for_a_decision(comfy: ComfyServer) -> None:
    """Nothing fails: the frames are there, and the node says what to do."""
    for text, words in (
        (click(frame=99), "up to frame 99, this clip has frames 0 to 16"),
        (click(size=256), "frames of 256x256, this clip is 128x128"),
    ):
        graph = tracking(text)
        graph["3"] = {"class_type": "MaskToImage", "inputs": {"mask": [TRACKER, 0]}}
        graph["4"] = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
        run = comfy.run(graph)
        assert (run.status, run.error) == ("success", "")
        assert words in run.outputs[TRACKER]["text"][0]
        assert len(run.outputs[TRACKER]["vivid_frames"][0]["files"]) == FRAMES
        assert "4" not in run.outputs


def ellipse(**changes: Any) -> dict[str, Any]:
    inputs = {
        "width": SIZE,
        "height": SIZE,
        "length": FRAMES,
        "shape": "ellipse",
        "size_x": 0.2,
        "size_y": 0.3,
        "path": '[{"frame": 0, "x": 0.25, "y": 0.25}]',
        "ease": "linear",
        "follow": "nothing",
        "frames": "0",
    }
    return {"class_type": "Vivid_AnimateMask", "inputs": inputs | changes}


def patch() -> dict[str, Any]:
    inputs = {"video": ["1", 0], "mask": ["6", 0], "keyframe": 0, "method": "background"}
    return {"class_type": "Vivid_PropagateBackgroundMask", "inputs": inputs}


def shown(mask: list[Any]) -> dict[str, Any]:
    inputs = {"video": ["1", 0], "mask": mask, "color": "red", "opacity": 0.5, "outline": True}
    return {"class_type": "Vivid_OverlayMask", "inputs": inputs}


def with_tracker(**inputs: str) -> Graph:
    """Tracking by a loaded engine, from the sample's own mask."""
    graph = tracking("")
    graph["3"] = {"class_type": "Vivid_LoadTracker", "inputs": inputs}
    graph[TRACKER]["inputs"] |= {"tracker": ["3", 0], "mask": ["1", 1]}
    return graph


def with_flow(**inputs: str) -> Graph:
    """A patch that a loaded engine's flow carries on."""
    graph = sample() | {"6": ellipse(length=1), "4": patch(), "5": shown(["4", 0])}
    graph["3"] = {"class_type": "Vivid_LoadFlow", "inputs": inputs}
    graph["4"]["inputs"] |= {"flow": ["3", 0], "method": "dense"}
    return graph


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (with_tracker(engine="sam2", weights="sam2/gone.pt"), "'sam2/gone.pt' was not found"),
        (with_flow(engine="raft", weights="gone.pth"), "weights: 'gone.pth' was not found"),
    ],
)
def test_weights_that_are_not_there(comfy: ComfyServer, graph: Graph, words: str) -> None:
    with pytest.raises(Rejected) as refused:
        comfy.queue(graph)
    [error] = refused.value.errors
    assert words in error


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (
            with_tracker(engine="sam2", weights="none"),
            "weights: sam2 needs some: put a checkpoint into models/sam2",
        ),
        (
            with_flow(engine="raft", weights="none"),
            "weights: raft needs some: put raft_large into models/optical_flow",
        ),
    ],
)
def test_engines_that_lack_their_weights(comfy: ComfyServer, graph: Graph, words: str) -> None:
    run = comfy.run(graph)
    assert run.status == "error" and words in run.error


@pytest.fixture(scope="module")
def sam2(comfy: ComfyServer) -> str:
    """A small SAM 2 of random weights in ComfyUI's models, as the loader names it."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    size = HieraSize(name="test", heads=1, windows=(8, 4, 4, 4), global_blocks=(4,))
    shapes = {
        "image_encoder.trunk.pos_embed": (1, 16, 7, 7),
        "no_mem_embed": (1, 1, 128),
        "maskmem_tpos_enc": (7, 1, 1, 64),
    }
    config = hiera_config(size, width=16, stages=(1, 2, 2, 1), shapes=shapes, side=128)
    torch.manual_seed(0)
    model = Sam2VideoModel(Sam2VideoConfig(**config))
    model.save_pretrained(comfy.base / "models" / "sam2" / "small")
    return "sam2/small"


@pytest.fixture(scope="module")
def raft(comfy: ComfyServer) -> str:
    """A small RAFT of random weights there."""
    torch.manual_seed(0)
    folder = comfy.base / "models" / "optical_flow"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(build_raft("tiny").state_dict(), folder / "small.safetensors")
    return "optical_flow/small.safetensors"


def test_sam2_is_loaded_and_follows(comfy: ComfyServer, sam2: str) -> None:
    run = comfy.run(with_tracker(engine="sam2", weights=sam2))
    assert (run.status, run.error) == ("success", "")
    (folder,) = (comfy.base / "output" / "vivid" / "tracks").glob(f"*_sam2_{TRACKER}")
    track = StoredTrack.open(folder)
    assert track.header.complete and len(track) == FRAMES
    # Weights that learned nothing still keep the mask that they are given.
    found, truth = track.read().numpy()[0] > 0.5, scene().mask()[0] > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.9


def test_raft_is_loaded_and_carries_the_patch(comfy: ComfyServer, raft: str) -> None:
    run = comfy.run(with_flow(engine="raft", weights=raft))
    assert (run.status, run.error) == ("success", "")
    known = comfy.run(with_flow(engine="dis", weights="none"))
    # Weights that learned nothing move the patch differently.
    assert run.outputs["4"]["text"] != known.outputs["4"]["text"]


def test_engines_without_weights_take_none(comfy: ComfyServer, sam2: str, raft: str) -> None:
    for graph, words in (
        (with_tracker(engine="flow", weights=sam2), "weights: flow takes none"),
        (with_flow(engine="dis", weights=raft), "weights: dis takes none"),
    ):
        run = comfy.run(graph)
        assert run.status == "error" and words in run.error


def test_a_patch_stays_on_the_background(comfy: ComfyServer) -> None:
    graph = sample() | {"6": ellipse(length=1), "4": patch(), "5": shown(["4", 0])}
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    assert run.outputs["4"]["text"][0].startswith("confidence: ")


def test_background_is_filled_and_the_rest_is_named(comfy: ComfyServer) -> None:
    graph = sample()
    inputs = {"video": ["1", 0], "mask": ["1", 1], "reach": 0}
    graph["2"] = {"class_type": "Vivid_FillBackground", "inputs": inputs}
    graph["3"] = shown(["2", 1])
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    assert "of the mask from other frames" in run.outputs["2"]["text"][0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "{"}, "path: the text is no JSON"),
    ],
)
def test_animations_are_checked_before_anything_runs(
    comfy: ComfyServer, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(Rejected) as refused:
        comfy.queue(sample() | {"6": ellipse(**changes), "5": shown(["6", 0])})
    assert words in "\n".join(refused.value.errors)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"follow": "background"}, "video: connect the clip"),
        ({"follow": "mask"}, "follow_mask: connect the mask"),
        ({"shape": "painted"}, "masks: the shape 'painted' needs one"),
        ({"frames": "0, x"}, "frames: is '0, x'"),
        ({"path": '[{"frame": 99, "x": 0.5, "y": 0.5}]'}, "frame 99 is outside the clip"),
    ],
)
def test_what_an_animation_lacks_is_named(
    comfy: ComfyServer, changes: dict[str, str], words: str
) -> None:
    run = comfy.run(sample() | {"6": ellipse(**changes), "5": shown(["6", 0])})
    assert (run.status, run.node) == ("error", "Vivid_AnimateMask")
    assert words in run.error


def test_a_path_follows_background_and_mask(comfy: ComfyServer) -> None:
    for follow in ("background", "mask"):
        mask = ellipse(follow=follow)
        mask["inputs"] |= {"video": ["1", 0], "follow_mask": ["1", 1]}
        run = comfy.run(sample() | {"6": mask, "5": shown(["6", 0])})
        assert (run.status, run.error) == ("success", "")
        assert len(run.outputs["6"]["vivid_frames"][0]["files"]) == FRAMES


def test_fill_is_for_deleting(comfy: ComfyServer, edit_graph: Graph) -> None:
    from .conftest import find, set_inputs

    set_inputs(edit_graph, "Vivid_EditVideo", fill="auto")
    run = comfy.run(edit_graph)
    assert (run.status, run.error) == ("success", "")
    view = run.outputs[find(edit_graph, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert view["measures"]["outside"] == 0
    set_inputs(edit_graph, "Vivid_EditVideo", task="delete", fill="off", rest="leave")
    run = comfy.run(edit_graph)
    assert run.status == "error" and "'leave' with fill 'off'" in run.error
