"""The subgraph blueprints: several nodes as one to drop in. Written here once, as templates are.

`UPDATE_WORKFLOWS=1 pytest tests/workflows` writes the files anew; without it the tests compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .templates import GAP, GROUP_GAP, TITLE, Link, Node, Wire, Writer

INPUTS, OUTPUTS = -10, -20  # ids that ComfyUI gives a subgraph's own ends
SAM3 = {
    "name": "sam3.1_multiplex_fp16.safetensors",
    "url": "https://huggingface.co/Comfy-Org/sam3.1/resolve/main/checkpoints/"
    "sam3.1_multiplex_fp16.safetensors",
    "directory": "checkpoints",
}
EDIT = ("task", "caption", "seed", "control_after_generate", "steps", "guidance", "fill", "rest")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An input of the whole: its type, and the (node, input) that it goes to."""

    name: str
    type: str
    to: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """Columns of nodes; `widgets` are (node, name) that the whole shows."""

    name: str
    description: str
    columns: tuple[tuple[Node, ...], ...]
    inputs: tuple[Entry, ...]
    outputs: tuple[tuple[str, Link], ...]
    widgets: tuple[Link, ...]

    @property
    def nodes(self) -> list[Node]:
        return [node for column in self.columns for node in column]


def _edit(mask: Link) -> Node:
    values = {"task": "delete", "fill": "auto", "rest": "model"}
    return Node(
        id=4, kind="Vivid_EditVideo", values=values, links={"model": (1, "model"), "mask": mask}
    )


_RESULTS = (
    ("video", (4, "video")),
    ("images", (4, "edit")),
    ("mask", (4, "effective mask")),
    ("report", (4, "report")),
)
TRACK = Blueprint(
    name="Vivid Track and Edit",
    description="Follows a thing through a video and edits it: removed, changed or added to. Point "
    "at it with a mask of one frame, or open the node and click in Vivid Track Object.",
    columns=(
        (Node(id=1, kind="Vivid_LoadModel"),),
        (Node(id=9, kind="Vivid_TrackObject"),),
        (_edit((9, "mask")),),
    ),
    inputs=(
        Entry(name="video", type="VIDEO", to=((9, "video"), (4, "video"))),
        Entry(name="mask", type="MASK", to=((9, "mask"),)),
        Entry(name="tracker", type="VIVID_TRACKER", to=((9, "tracker"),)),
    ),
    outputs=_RESULTS,
    widgets=((9, "mask_frame"), (1, "model"), *((4, name) for name in EDIT)),
)
WORDS = Blueprint(
    name="Vivid Edit by Words (SAM3)",
    description="Finds what a text names with SAM 3, follows it through a video, and edits it; "
    "every other pixel stays. Needs a SAM 3.1 checkpoint and a ComfyUI with SAM3 nodes.",
    columns=(
        (
            Node(id=1, kind="Vivid_LoadModel"),
            Node(id=11, kind="CheckpointLoaderSimple", values={"ckpt_name": SAM3["name"]}),
            Node(id=12, kind="CLIPTextEncode", links={"clip": (11, "CLIP")}),
        ),
        (
            Node(id=10, kind="GetVideoComponents"),
            Node(
                id=13,
                kind="SAM3_VideoTrack",
                links={
                    "images": (10, "images"),
                    "model": (11, "MODEL"),
                    "conditioning": (12, "CONDITIONING"),
                },
            ),
            Node(id=14, kind="SAM3_TrackToMask", links={"track_data": (13, "track_data")}),
        ),
        (_edit((14, "masks")),),
    ),
    inputs=(Entry(name="video", type="VIDEO", to=((10, "video"), (4, "video"))),),
    outputs=_RESULTS,
    widgets=(
        (12, "text"),
        (13, "detection_threshold"),
        (13, "max_objects"),
        (11, "ckpt_name"),
        (1, "model"),
        *((4, name) for name in EDIT),
    ),
)
BLUEPRINTS = (TRACK, WORDS)


def for_browser(blueprint: Blueprint, writer: Writer, key: int) -> dict[str, Any]:
    """The file of a blueprint: a graph of one node, and what is inside of it."""
    identity = f"5c2d6f1e-6a55-4f0e-9c0c-2f1f6f0a0b{key:02}"
    ends = [
        {"name": name, "type": _type(blueprint, writer, link), "links": []}
        for name, link in blueprint.outputs
    ]
    entries = [{"name": one.name, "type": one.type, "link": None} for one in blueprint.inputs]
    number = max(node.id for node in blueprint.nodes) + 1
    whole = {
        "id": number,
        "type": identity,
        "pos": [0, 0],
        "size": [400, 120 + 30 * len(blueprint.widgets)],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": entries,
        "outputs": ends,
        "properties": {
            "proxyWidgets": [[f"{node}", name] for node, name in blueprint.widgets],
            "cnr_id": "vivid-video-editing",
        },
        "widgets_values": [],
        "title": blueprint.name,
    }
    return {
        "revision": 0,
        "last_node_id": number,
        "last_link_id": 0,
        "nodes": [whole],
        "links": [],
        "version": 0.4,
        "definitions": {"subgraphs": [_inside(blueprint, writer, identity)]},
    }


def _inside(blueprint: Blueprint, writer: Writer, identity: str) -> dict[str, Any]:
    between = list(writer.wires(blueprint.nodes))
    wires = [*between, *_wires_of_ends(blueprint, writer, len(between))]
    places = _places(blueprint)
    nodes = [
        writer.node(node, order, wires, places[node.id])
        for order, node in enumerate(blueprint.nodes)
    ]
    for node in nodes:
        if node["type"] == "CheckpointLoaderSimple":
            node["properties"]["models"] = [SAM3]
    right = max(x for x, _ in places.values()) + 600
    return {
        "id": identity,
        "version": 1,
        "state": {
            "lastGroupId": 0,
            "lastNodeId": max(node.id for node in blueprint.nodes) + 1,
            "lastLinkId": len(wires),
            "lastRerouteId": 0,
        },
        "revision": 0,
        "config": {},
        "name": blueprint.name,
        "description": blueprint.description,
        "category": "VIVID",
        "inputNode": {"id": INPUTS, "bounding": [-300, 0, 120, 40 + 20 * len(blueprint.inputs)]},
        "outputNode": {
            "id": OUTPUTS,
            "bounding": [right, 0, 120, 40 + 20 * len(blueprint.outputs)],
        },
        "inputs": [
            _end(identity, 2 * slot, one.name, one.type, (-200, 20 + 20 * slot))
            | {"linkIds": [w[0] for w in wires if (w[1], w[2]) == (INPUTS, slot)]}
            for slot, one in enumerate(blueprint.inputs)
        ],
        "outputs": [
            _end(
                identity,
                2 * slot + 1,
                name,
                _type(blueprint, writer, link),
                (right, 20 + 20 * slot),
            )
            | {"linkIds": [w[0] for w in wires if (w[3], w[4]) == (OUTPUTS, slot)]}
            for slot, (name, link) in enumerate(blueprint.outputs)
        ],
        "widgets": [],
        "nodes": nodes,
        "groups": [],
        "links": [
            dict(
                zip(
                    ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type"),
                    wire,
                    strict=True,
                )
            )
            for wire in wires
        ],
        "extra": {},
    }


def _end(identity: str, number: int, name: str, type_: str, place: Any) -> dict[str, Any]:
    return {
        "id": f"{identity[:-4]}{number:04x}",
        "name": name,
        "type": type_,
        "pos": list(place),
    }


def _wires_of_ends(blueprint: Blueprint, writer: Writer, used: int) -> Iterator[Wire]:
    """Links from the whole's inputs and to its outputs."""
    known = {node.id: node for node in blueprint.nodes}
    number = used
    for slot, one in enumerate(blueprint.inputs):
        for target, name in one.to:
            number += 1
            names = [entry["name"] for entry in writer.entries(known[target])]
            yield number, INPUTS, slot, target, names.index(name), one.type
    for slot, (_, (source, output)) in enumerate(blueprint.outputs):
        number += 1
        kind = known[source].kind
        type_ = _type(blueprint, writer, (source, output))
        yield number, source, writer.output(kind, output), OUTPUTS, slot, type_


def _type(blueprint: Blueprint, writer: Writer, link: Link) -> str:
    (kind,) = (node.kind for node in blueprint.nodes if node.id == link[0])
    return dict(writer.outputs(kind))[link[1]]


def _places(blueprint: Blueprint) -> dict[int, tuple[int, int]]:
    places: dict[int, tuple[int, int]] = {}
    x = 0
    for column in blueprint.columns:
        y = 0
        for node in column:
            places[node.id] = (x, y)
            y += node.tall + TITLE + GAP
        x += max(node.wide for node in column) + GROUP_GAP
    return places
