"""Nodes that wait for somebody to decide: what follows is not run, and nothing is called failed."""

from __future__ import annotations

import logging
from typing import Any

from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from . import previews

log = logging.getLogger(__name__)


def wait(node: type[io.ComfyNode], words: str, shown: dict[str, Any]) -> io.NodeOutput:
    """What a node gives that cannot go on: `words` on itself say what to do, beside what is shown.

    Headless runs find the words in the history, and in the log.
    """
    log.warning("%s", words)
    # Blocked without a message: with one, ComfyUI calls what follows failed.
    blocked = [ExecutionBlocker(None)] * len(node.define_schema().outputs)
    return io.NodeOutput(*blocked, ui=shown | previews.text(words))
