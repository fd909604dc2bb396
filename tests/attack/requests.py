"""Requests to a server that are wrong in one or two inputs, drawn from the nodes' own schemas."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

from ..comfyui import Graph

CLIP = {"scene": "moving shapes", "seed": 3, "width": 32, "height": 32, "length": 5, "fps": 8.0}
# The nodes that an attacked one may be connected to, with values that are quick.
SOURCES: Graph = {
    "clip": {"class_type": "Vivid_SampleClip", "inputs": CLIP},
    "model": {"class_type": "Vivid_LoadModel", "inputs": {"model": "vivid-tiny (bundled)"}},
    "base": {"class_type": "Vivid_LoadModel", "inputs": {"model": "vivid-tiny base (bundled)"}},
    "adapter": {
        "class_type": "Vivid_LoadAdapter",
        "inputs": {"adapter": "vivid-tiny adapter (bundled)"},
    },
    "tracker": {"class_type": "Vivid_LoadTracker", "inputs": {"engine": "flow"}},
    "flow": {"class_type": "Vivid_LoadFlow", "inputs": {"engine": "dis"}},
    "engine": {"class_type": "Vivid_LoadEngine", "inputs": {"engine": "endpoint"}},
    "data": {
        "class_type": "Vivid_SampleDataset",
        "inputs": {"clips": 4, "seed": 3, "width": 32, "height": 32, "length": 5},
    },
    "key": {"class_type": "Vivid_UseKeyframe", "inputs": {"image": ["clip", 0], "frame": 0}},
    "whole": {"class_type": "PrimitiveInt", "inputs": {"value": 0}},
    "number": {"class_type": "PrimitiveFloat", "inputs": {"value": 0.0}},
    "text": {"class_type": "PrimitiveString", "inputs": {"value": ""}},
}
# What is connected where an input takes a type: node and output.
LINKS = {
    "IMAGE": ("clip", 0),
    "MASK": ("clip", 1),
    "VIDEO": ("clip", 2),
    "VIVID_MODEL": ("model", 0),
    "VIVID_ADAPTER": ("adapter", 0),
    "VIVID_TRACKER": ("tracker", 0),
    "VIVID_FLOW": ("flow", 0),
    "VIVID_ENGINE": ("engine", 0),
    "VIVID_DATASET": ("data", 0),
    "VIVID_KEYFRAME": ("key", 0),
}
LINKED = {"INT": "whole", "FLOAT": "number", "STRING": "text"}
WITHOUT_ADAPTER = ("Vivid_ApplyAdapter", "Vivid_MergeAdapter", "Vivid_TrainAdapter")
BOX = {"x": 4, "y": 4, "width": 16, "height": 16}  # ComfyUI takes lists for links
QUICK = {
    "steps": 1, "candidates": 1, "caption": "a red circle", "labels": "circle", "label": "circle",
    "captions": "a circle\na red circle", "clips": 4, "length": 5, "width": 32, "height": 32,
    "batch": 1, "rank": 2, "images_per_video": 1.0, "min_side": 32, "min_seconds": 0.0,
    "deletions": 0, "samples": 1, "score": 0.1,
}  # fmt: skip
RARE = 0.5  # share of the requests in which an optional input has a value
NUMBERS = (None, -1, 0, 1, 2**31, 2**63, 10**30, -(10**30), 0.5, 1e308, "x", "", [], {}, True)
TEXTS = (
    None, 3, [], {}, True, "", "x", "\0", "\n", "../../../etc/passwd", "/etc/passwd", "x" * 5000,
    "\u00e9" * 300, "%date%", "1: ", "9" * 5000 + ": a", "0", "[", "{}", "[]", "[" * 100_000,
)  # fmt: skip
SOCKETS = (None, "x", 3, [], {}, ["clip"], ["none", 0], ["clip", 99], ["clip", "0"], {"a": 1})
BAD_BOXES = (
    [[]], [{}], [None], [3, 4, 5, 6], {}, "x", 3, BOX | {"x": "a"}, BOX | {"width": None},
    BOX | {"width": -5, "height": 1e308}, BOX | {"x": 1e308, "y": 10**40},
    BOX | {"label": ["x" * 9000], "score": "nan"}, BOX | {"score": {}},
)  # fmt: skip
FAR = (-(2**40), -1, 2**40, 2**62)  # of linked numbers
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
        self._known = known
        self._dice = random.Random(seed)

    def draw(self) -> tuple[str, Graph]:
        """What is attacked, and the graph."""
        kind = self._dice.choice(sorted(self._known))
        graph = deepcopy(SOURCES)
        inputs = self._valid(kind)
        names = self._dice.sample(sorted(inputs), min(len(inputs), self._dice.choice([1, 1, 2])))
        for name in names:
            inputs[name] = self._attack(self._spec(kind, name), name, graph)
        shown = {name: str(inputs[name])[:60] for name in names}
        graph["attacked"] = {"class_type": kind, "inputs": inputs}
        graph["end"] = {"class_type": "PreviewAny", "inputs": {"source": ["attacked", 0]}}
        for name in ("model", "base", "engine", "tracker", "flow", "data"):
            self._complete(graph[name])
        return f"{kind} {shown}", _reached(graph)

    def _spec(self, kind: str, name: str) -> list[Any]:
        info = self._known[kind]["input"]
        return {**info.get("required", {}), **info.get("optional", {})}[name]

    def _valid(self, kind: str) -> dict[str, Any]:
        """Values that are good, of some optional inputs too."""
        info = self._known[kind]["input"]
        asked = dict(info.get("required", {}))
        for name, spec in info.get("optional", {}).items():
            if self._dice.random() < RARE:
                asked[name] = spec
        values = {name: self._value(name, spec) for name, spec in asked.items()}
        sources = {source["class_type"]: source["inputs"] for source in SOURCES.values()}
        if kind in WITHOUT_ADAPTER:
            values["model"] = ["base", 0]
        return values | deepcopy(sources.get(kind, {}))

    def _complete(self, node: dict[str, Any]) -> None:
        """Give a source the rest of what it needs."""
        required = self._known[node["class_type"]]["input"].get("required", {})
        rest = {name: self._default(spec) for name, spec in required.items()}
        node["inputs"] = rest | node["inputs"]

    def _value(self, name: str, spec: list[Any]) -> Any:
        if name in QUICK:
            return QUICK[name]
        kinds = [] if isinstance(spec[0], list) else str(spec[0]).split(",")
        if "BOUNDING_BOX" in kinds:
            return dict(BOX)
        if name == "engine" and "VIVID_TRACKER" in kinds:
            return list(LINKS["VIVID_TRACKER"])
        for kind in kinds:
            if kind in LINKS:
                return list(LINKS[kind])
        if kinds == ["BOOLEAN"]:
            return self._dice.random() < 0.5
        return self._default(spec)

    def _default(self, spec: list[Any]) -> Any:
        if isinstance(spec[0], list):
            return spec[0][0]
        options = spec[1] if len(spec) > 1 else {}
        first = (options.get("options") or [None])[0]
        return options.get("default", first)

    def _attack(self, spec: list[Any], name: str, graph: Graph) -> Any:
        kind = spec[0]
        if name == "prompts" and self._dice.random() < 0.5:
            return self._dice.choice(PROMPTS)
        if kind in LINKED and self._dice.random() < 0.3:
            value = self._dice.choice(TEXTS[5:] if kind == "STRING" else FAR)
            graph[LINKED[kind]]["inputs"]["value"] = float(value) if kind == "FLOAT" else value
            return [LINKED[kind], 0]
        if kind in ("INT", "FLOAT", "BOOLEAN"):
            return self._dice.choice(NUMBERS)
        if kind in ("STRING", "COMBO") or isinstance(kind, list):
            return self._dice.choice(TEXTS)
        if "BOUNDING_BOX" in kind and self._dice.random() < 0.7:
            return deepcopy(self._dice.choice(BAD_BOXES))
        return self._dice.choice(SOCKETS)


def _reached(graph: Graph) -> Graph:
    """What the attacked node needs: nodes with results of their own would run as well."""
    wanted, found = ["end"], {}
    while wanted:
        name = wanted.pop()
        if name in graph and name not in found:
            found[name] = graph[name]
            links = [v for v in graph[name]["inputs"].values() if isinstance(v, list) and v]
            wanted += [link[0] for link in links if isinstance(link[0], str)]
    return found
