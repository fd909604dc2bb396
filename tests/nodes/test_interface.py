"""What saved workflows rely on: node ids, sockets, defaults; and what every node must explain."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, get_args

import pytest

from vivid_core.build.motion import CameraMotion
from vivid_core.mask.augment import MASK_MODES
from vivid_core.settings import Focus, Sampler, Task

from ..comfyui import PACK, ComfyServer

SNAPSHOT = Path(__file__).parent / "interface.json"
Nodes = dict[str, dict[str, Any]]


def interface(nodes: Nodes) -> dict[str, Any]:
    """Ids, sockets and defaults; the order of inputs is that of `widgets_values`."""
    return {
        name: {
            "display_name": info["display_name"],
            "category": info["category"],
            "output_node": info["output_node"],
            "inputs": [
                {"name": key, "optional": kind == "optional", **_socket(*info["input"][kind][key])}
                for kind in ("required", "optional")
                for key in info["input_order"].get(kind, [])
            ],
            "outputs": [
                list(pair) for pair in zip(info["output_name"], info["output"], strict=True)
            ],
        }
        for name, info in sorted(nodes.items())
    }


def _socket(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """What is promised; how the control after a widget begins is not, older ComfyUI cannot tell."""
    found = {key: options[key] for key in ("default", "min", "max") if key in options}
    if "control_after_generate" in options:
        found["control_after_generate"] = bool(options["control_after_generate"])
    return {"type": kind, **found}


def test_interface_is_as_promised(vivid_nodes: Nodes) -> None:
    """Ids and outputs never change, inputs are only appended. UPDATE_INTERFACE=1 records anew."""
    found = interface(vivid_nodes)
    if os.environ.get("UPDATE_INTERFACE"):
        SNAPSHOT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_every_input_and_output_is_explained(vivid_nodes: Nodes) -> None:
    unexplained = [
        f"{name}.{key}"
        for name, info in vivid_nodes.items()
        for inputs in (info["input"].get("required", {}), info["input"].get("optional", {}))
        for key, (_, options) in inputs.items()
        if not options.get("tooltip")
    ]
    unexplained += [
        f"{name} -> {output}"
        for name, info in vivid_nodes.items()
        for output, tooltip in zip(info["output_name"], info["output_tooltips"], strict=True)
        if not tooltip
    ]
    assert unexplained == []
    assert all(info["description"] for info in vivid_nodes.values())


def test_every_node_has_a_help_page(comfy: ComfyServer, vivid_nodes: Nodes) -> None:
    for name in vivid_nodes:
        page = comfy.read(f"/extensions/{PACK}/docs/{name}.md").decode()
        assert page.startswith(f"# {vivid_nodes[name]['display_name']}\n")


def test_browser_code_is_served(comfy: ComfyServer) -> None:
    served = {path for path in comfy.get("/extensions") if path.startswith(f"/extensions/{PACK}/")}
    views = (
        "compare_view", "frame_view", "keyframe_gallery", "paint_editor", "path_editor",
        "points_editor",
    )  # fmt: skip
    shared = (
        "vivid", "colors", "editor_tabs", "graphs", "lightbox", "messages", "plain_frames",
        "preview_size", "shown", "weights_panel", "zoom",
    )  # fmt: skip
    assert served == {f"/extensions/{PACK}/{name}.js" for name in (*shared, *views)}


@pytest.mark.parametrize(
    ("node", "name", "expected"),
    [
        ("Vivid_EditVideo", "task", get_args(Task)),
        ("Vivid_EditVideo", "focus", get_args(Focus)),
        ("Vivid_EditVideo", "sampler", get_args(Sampler)),
        ("Vivid_EditKeyframe", "task", get_args(Task)),
        ("Vivid_PropagateKeyframes", "task", get_args(Task)),
        ("Vivid_EstimateCost", "focus", get_args(Focus)),
        ("Vivid_AugmentMask", "mode", MASK_MODES),
        ("Vivid_CameraMotionClip", "motion", get_args(CameraMotion)),
    ],
)
def test_choices_are_those_of_the_core(
    vivid_nodes: Nodes, node: str, name: str, expected: tuple[str, ...]
) -> None:
    """They are repeated in the schemas so that ComfyUI starts without importing the core."""
    _, options = vivid_nodes[node]["input"]["required"][name]
    assert options["options"] == list(expected)
