"""Every bundled workflow: known nodes, valid links, and the same graph in both formats."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "workflows").glob("*.json"))
WIDGETS = {"COMBO", "STRING", "INT", "FLOAT", "BOOLEAN"}
# Core nodes that the workflows use: their widgets in the order of `widgets_values`.
CORE = {"CreateVideo": ["fps"], "SaveVideo": ["filename_prefix", "format", "codec"]}
NOTE = "MarkdownNote"  # exists in the browser only
LEFT_OUT = {"format.codec"}  # what newer ComfyUI calls SaveVideo's codec in API format
# What is clicked after the first run: empty in the browser, given where nobody clicks.
CLICKED = {"Vivid_PickKeyframe": "choice"}


def read(*parts: str) -> Any:
    return json.loads(ROOT.joinpath(*parts).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def interface() -> dict[str, Any]:
    return read("tests", "nodes", "interface.json")


def widgets(interface: dict[str, Any], kind: str) -> list[str]:
    """Names of a node's widgets in order; "" for the one that follows a seed."""
    names = []
    for socket in interface.get(kind, {"inputs": []})["inputs"]:
        if socket["type"] in WIDGETS:
            names += [socket["name"]] + [""] * bool(socket.get("control_after_generate"))
    return CORE.get(kind, names)


def test_there_are_workflows_in_both_formats() -> None:
    assert {"vivid_add_object", "vivid_change_object", "vivid_remove_object"} <= set(NAMES)
    assert sorted(path.stem for path in (ROOT / "workflows" / "api").glob("*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_thumbnail_is_there(name: str) -> None:
    assert (ROOT / "workflows" / f"{name}.jpg").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_nodes_and_links_are_valid(name: str, interface: dict[str, Any]) -> None:
    graph = read("workflows", f"{name}.json")
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert {node["type"] for node in nodes.values()} <= {*interface, *CORE, NOTE}
    assert len(nodes) == len(graph["nodes"]) and graph["last_node_id"] >= max(nodes)
    assert graph["last_link_id"] >= max(link[0] for link in graph["links"])
    for link, source, output, target, entry, kind in graph["links"]:
        start, end = nodes[source]["outputs"][output], nodes[target]["inputs"][entry]
        assert link in start["links"] and end["link"] == link
        assert start["type"] == kind and kind in end["type"].split(",")
    for node in nodes.values():
        wanted = [] if node["type"] == NOTE else widgets(interface, node["type"])
        assert node["type"] == NOTE or len(node["widgets_values"]) == len(wanted)


@pytest.mark.parametrize("name", NAMES)
def test_both_formats_hold_the_same_graph(name: str, interface: dict[str, Any]) -> None:
    graph, api = read("workflows", f"{name}.json"), read("workflows", "api", f"{name}.json")
    links = {link[0]: [str(link[1]), link[2]] for link in graph["links"]}
    shown: dict[str, dict[str, Any]] = {}
    for node in graph["nodes"]:
        if node["type"] == NOTE:
            continue
        names = widgets(interface, node["type"])
        values = dict(zip(names, node["widgets_values"], strict=True))
        values |= {i["name"]: links[i["link"]] for i in node["inputs"] if i["link"] is not None}
        values.pop("", None)
        shown[str(node["id"])] = {"class_type": node["type"], "inputs": values}
    sent = {
        key: {
            "class_type": node["class_type"],
            "inputs": {k: v for k, v in node["inputs"].items() if k not in LEFT_OUT},
        }
        for key, node in api.items()
    }
    for key, node in shown.items():
        clicked = CLICKED.get(node["class_type"])
        if clicked:
            assert node["inputs"].pop(clicked) == "" != sent[key]["inputs"].pop(clicked)
    assert sent == shown


def test_every_node_is_in_a_workflow(interface: dict[str, Any]) -> None:
    used = defaultdict(list)
    for name in NAMES:
        for node in read("workflows", f"{name}.json")["nodes"]:
            used[node["type"]].append(name)
    assert set(interface) <= set(used)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_named_by_an_absolute_path(name: str) -> None:
    text = (ROOT / "workflows" / f"{name}.json").read_text(encoding="utf-8")
    assert "/home/" not in text and "/root/" not in text and ":\\\\" not in text
