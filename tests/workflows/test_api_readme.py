"""workflows/api/README.md says of every API workflow where its outputs are found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

API = Path(__file__).resolve().parents[2] / "workflows" / "api"
README = API / "README.md"
START, END = "<!-- outputs: made by the tests -->\n", "<!-- end of outputs -->"
# What a node leaves in the history: its key, what lies there, and where (None: words, no file).
FOUND: dict[str, list[tuple[str, str, str | None]]] = {
    "SaveVideo": [("images", "the edited video", "output")],
    "Vivid_EditVideo": [
        ("text", "the report", None),
        ("images", "a small moving preview", "temp"),
    ],
    "Vivid_PropagateKeyframes": [
        ("text", "the report", None),
        ("images", "a small moving preview", "temp"),
    ],
    "Vivid_EditLongVideo": [
        ("text", "the report", None),
        ("images", "the edited video (`format` mp4; of others a preview)", "output"),
        ("video", "the edited video of other formats, and the mask with `save_mask`", "output"),
    ],
    "Vivid_EditKeyframe": [
        ("text", "what a candidate costs", None),
        ("images", "all candidates on a sheet", "temp"),
    ],
    "Vivid_EditByInstruction": [
        ("text", "the report", None),
        ("images", "a small moving preview", "temp"),
    ],
    "Vivid_SweepGuidance": [
        ("text", "what a candidate costs", None),
        ("images", "all candidates on a sheet", "temp"),
    ],
    "Vivid_ScreenEdits": [
        ("text", "which is best, why, and all figures", None),
        ("images", "all candidates on a sheet", "temp"),
    ],
    "Vivid_PropagateEdit": [
        ("text", "the report", None),
        ("images", "a small moving preview", "temp"),
    ],
    "Vivid_FilterEdit": [("text", "passed, or why not, with figures", None)],
    "Vivid_FillBackground": [("text", "how much was filled", None)],
    "Vivid_CompareEdit": [
        ("images", "source, edit and difference on a sheet", "output"),
        ("vivid_compare", "the measured differences: `measures`", None),
    ],
    "Vivid_EstimateCost": [("text", "the cost", None)],
    "Vivid_MeasureEdit": [("text", "the figures", None)],
    "Vivid_TrainAdapter": [
        ("text", "steps, loss, speed, and where the files are", None),
        ("images", "loss curves and edits", "temp"),
    ],
    "Vivid_SampleDataset": [("text", "how many clips, and where", None)],
    "Vivid_LoadDataset": [("text", "how many clips, and where", None)],
    "Vivid_BuildDataset": [
        ("text", "samples, rejections by reason, failures, and where it is", None),
        ("images", "some samples on a sheet", "temp"),
    ],
    "Vivid_BuildInstructionDataset": [
        ("text", "samples, rejections by reason, failures, Table 2, and where it is", None),
        ("images", "some samples on a sheet: source and edit side by side", "temp"),
    ],
    "Vivid_FilterSample": [("text", "passed, or why not, with figures", None)],
    "Vivid_WriteSamples": [("text", "how many samples, and where", None)],
    "Vivid_SaveAdapter": [("text", "where the file is", None)],
    "Vivid_MergeAdapter": [("text", "where the file is", None)],
    "Vivid_TrackObject": [("text", "how sure the track is", None)],
}
# They show something on the page, which nobody needs to fetch.
FOR_THE_PAGE = {
    "Vivid_SampleClip", "Vivid_AugmentMask", "Vivid_OverlayMask", "Vivid_AnimateMask",
    "Vivid_FrameForEditing",
    "Vivid_PropagateBackgroundMask", "Vivid_PickKeyframe", "Vivid_PlotTraining",
    "Vivid_PasteMask",
}  # fmt: skip
# Their results go to other nodes only.
SILENT = {
    "EmptyImage", "ImageCompositeMasked",
    "Vivid_LoadModel", "Vivid_LoadAdapter", "Vivid_ApplyAdapter", "Vivid_LoadTracker",
    "Vivid_LoadFlow", "Vivid_UseCoreModel", "UNETLoader", "CLIPLoader", "VAELoader",
    "Vivid_UseKeyframe", "CreateVideo", "LoadVideo", "GetVideoComponents", "LoadImage",
}  # fmt: skip


def outputs(graph: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str | None]]:
    """Node id, class, key, what, where."""
    for node, data in graph.items():
        for key, what, where in FOUND.get(data["class_type"], []):
            yield node, data["class_type"], key, what, where


def table() -> str:
    lines = []
    for path in sorted(API.glob("*.json")):
        graph = json.loads(path.read_text(encoding="utf-8"))
        lines += [
            f"### {path.name}\n",
            "| node | class | key | what |",
            "|---|---|---|---|",
            *(
                f"| {node} | {kind} | `{key}` | {what}{f' (`{where}`)' if where else ''} |"
                for node, kind, key, what, where in outputs(graph)
            ),
            "",
        ]
    return "\n".join(lines)


def test_the_readme_says_where_outputs_are_found() -> None:
    """UPDATE_README=1 writes it anew."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    wanted = before + START + "\n" + table() + END + after
    if os.environ.get("UPDATE_README"):
        README.write_text(wanted, encoding="utf-8")
    assert README.read_text(encoding="utf-8") == wanted


def test_every_class_of_the_workflows_is_accounted_for() -> None:
    used = {
        data["class_type"]
        for path in API.glob("*.json")
        for data in json.loads(path.read_text(encoding="utf-8")).values()
    }
    assert used <= {*FOUND, *FOR_THE_PAGE, *SILENT}
