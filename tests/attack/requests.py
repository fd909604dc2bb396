"""Requests to a server that are wrong in one or two inputs, drawn from the nodes' own schemas."""

from __future__ import annotations

import json
import random
from typing import Any

from ..comfyui import Graph

CLIP = {"scene": "moving shapes", "seed": 3, "width": 32, "height": 32, "length": 5, "fps": 8.0}
# What is connected where an input takes a type: node and output.
LINKS = {
    "IMAGE": ("clip", 0),
    "MASK": ("clip", 1),
    "VIDEO": ("clip", 2),
    "VIVID_MODEL": ("model", 0),
    "VIVID_ADAPTER": ("adapter", 0),
}
QUICK = {"steps": 1, "candidates": 1, "estimate_only": True, "caption": "a red circle"}
SLOW = ("Vivid_TrainAdapter", "Vivid_SampleDataset", "Vivid_MergeAdapter", "Vivid_LoadModel")
NUMBERS = (None, -1, 0, 1, 2**31, 2**63, 10**30, -(10**30), 0.5, 1e308, "x", "", [], {}, True)
TEXTS = (
    None, 3, [], {}, True, "", "x", "\0", "\n", "../../../etc/passwd", "/etc/passwd", "x" * 5000,
    "\u00e9" * 300, "%date%", "1: ", "9" * 5000 + ": a", "0", "[", "{}", "[]", "[" * 100_000,
)  # fmt: skip
SOCKETS = (None, "x", 3, [], {}, ["clip"], ["none", 0], ["clip", 99], ["clip", "0"], {"a": 1})
BOMB = {"size": [40_000, 40_000], "counts": "0"}
PROMPTS = (
    json.dumps({"objects": [{"id": 1, "frames": {"0": {"mask": BOMB}}}]}),
    json.dumps(
        {"objects": [{"id": 1, "frames": {"0": {"mask": BOMB | {"counts": "o" * 500_000}}}}]}
    ),
    json.dumps({"objects": [{"id": 1, "frames": {"0": {"points": [[1, 1, 1]] * 10_000}}}]}),
    '{"objects": [{"id": 1, "frames": {"0": {"points": [[1e999, 1, 1]]}}}]}',
    '{"objects": [{"id": %s, "frames": {}}]}' % ("9" * 5000),
    "[" * 900_000,
)


class Requests:
    """An endless supply; the same seed gives the same."""

    def __init__(self, known: dict[str, dict[str, Any]], seed: int) -> None:
        self._known = {name: info for name, info in known.items() if name not in SLOW}
        self._dice = random.Random(seed)

    def draw(self) -> tuple[str, Graph]:
        """What is attacked, and the graph."""
        kind = self._dice.choice(sorted(self._known))
        inputs = self._valid(kind)
        names = self._dice.sample(sorted(inputs), min(len(inputs), self._dice.choice([1, 1, 2])))
        for name in names:
            inputs[name] = self._attack(self._spec(kind, name), name)
        graph: Graph = {
            "clip": {"class_type": "Vivid_SampleClip", "inputs": dict(CLIP)},
            "model": {"class_type": "Vivid_LoadModel", "inputs": self._valid("Vivid_LoadModel")},
            "adapter": {
                "class_type": "Vivid_LoadAdapter",
                "inputs": {"adapter": "vivid-tiny adapter (bundled)"},
            },
            "attacked": {"class_type": kind, "inputs": inputs},
            "end": {"class_type": "PreviewAny", "inputs": {"source": ["attacked", 0]}},
        }
        shown = {name: str(inputs[name])[:60] for name in names}
        return f"{kind} {shown}", graph

    def _spec(self, kind: str, name: str) -> list[Any]:
        info = self._known[kind]["input"]
        return {**info.get("required", {}), **info.get("optional", {})}[name]

    def _valid(self, kind: str) -> dict[str, Any]:
        if kind == "Vivid_LoadModel":
            rest = {"text_encoder": "from the model", "vae": "from the model"}
            modes = {"precision": "auto", "offload": "auto", "tiling": "auto"}
            return {"model": "vivid-tiny (bundled)", "base": "from the model"} | rest | modes
        if kind == "Vivid_SampleClip":
            return dict(CLIP)
        info = self._known[kind]["input"]
        return {name: self._value(name, spec) for name, spec in info.get("required", {}).items()}

    def _value(self, name: str, spec: list[Any]) -> Any:
        if name in QUICK:
            return QUICK[name]
        if isinstance(spec[0], list):
            return spec[0][0]
        for type_name in str(spec[0]).split(","):
            if type_name in LINKS:
                return list(LINKS[type_name])
        options = spec[1] if len(spec) > 1 else {}
        first = (options.get("options") or [None])[0]
        return options.get("default", first)

    def _attack(self, spec: list[Any], name: str) -> Any:
        if name == "prompts" and self._dice.random() < 0.5:
            return self._dice.choice(PROMPTS)
        kind = spec[0]
        if kind in ("INT", "FLOAT", "BOOLEAN"):
            return self._dice.choice(NUMBERS)
        if kind in ("STRING", "COMBO") or isinstance(kind, list):
            return self._dice.choice(TEXTS)
        return self._dice.choice(SOCKETS)
