"""What the bundled workflows are made of: written here once, for the browser and for servers.

`UPDATE_WORKFLOWS=1 pytest tests/workflows` writes the files anew; without it the tests compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..weights import loader
from .core_nodes import CORE

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = {"COMBO", "STRING", "INT", "FLOAT", "BOOLEAN"}
ADDED_FOR_SERVERS = {"SaveVideo": {"format.codec": "auto"}}  # what newer ComfyUI calls its codec
GAP, GROUP_GAP, TITLE, GROUP_TITLE = 30, 50, 30, 60  # pixels of the graph
NOTE_WIDTH, NOTE_HEIGHT = 340, 620
BYPASSED = 4
COLORS = {"1": "#3f789e", "2": "#8a6d3b", "3": "#8A8", "4": "#a1309b", "5": "#88A"}
HEIGHT = {
    "Vivid_LoadModel": 300,
    "Vivid_UseCoreModel": 360,
    "Vivid_ApplyAdapter": 120,
    "Vivid_LoadAdapter": 70,
    "Vivid_LoadTracker": 110,
    "Vivid_LoadFlow": 110,
    "Vivid_SampleClip": 500,
    "Vivid_TrackObject": 620,
    "Vivid_AnimateMask": 750,
    "Vivid_PropagateBackgroundMask": 330,
    "Vivid_AugmentMask": 400,
    "Vivid_OverlayMask": 540,
    "Vivid_FillBackground": 420,
    "Vivid_EstimateCost": 330,
    "Vivid_EditVideo": 820,
    "Vivid_EditByInstruction": 860,
    "Vivid_SweepGuidance": 960,
    "Vivid_ScreenEdits": 640,
    "Vivid_PropagateEdit": 820,
    "Vivid_FilterEdit": 420,
    "Vivid_EditKeyframe": 840,
    "Vivid_PickKeyframe": 520,
    "Vivid_FrameForEditing": 560,
    "Vivid_UseKeyframe": 120,
    "Vivid_PropagateKeyframes": 860,
    "Vivid_EditLongVideo": 960,
    "Vivid_CompareEdit": 590,
    "Vivid_MeasureEdit": 520,
    "Vivid_SampleDataset": 620,
    "Vivid_LoadDataset": 160,
    "Vivid_BuildDataset": 1000,
    "Vivid_BuildInstructionDataset": 1120,
    "Vivid_PasteMask": 360,
    "Vivid_FilterSample": 480,
    "Vivid_WriteSamples": 760,
    "Vivid_TrainAdapter": 1200,
    "Vivid_PlotTraining": 420,
    "Vivid_SaveAdapter": 260,
    "Vivid_MergeAdapter": 300,
    "SaveVideo": 470,
    "UNETLoader": 82,
    "CLIPLoader": 106,
    "VAELoader": 58,
    "EmptyImage": 180,
    "ImageCompositeMasked": 170,
    "GetVideoComponents": 90,
    "CheckpointLoaderSimple": 110,
    "CLIPTextEncode": 160,
    "SAM3_VideoTrack": 180,
    "SAM3_TrackToMask": 90,
}
WIDTH = {
    "Vivid_TrackObject": 460,
    "Vivid_AnimateMask": 750,
    "Vivid_CompareEdit": 480,
    "Vivid_PlotTraining": 480,
}
USUAL_WIDTH = 380
Wire = tuple[int, int, int, int, int, str]  # its id, from (node, slot), to (node, slot), type
Link = tuple[int, str]  # of the node that gives, and the name of its output


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node: its id, its kind, what is set, and where its linked inputs come from."""

    id: int
    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    title: str = ""
    bypassed: bool = False  # for later; a server's graph does without it
    height: int = 0  # pixels of the graph; 0: as its kind
    width: int = 0
    offers: tuple[dict[str, str], ...] = ()  # files that ComfyUI fetches where they are missing

    @property
    def tall(self) -> int:
        return self.height or HEIGHT[self.kind]

    @property
    def wide(self) -> int:
        return self.width or WIDTH.get(self.kind, USUAL_WIDTH)


@dataclass(frozen=True, kw_only=True)
class Group:
    """A coloured column of nodes."""

    title: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Template:
    """A workflow: its file's name, the note that stands beside it, and its groups in order.

    `weights` names a set of web/weights.json that a loader below the note, bypassed, offers;
    `beside` are other nodes there, bypassed too. ComfyUI's app mode shows `app_inputs`, widgets as
    (node, name), and the results of the nodes `app_outputs`.
    """

    name: str
    note: str
    groups: tuple[Group, ...]
    weights: str = ""
    beside: tuple[Node, ...] = ()
    app_inputs: tuple[Link, ...] = ()
    app_outputs: tuple[int, ...] = ()

    @property
    def nodes(self) -> list[Node]:
        return [node for group in self.groups for node in group.nodes]


def interface() -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "nodes" / "interface.json").read_text(encoding="utf-8"))


class Writer:
    """Writes templates in both formats, as the nodes' interface wants them."""

    def __init__(self, known: dict[str, Any]) -> None:
        self._known = known

    def widgets(self, kind: str) -> dict[str, Any]:
        """Names and defaults in the order of `widgets_values`; " after" follows a seed."""
        if kind in CORE:
            return dict(CORE[kind]["widgets"])
        found: dict[str, Any] = {}
        for socket in self._known[kind]["inputs"]:
            if socket["type"] not in WIDGETS:
                continue
            found[socket["name"]] = socket.get("default")
            if socket.get("control_after_generate"):
                found[socket["name"] + " after"] = "fixed"
        return found

    def sockets(self, kind: str) -> list[tuple[str, str, bool]]:
        """Inputs that only links fill: name, type, whether they may stay empty."""
        if kind in CORE:
            return [(name, type_, False) for name, type_ in CORE[kind]["inputs"]]
        return [
            (socket["name"], socket["type"], socket["optional"])
            for socket in self._known[kind]["inputs"]
            if socket["type"] not in WIDGETS
        ]

    def outputs(self, kind: str) -> list[tuple[str, str]]:
        given = CORE[kind]["outputs"] if kind in CORE else self._known[kind]["outputs"]
        return [(name, type_) for name, type_ in given]

    def display_name(self, kind: str) -> str:
        return (CORE if kind in CORE else self._known)[kind]["display_name"]

    def for_servers(self, template: Template) -> dict[str, Any]:
        """The API format. What is clicked in the browser is the first candidate here."""
        kinds = {node.id: node.kind for node in template.nodes}
        graph = {}
        for node in (node for node in template.nodes if not node.bypassed):
            values = {k: v for k, v in self._values(node).items() if not k.endswith(" after")}
            if node.kind == "Vivid_PickKeyframe":
                values["choice"] = "1"
            for name, (source, output) in node.links.items():
                values[name] = [str(source), self.output(kinds[source], output)]
            graph[str(node.id)] = {
                "class_type": node.kind,
                "inputs": values | ADDED_FOR_SERVERS.get(node.kind, {}),
                "_meta": {"title": node.title or self.display_name(node.kind)},
            }
        return graph

    def for_browser(self, template: Template, key: int) -> dict[str, Any]:
        """The workflow format, laid out in columns from left to right."""
        wires = list(self.wires(template.nodes))
        places, groups = self._layout(template)
        nodes = [self._note(template.note)]
        nodes += [self._offer(template.weights)] if template.weights else []
        nodes += self._beside(template.beside)
        nodes += [
            self.node(node, number, wires, places[node.id])
            for number, node in enumerate(template.nodes, 1)
        ]
        return {
            "id": f"5c2d6f1e-6a55-4f0e-9c0c-2f1f6f0a0a{key:02}",
            "revision": 0,
            "last_node_id": 91,
            "last_link_id": len(wires),
            "nodes": nodes,
            "links": [list(wire) for wire in wires],
            "groups": groups,
            "config": {},
            "extra": {"ds": {"scale": 0.7, "offset": [430, 130]}, **_app(template)},
            "version": 0.4,
        }

    def _values(self, node: Node) -> dict[str, Any]:
        values = self.widgets(node.kind)
        unknown = set(node.values) - set(values)
        assert not unknown, f"{node.kind} has no {unknown}"
        return values | node.values

    def output(self, kind: str, name: str) -> int:
        """The number of an output."""
        return [output for output, _ in self.outputs(kind)].index(name)

    def wires(self, nodes: Sequence[Node]) -> Iterator[Wire]:
        """All links between these nodes."""
        kinds = {node.id: node.kind for node in nodes}
        number = 0
        for node in nodes:
            entries = [entry["name"] for entry in self.entries(node)]
            for name, (source, output) in node.links.items():
                number += 1
                slot = self.output(kinds[source], output)
                kind = self.outputs(kinds[source])[slot][1]
                yield number, source, slot, node.id, entries.index(name), kind

    def entries(self, node: Node) -> list[dict[str, Any]]:
        """A node's inputs as the file lists them: sockets, then widgets that are linked."""
        entries = [
            {"name": name, "type": type_, "link": None} | ({"shape": 7} if optional else {})
            for name, type_, optional in self.sockets(node.kind)
        ]
        types = {s["name"]: s["type"] for s in self._known.get(node.kind, {"inputs": []})["inputs"]}
        return entries + [
            {"name": name, "type": types[name], "link": None, "widget": {"name": name}}
            for name in node.links
            if name in self.widgets(node.kind)
        ]

    def node(
        self, node: Node, order: int, wires: list[Wire], place: tuple[int, int]
    ) -> dict[str, Any]:
        """A node as the browser's format has it, with its ends of the links."""
        inputs = self.entries(node)
        for number, _, _, target, entry, _ in wires:
            if target == node.id:
                inputs[entry]["link"] = number
        outputs = []
        for slot, (name, type_) in enumerate(self.outputs(node.kind)):
            links = [wire[0] for wire in wires if wire[1] == node.id and wire[2] == slot]
            outputs.append({"name": name, "type": type_, "links": links or None})
        own = "comfy-core" if node.kind in CORE else "vivid-video-editing"
        return {
            "id": node.id,
            "type": node.kind,
            "pos": list(place),
            "size": [node.wide, node.tall],
            "flags": {},
            "order": order,
            "mode": BYPASSED if node.bypassed else 0,
            "inputs": inputs,
            "outputs": outputs,
            **({"title": node.title} if node.title else {}),
            "properties": {
                "Node name for S&R": node.kind,
                "cnr_id": own,
                **({"models": list(node.offers)} if node.offers else {}),
            },
            "widgets_values": list(self._values(node).values()),
        }

    def _layout(
        self, template: Template
    ) -> tuple[dict[int, tuple[int, int]], list[dict[str, Any]]]:
        places: dict[int, tuple[int, int]] = {}
        groups: list[dict[str, Any]] = []
        x = 0
        for number, group in enumerate(template.groups, 1):
            y, width = 0, max(node.wide for node in group.nodes)
            for node in group.nodes:
                places[node.id] = (x, y)
                y += node.tall + TITLE + GAP
            bounds = [x - 20, -TITLE - GROUP_TITLE, width + 40, y + GROUP_TITLE]
            groups.append(
                {
                    "id": number,
                    "title": group.title,
                    "bounding": bounds,
                    "color": COLORS[group.title[0]],
                    "font_size": 24,
                    "flags": {},
                }
            )
            x += width + GROUP_GAP + 20
        return places, groups

    @staticmethod
    def _offer(weights: str) -> dict[str, Any]:
        outputs = [{"name": "model", "type": "VIVID_MODEL", "links": None}]
        place = [-NOTE_WIDTH - GROUP_GAP, NOTE_HEIGHT + GAP]
        size = [NOTE_WIDTH, HEIGHT["Vivid_LoadModel"]]
        return loader(weights, id=91, mode=BYPASSED, pos=place, size=size, outputs=outputs)

    def _beside(self, nodes: Sequence[Node]) -> list[dict[str, Any]]:
        """Nodes below the note, one below the other."""
        made, y = [], NOTE_HEIGHT + GAP
        for node in nodes:
            made.append(self.node(node, 0, [], (-NOTE_WIDTH - GROUP_GAP, y)))
            y += node.tall + TITLE + GAP
        return made

    @staticmethod
    def _note(text: str) -> dict[str, Any]:
        return {
            "id": 90,
            "type": "MarkdownNote",
            "pos": [-NOTE_WIDTH - GROUP_GAP, -TITLE],
            "size": [NOTE_WIDTH, NOTE_HEIGHT],
            "flags": {},
            "order": 0,
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "title": "Read me",
            "properties": {},
            "widgets_values": [text],
            "color": "#432",
            "bgcolor": "#653",
        }


def _app(template: Template) -> dict[str, Any]:
    """What app mode shows; the file itself opens as a graph."""
    if not template.app_outputs:
        return {}
    inputs = [[f"{node}", name] for node, name in template.app_inputs]
    outputs = [f"{node}" for node in template.app_outputs]
    return {"linearMode": False, "linearData": {"inputs": inputs, "outputs": outputs}}
