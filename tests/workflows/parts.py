"""What the bundled workflows share."""

from __future__ import annotations

import json
from typing import Any

from .templates import Group, Node

CLIP = (2, "video")
YOUR_CLIP = "Your clip here"
SWAP = (
    "**Your clip**: put *Load Video* in the place of *Your clip here* (hold Shift and drag its "
    "*video* output: all links move at once)"
)


def model(**values: Any) -> Node:
    return Node(id=1, kind="Vivid_LoadModel", values=values)


def clip(**values: Any) -> Node:
    return Node(id=2, kind="Vivid_SampleClip", title=YOUR_CLIP, values=values)


def point(*, size: tuple[int, int], **marks: Any) -> str:
    """Prompts of one object on frame 0."""
    marked = [{"id": 1, "name": "", "frames": {"0": marks}}]
    return json.dumps({"version": 1, "size": list(size), "objects": marked})


def track(prompts: str, **links: Any) -> Node:
    values = {"prompts": prompts, "mask_frame": 0}
    return Node(id=9, kind="Vivid_TrackObject", values=values, links={"video": CLIP, **links})


def click(x: float, y: float) -> Node:
    """Track what a click on frame 0 of a clip of shapes, 64x64, hits."""
    return track(point(size=(64, 64), points=[[x, y, 1]]))


def edit(mask: tuple[int, str], task: str, caption: str = "", **values: Any) -> Node:
    settings = {"task": task, "caption": caption, "seed": 1, "steps": 20, "guidance": 3.0}
    links = {"model": values.pop("model", (1, "model")), "video": CLIP, "mask": mask}
    return Node(id=4, kind="Vivid_EditVideo", values=settings | values, links=links)


def look(name: str, edited: tuple[int, str], mask: tuple[int, str], *, fps: float = 8.0) -> Group:
    """Compare, and save with the rate, timing and sound of the source."""
    compare = Node(
        id=5,
        kind="Vivid_CompareEdit",
        values={"fps": fps, "filename_prefix": f"vivid/{name}_compare"},
        links={"source": CLIP, "edit": edited, "mask": mask},
    )
    save = Node(
        id=7,
        kind="SaveVideo",
        values={"filename_prefix": f"vivid/{name}"},
        links={"video": edited},
    )
    return Group(title="4 look", nodes=(compare, save))
