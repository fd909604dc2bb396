"""Every bundled workflow: known nodes, valid links, and the same graph in both formats."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from .bundled import TEMPLATES
from .templates import CORE, Writer

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "workflows").glob("*.json"))
NOTE = "MarkdownNote"  # exists in the browser only
MOST_HEIGHT, MOST_WIDTH = 1_250, 2_800  # pixels of the graph


def read(*parts: str) -> Any:
    return json.loads(ROOT.joinpath(*parts).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def interface() -> dict[str, Any]:
    return read("tests", "nodes", "interface.json")


def test_there_are_workflows_in_both_formats() -> None:
    assert sorted(template.name for template in TEMPLATES) == NAMES
    assert sorted(path.stem for path in (ROOT / "workflows" / "api").glob("*.json")) == NAMES


NEED_MORE = {  # than a workflow that runs at once has: weights of engines, pairs of clips
    "Vivid_LoadEngine", "Vivid_TagFrame", "Vivid_DetectEntities", "Vivid_SegmentEntities",
    "Vivid_CaptionEntity", "Vivid_WriteInstructions", "Vivid_WritePair", "Vivid_CameraMotionClip",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_thumbnail_is_there(name: str) -> None:
    assert (ROOT / "workflows" / f"{name}.jpg").is_file()


@pytest.mark.parametrize("key", range(len(TEMPLATES)), ids=[t.name for t in TEMPLATES])
def test_files_are_what_is_described(key: int, interface: dict[str, Any]) -> None:
    """UPDATE_WORKFLOWS=1 writes them anew."""
    template, writer = TEMPLATES[key], Writer(interface)
    written = {
        ROOT / "workflows" / f"{template.name}.json": writer.for_browser(template, key),
        ROOT / "workflows" / "api" / f"{template.name}.json": writer.for_servers(template),
    }
    for file, graph in written.items():
        if os.environ.get("UPDATE_WORKFLOWS"):
            file.write_text(json.dumps(graph, indent=2) + "\n", encoding="utf-8")
        assert json.loads(file.read_text(encoding="utf-8")) == graph


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


def test_apps_show_widgets_and_results_that_there_are() -> None:
    """ComfyUI leaves out what it does not find; an editor stands in for the text behind it."""
    apps = 0
    for template in TEMPLATES:
        graph = read("workflows", f"{template.name}.json")
        app = graph["extra"].get("linearData")
        if app is None:
            continue
        apps += 1
        kinds = {node["id"]: node["type"] for node in graph["nodes"]}
        known = read("tests", "nodes", "interface.json")
        for node, name in app["inputs"]:
            inputs = {entry["name"] for entry in known[kinds[int(node)]]["inputs"]}
            assert name.removesuffix("_editor") in inputs
        assert [kinds[int(node)] for node in app["outputs"]] == ["SaveVideo"]
        assert graph["extra"]["linearMode"] is False
    assert apps == 4


FROM_FOLDERS = {"vivid_build_instruction_dataset"}  # no clip is taken from a node


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FROM_FOLDERS])
def test_one_link_is_moved_to_use_another_clip(name: str) -> None:
    """All that is taken from the sample clip is its VIDEO: Load Video gives one as well."""
    graph = read("workflows", f"{name}.json")
    (clip,) = (node for node in graph["nodes"] if node["type"] == "Vivid_SampleClip")
    taken = {link[2] for link in graph["links"] if link[1] == clip["id"]}
    assert {clip["outputs"][slot]["name"] for slot in taken} == {"video"}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_readable_when_opened(name: str) -> None:
    """Higher graphs are shown so small that the page draws no text."""
    graph = read("workflows", f"{name}.json")
    tops = [node["pos"][1] for node in graph["nodes"]]
    bottoms = [node["pos"][1] + node["size"][1] for node in graph["nodes"]]
    assert max(bottoms) - min(tops) <= MOST_HEIGHT
    lefts = [node["pos"][0] for node in graph["nodes"]]
    rights = [node["pos"][0] + node["size"][0] for node in graph["nodes"]]
    assert max(rights) - min(lefts) <= MOST_WIDTH
    boxes = [(*node["pos"], *node["size"]) for node in graph["nodes"]]
    for number, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, high in boxes[:number]:
            apart = x >= left + wide or left >= x + width or y >= top + high or top >= y + height
            assert apart


def test_every_node_is_in_a_workflow(interface: dict[str, Any]) -> None:
    """But for those that see, which need weights: a workflow runs with nothing downloaded."""
    used = defaultdict(list)
    for name in NAMES:
        for node in read("workflows", f"{name}.json")["nodes"]:
            used[node["type"]].append(name)
    assert set(interface) - set(used) == NEED_MORE


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_named_by_an_absolute_path(name: str) -> None:
    text = (ROOT / "workflows" / f"{name}.json").read_text(encoding="utf-8")
    assert "/home/" not in text and "/root/" not in text and ":\\\\" not in text
