"""A video file edited in windows in a real ComfyUI: sound, length, journal, stop and go on."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from vivid_core.media import frame_times, read_clip, read_info, write_clip
from vivid_core.tiny.scenes.shapes import draw_scene

from ..comfyui import ComfyServer, Graph, wait_until
from .conftest import STEPS, find, set_inputs

NODE = "Vivid_EditLongVideo"
FRAMES, SIZE, RATE = 40, 64, Fraction(30000, 1001)


@pytest.fixture
def graph(repository: Path) -> Graph:
    """The bundled workflow, shorter, with few steps."""
    path = repository / "workflows" / "api" / "vivid_long_video.json"
    graph: Graph = json.loads(path.read_text(encoding="utf-8"))
    set_inputs(graph, "Vivid_SampleClip", length=FRAMES)
    set_inputs(graph, NODE, steps=STEPS, guidance=1.0)
    return graph


def with_file(comfy: ComfyServer, graph: Graph, name: str) -> Graph:
    """The graph with a video file that has sound, at 29.97 frames a second."""
    frames = torch.from_numpy(draw_scene(7, frames=FRAMES, height=SIZE, width=SIZE).background())
    folder = comfy.base / "input"
    folder.mkdir(exist_ok=True)
    sound = folder / f"{name}_sound.mkv"
    write_sound(sound, seconds=float(FRAMES / RATE))
    write_clip(folder / f"{name}.mp4", frames, fps=RATE, audio_from=sound)
    graph["40"] = {"class_type": "LoadVideo", "inputs": {"file": f"{name}.mp4"}}
    set_inputs(graph, NODE, video=["40", 0], filename_prefix=f"vivid/{name}")
    set_inputs(graph, "Vivid_CompareEdit", source=["40", 0])
    return graph


def write_sound(path: Path, seconds: float) -> None:
    rate = 16_000
    samples = np.sin(np.arange(int(rate * seconds)) * 0.2).astype(np.float32)[None]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def written(comfy: ComfyServer, graph: Graph, outputs: dict[str, dict[str, Any]]) -> Path:
    line = outputs[find(graph, NODE)]["text"][0].splitlines()[-1]
    return comfy.base / "output" / line.removeprefix("written: ")


def test_a_clip_in_memory_is_edited_and_lossless_outside(comfy: ComfyServer, graph: Graph) -> None:
    set_inputs(graph, NODE, save_mask=True)
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    view = run.outputs[find(graph, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert (view["total"], view["measures"]["outside"]) == (FRAMES, 0)
    assert view["measures"]["inside_max"] > 1
    assert "3 window(s) of time" in run.outputs[find(graph, NODE)]["text"][0]
    path = written(comfy, graph, run.outputs)
    assert read_info(path).frame_count == FRAMES
    edit, mask = run.outputs[find(graph, NODE)]["video"]  # every file that was written
    assert comfy.file(edit) == path.read_bytes()
    effective = read_clip(io.BytesIO(comfy.file(mask))).frames
    assert effective.unique().tolist() == [0, 1] and len(effective) == FRAMES
    (preview,) = run.outputs[find(graph, NODE)]["images"]  # what browsers can show
    assert preview["type"] == "temp" and preview["filename"].endswith(".webp")


def test_sound_length_and_rate_are_the_sources(comfy: ComfyServer, graph: Graph) -> None:
    graph = with_file(comfy, graph, "sound")
    set_inputs(graph, NODE, format="mp4 (H.264)")
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    place = run.outputs[find(graph, NODE)]["images"][0]
    assert place["filename"].endswith(".mp4") and comfy.file(place)
    source, edit = comfy.base / "input" / "sound.mp4", written(comfy, graph, run.outputs)
    assert read_info(edit).fps == read_info(source).fps
    assert list(frame_times(edit)) == list(frame_times(source))  # the end of the last one too
    with av.open(str(edit)) as container:
        assert len(container.streams.audio) == 1


def test_a_changed_caption_makes_only_what_follows_again(comfy: ComfyServer, graph: Graph) -> None:
    graph = with_file(comfy, graph, "captions")
    set_inputs(graph, NODE, caption="a red circle", later_captions="30: a green star")
    assert comfy.run(graph).status == "success"
    set_inputs(graph, NODE, later_captions="30: a blue square")
    text = comfy.run(graph).outputs[find(graph, NODE)]["text"][0]
    assert "2 window(s) were finished by an earlier run" in text


def test_what_was_stopped_goes_on_and_gives_the_same_file(comfy: ComfyServer, graph: Graph) -> None:
    graph = with_file(comfy, graph, "stopped")
    set_inputs(graph, NODE, seed=5, steps=16)
    folder = comfy.base / "output" / "vivid" / "long"
    before = set(folder.glob("*/windows/*.json"))
    prompt = comfy.queue(graph)
    wait_until(lambda: set(folder.glob("*/windows/*.json")) - before, 120, "a window is finished")
    comfy.post("/interrupt", {})
    run = comfy.wait(prompt)
    assert (run.status, run.node) == ("interrupted", NODE)
    (window, *_) = set(folder.glob("*/windows/*.json")) - before
    assert 0 < read_info(window.parents[1] / "partial.mkv").frame_count < FRAMES
    resumed = comfy.run(graph)
    assert "finished by an earlier run" in resumed.outputs[find(graph, NODE)]["text"][0]
    first = read_clip(written(comfy, graph, resumed.outputs)).frames
    apart = renamed(graph, find(graph, NODE), "unstopped")
    set_inputs(apart, NODE, filename_prefix="vivid/unstopped")  # else ComfyUI takes the first's
    whole = comfy.run(apart)
    assert "finished by an earlier run" not in whole.outputs["unstopped"]["text"][0]
    assert torch.equal(first, read_clip(written(comfy, apart, whole.outputs)).frames)


def renamed(graph: Graph, node: str, name: str) -> Graph:
    """The graph with another id for a node, which then has a journal of its own."""
    changed: Graph = json.loads(json.dumps(graph).replace(f'["{node}", ', f'["{name}", '))
    changed[name] = changed.pop(node)
    return changed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"later_captions": "soon: a car"}, "is not FRAME: CAPTION"),
        ({"task": "delete", "fill": "off", "rest": "leave"}, "'leave' with fill 'off'"),
    ],
)
def test_bad_values_are_named(
    comfy: ComfyServer, graph: Graph, changes: dict[str, str], words: str
) -> None:
    set_inputs(graph, NODE, **changes)
    ended = comfy.run(graph)
    assert (ended.status, ended.node) == ("error", NODE)
    assert words in ended.error
