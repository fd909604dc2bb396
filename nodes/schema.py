"""Node schemas that use newer fields of ComfyUI where it has them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from comfy_api.latest import io

_KNOWN = {field.name for field in fields(io.Schema)}


def schema(**arguments: Any) -> io.Schema:
    """An io.Schema; what this ComfyUI does not know yet (search_aliases, ...) is left out."""
    return io.Schema(**{name: value for name, value in arguments.items() if name in _KNOWN})


def check_choices(node: type[io.ComfyNode], **chosen: str | None) -> str | None:
    """Which value is not offered, or None; linked values are not known yet (None).

    Older ComfyUI lets any value through.
    """
    offered = {
        i.id: i.options for i in node.define_schema().inputs if isinstance(i, io.Combo.Input)
    }
    for name, value in chosen.items():
        if value is not None and value not in offered[name]:
            return f"{name}: '{value}' is not one of {', '.join(offered[name])}"
    return None
