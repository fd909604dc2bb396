"""VIDEO in, VIDEO out in a real ComfyUI: what Save Video makes of an edit."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vivid_core.media import (
    Sound,
    frame_times,
    read_info,
    read_sound,
    write_clip,
    write_sound,
)
from vivid_core.tiny.scenes.shapes import draw_scene

from ..comfyui import ComfyServer, Graph
from .conftest import find, set_inputs

FRAMES, SIZE = 9, 64
UNEVEN = [Fraction(n * 40 + 200 * (n > 4), 1000) for n in range(FRAMES + 1)]
SAVED = {"format": "auto", "codec": "auto", "format.codec": "auto"}


def with_file(comfy: ComfyServer, graph: Graph, name: str, pts: list[Fraction] | None) -> Graph:
    """The removal workflow on a file with sound, with a VIDEO at its end."""
    folder = comfy.base / "input"
    folder.mkdir(exist_ok=True)
    write_sound(folder / "sound.mkv", Sound(samples=torch.rand(2, 16_000) - 0.5, rate=16_000))
    frames = torch.from_numpy(draw_scene(7, frames=FRAMES, height=SIZE, width=SIZE).render())
    write_clip(
        folder / name, frames, fps=Fraction(25), pts=pts, audio_from=folder / "sound.mkv", crf=0
    )
    graph["90"] = {"class_type": "LoadVideo", "inputs": {"file": name}}
    set_inputs(graph, "Vivid_SampleClip", seed=7, length=FRAMES)
    set_inputs(graph, "Vivid_EditVideo", video=["90", 0])
    set_inputs(graph, "Vivid_CompareEdit", source=["90", 0])
    edit = find(graph, "Vivid_EditVideo")
    graph["91"] = {
        "class_type": "SaveVideo",
        "inputs": {"video": [edit, 3], "filename_prefix": "kept", **SAVED},
    }
    graph["92"] = {"class_type": "MaskToImage", "inputs": {"mask": [edit, 1]}}
    graph["93"] = {
        "class_type": "SaveImage",
        "inputs": {"images": ["92", 0], "filename_prefix": "mask"},
    }
    return graph


def run(comfy: ComfyServer, graph: Graph) -> dict[str, dict[str, Any]]:
    done = comfy.run(graph)
    assert (done.status, done.error) == ("success", "")
    return done.outputs


@pytest.mark.parametrize(("name", "pts"), [("even.mp4", None), ("uneven.mp4", UNEVEN)])
def test_a_saved_edit_has_the_timing_and_the_sound_of_its_video(
    comfy: ComfyServer, edit_graph: Graph, name: str, pts: list[Fraction] | None
) -> None:
    outputs = run(comfy, with_file(comfy, edit_graph, name, pts))
    (place,) = outputs["91"]["images"]
    file = io.BytesIO(comfy.file(place))
    source = comfy.base / "input" / name
    assert list(frame_times(file)) == list(frame_times(source))
    assert read_info(file).has_audio
    sound = read_sound(file)
    assert sound is not None and sound.samples.shape[0] == 2 and sound.samples.std() > 0.1


def test_the_effective_mask_can_be_had_as_files(comfy: ComfyServer, edit_graph: Graph) -> None:
    outputs = run(comfy, with_file(comfy, edit_graph, "masked.mp4", None))
    masks = [
        np.asarray(Image.open(io.BytesIO(comfy.file(place)))) for place in outputs["93"]["images"]
    ]
    assert len(masks) == FRAMES and set(np.unique(np.stack(masks))) == {0, 255}
