"""Node schemas that use newer fields of ComfyUI where it has them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from comfy_api.latest import io

_KNOWN = {field.name for field in fields(io.Schema)}


def schema(**arguments: Any) -> io.Schema:
    """An io.Schema; what this ComfyUI does not know yet (search_aliases, ...) is left out."""
    return io.Schema(**{name: value for name, value in arguments.items() if name in _KNOWN})
