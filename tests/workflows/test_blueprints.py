"""Every subgraph blueprint: what is described, known nodes, links that fit, widgets that exist."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .blueprints import BLUEPRINTS, INPUTS, OUTPUTS, Blueprint, for_browser
from .templates import CORE, Writer, interface

FOLDER = Path(__file__).resolve().parents[2] / "subgraphs"
NAMES = [blueprint.name for blueprint in BLUEPRINTS]


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer(interface())


def saved(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", range(len(BLUEPRINTS)), ids=NAMES)
def test_files_are_what_is_described(key: int, writer: Writer) -> None:
    """UPDATE_WORKFLOWS=1 writes them anew."""
    graph = for_browser(BLUEPRINTS[key], writer, key)
    if os.environ.get("UPDATE_WORKFLOWS"):
        FOLDER.mkdir(exist_ok=True)
        text = json.dumps(graph, indent=2) + "\n"
        (FOLDER / f"{BLUEPRINTS[key].name}.json").write_text(text, encoding="utf-8")
    assert saved(BLUEPRINTS[key].name) == graph
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=NAMES)
def test_links_and_widgets_fit(blueprint: Blueprint, writer: Writer) -> None:
    graph = saved(blueprint.name)
    (whole,) = graph["nodes"]
    (inside,) = graph["definitions"]["subgraphs"]
    assert whole["type"] == inside["id"]
    nodes = {node["id"]: node for node in inside["nodes"]}
    assert {node["type"] for node in nodes.values()} <= {*interface(), *CORE}
    for link in inside["links"]:
        ends = []
        for node, slot, side, own in (
            (link["origin_id"], link["origin_slot"], "outputs", "inputs"),
            (link["target_id"], link["target_slot"], "inputs", "outputs"),
        ):
            end = inside[own][slot] if node in (INPUTS, OUTPUTS) else nodes[node][side][slot]
            known = end.get("linkIds") or end.get("links") or [end.get("link")]
            assert link["id"] in known
            ends.append(end["type"].split(","))
        assert set(ends[0]) & set(ends[1])
    for node, name in whole["properties"]["proxyWidgets"]:
        assert name in {*writer.widgets(nodes[int(node)]["type"]), "control_after_generate"}
    for mine, outer in (("inputs", "inputs"), ("outputs", "outputs")):
        assert [(e["name"], e["type"]) for e in inside[mine]] == [
            (e["name"], e["type"]) for e in whole[outer]
        ]
