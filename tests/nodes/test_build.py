"""The bundled workflows of the dataset builder, in a running ComfyUI."""

from __future__ import annotations

import json
from pathlib import Path

from ..comfyui import ComfyServer, Graph
from ..pictures import UPDATE, save_thumbnail

API = Path(__file__).resolve().parents[2] / "workflows" / "api"


def bundled(name: str) -> Graph:
    return json.loads((API / f"{name}.json").read_text(encoding="utf-8"))


def test_a_dataset_is_built_once_and_trained_on(comfy: ComfyServer) -> None:
    graph = bundled("vivid_build_dataset")
    graph["10"]["inputs"] |= {"clips": 3, "length": 9}
    graph["12"]["inputs"] |= {"steps": 2, "batch": 2, "length": 9}
    wanted = {node: graph[node] for node in ("1", "10", "20", "12")}
    run = comfy.run(wanted)
    assert (run.status, run.error) == ("success", "")
    report = run.outputs["20"]["text"][0]
    assert "samples of 3 videos" in report and "failed" not in report
    assert "step 2 of 2" in run.outputs["12"]["text"][0]
    assert (comfy.base / "output/vivid/datasets/built_shapes/manifest.json").is_file()


def test_a_sample_of_deletion_is_made_step_by_step(comfy: ComfyServer) -> None:
    run = comfy.run(bundled("vivid_build_deletion"))
    assert (run.status, run.error) == ("success", "")
    assert run.outputs["6"]["text"][0].startswith(("passed", "rejected"))
    assert "1 to delete" in run.outputs["7"]["text"][0]


def test_an_instruction_dataset_is_built_and_counted(comfy: ComfyServer) -> None:
    """UPDATE_THUMBNAILS=1 draws the workflow's picture anew, of all that it makes."""
    graph = bundled("vivid_build_instruction_dataset")
    if UPDATE:
        whole = comfy.run(graph)
        assert (whole.status, whole.error) == ("success", "")
        picture = API.parent / "vivid_build_instruction_dataset.jpg"
        save_thumbnail(comfy, whole.outputs["20"]["images"][0], picture)
    graph["10"]["inputs"] |= {"clips": 1, "pairs": 1}
    changes = {"steps": 1, "sweep": 1, "candidates": 1, "length": 5, "highest_epe": 1000.0}
    graph["20"]["inputs"] |= changes
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    report = run.outputs["20"]["text"][0]
    assert "of 1 pairs, 1 stills, 1 videos" in report and "failed" not in report
    assert "| image editing pairs | 1 | 64x64 |" in report
    assert (comfy.base / "output/vivid/datasets/built_instructions/manifest.json").is_file()


def test_mistakes_are_named(comfy: ComfyServer) -> None:
    graph = bundled("vivid_build_dataset")
    graph["20"]["inputs"]["folder"] = "nowhere"
    del graph["20"]["inputs"]["dataset"]
    run = comfy.run({"20": graph["20"]})
    assert (run.status, run.node) == ("error", "Vivid_BuildDataset")
    assert "folder: there is no folder" in run.error
