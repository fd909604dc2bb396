"""Checks that the bundled workflows of ComfyUI's models run, on tiny files of random weights.

Part of inside_core_model.py, in its process. There is no tiny text encoder that ComfyUI loads: one
of our own stands in for Load CLIP.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]

if __package__:  # to be listed by pytest
    from .core_models import (
        SIDE,
        WAN_TEXT,
        WINDOW,
        TinyClip,
        as_run,
        reads_width,
        wan_state,
        wan_vae_state,
    )
else:
    from core_models import (
        SIDE,
        WAN_TEXT,
        WINDOW,
        TinyClip,
        as_run,
        reads_width,
        wan_state,
        wan_vae_state,
    )

Graph = dict[str, dict[str, Any]]
SHORTER: dict[str, dict[str, Any]] = {
    "Vivid_SampleClip": {"length": WINDOW},
    "Vivid_UseCoreModel": {"width": SIDE, "height": SIDE, "window": WINDOW},
    "Vivid_EditVideo": {"steps": 1},
    "Vivid_EditKeyframe": {"steps": 1},
    "Vivid_PropagateKeyframes": {"steps": 1},
}


def save_tiny_files(graph: Graph) -> None:
    """Under the names that the graph's loaders have."""
    import folder_paths
    from safetensors.torch import save_file

    states = {
        "UNETLoader": ("diffusion_models", "unet_name", wan_state(vace=True)),
        "VAELoader": ("vae", "vae_name", wan_vae_state()),
    }
    for node in graph.values():
        if node["class_type"] in states:
            folder, name, state = states[node["class_type"]]
            file = Path(folder_paths.models_dir) / folder / node["inputs"][name]
            file.parent.mkdir(parents=True, exist_ok=True)
            save_file(state, file)


class Runner:
    """Runs nodes of a graph, each once, as ComfyUI does; `stand_ins` give what some classes do."""

    def __init__(
        self, graph: Graph, ours: Any, stand_ins: dict[str, Callable[[], tuple[Any, ...]]]
    ) -> None:
        import nodes

        self._stand_ins = stand_ins
        self._graph, self._results = graph, {}
        own = {node.define_schema().node_id: as_run(node) for node in ours.NODES}
        self._classes = {**nodes.NODE_CLASS_MAPPINGS, **own}

    def result(self, kind: str) -> tuple[Any, ...]:
        """What the one node of a class gives."""
        (name,) = [n for n, node in self._graph.items() if node["class_type"] == kind]
        return self.run(name)

    def run(self, name: str) -> tuple[Any, ...]:
        if name not in self._results:
            node = self._graph[name]
            kind, inputs = node["class_type"], node["inputs"] | SHORTER.get(node["class_type"], {})
            values = {key: self._value(value) for key, value in inputs.items()}
            self._results[name] = self._call(kind, values)
        return self._results[name]

    def _value(self, value: Any) -> Any:
        return self.run(value[0])[value[1]] if isinstance(value, list) else value

    def _call(self, kind: str, values: dict[str, Any]) -> tuple[Any, ...]:
        if kind in self._stand_ins:
            return self._stand_ins[kind]()
        found = self._classes[kind]
        if hasattr(found, "execute"):
            return found.execute(**values).args
        return getattr(found(), found.FUNCTION)(**values)


def bundled_workflows_run_on_tiny_files(nodes: Any) -> str | None:
    if not reads_width():
        return "this ComfyUI loads no tiny Wan VAE"
    for name, kind in (
        ("vivid_core_model_remove", "Vivid_EditVideo"),
        ("vivid_core_model_keyframe_loop", "Vivid_PropagateKeyframes"),
    ):
        path = ROOT / "workflows" / "api" / f"{name}.json"
        graph: Graph = json.loads(path.read_text(encoding="utf-8"))
        save_tiny_files(graph)
        runner = Runner(graph, nodes, {"CLIPLoader": lambda: (TinyClip(WAN_TEXT),)})
        edited, effective, report, _ = runner.result(kind)
        frames = runner.result("Vivid_SampleClip")[0]
        assert edited.shape == frames.shape and len(frames) == WINDOW
        assert torch.equal(edited[effective == 0], frames[effective == 0])
        assert not torch.equal(edited, frames)
        assert "outside the mask: max difference 0" in report
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    bundled_workflows_run_on_tiny_files.__name__: bundled_workflows_run_on_tiny_files
}
