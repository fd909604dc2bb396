"""Call ComfyUI's own nodes, whose work stays theirs."""

from __future__ import annotations

from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from ...vivid_core.errors import ModelError


def call_node(node_id: str, *, since: str = "", **inputs: Any) -> tuple[Any, ...]:
    """What a node of ComfyUI gives back for these inputs.

    Raises ModelError where there is no such node (`since` names a version that has it), or where
    its inputs are others than the ones that were known here.
    """
    # ComfyUI's own module, whose name is that of a folder here.
    found = import_module("nodes").NODE_CLASS_MAPPINGS.get(node_id)
    if found is None:
        raise ModelError(
            f"this ComfyUI has no node {node_id}, which this model needs: update ComfyUI"
            + (f" ({since} has it)" if since else "")
        )
    execute = getattr(found, "execute", None) or getattr(found(), found.FUNCTION)
    _require_inputs(node_id, execute, inputs)
    result = execute(**inputs)
    return tuple(getattr(result, "args", result))


def _require_inputs(node_id: str, execute: Any, inputs: dict[str, Any]) -> None:
    """Raise ModelError if a node takes other inputs than these."""
    takes = signature(execute).parameters
    wanted = {
        name
        for name, one in takes.items()
        if one.default is Parameter.empty and one.kind is not Parameter.VAR_KEYWORD
    }
    others = sorted((set(inputs) - set(takes)) | (wanted - set(inputs)))
    if others:
        raise ModelError(
            f"ComfyUI's node {node_id} has other inputs than it had ({', '.join(others)}): update "
            "this pack, or take the ComfyUI that its README names"
        )
