"""Node schemas that use newer fields of ComfyUI where it has them."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from typing import Any

from comfy_api.latest import io

_KNOWN = {field.name for field in fields(io.Schema)}
_FOLDS = "advanced" in signature(io.Combo.Input).parameters


def schema(**arguments: Any) -> io.Schema:
    """An io.Schema; what this ComfyUI does not know yet (search_aliases, ...) is left out."""
    return io.Schema(**{name: value for name, value in arguments.items() if name in _KNOWN})


def advanced() -> dict[str, Any]:
    """Arguments of an input that is rarely changed: folded away where this ComfyUI can do that."""
    return {"advanced": True} if _FOLDS else {}


def fixed_seed() -> dict[str, Any]:
    """Arguments of a seed that stays as it is after a run.

    An older ComfyUI knows only whether there is such a control, which then begins with "randomize".
    """
    control = getattr(io, "ControlAfterGenerate", None)
    return {"control_after_generate": True if control is None else control.fixed}


def require_choices(node: type[io.ComfyNode], **chosen: Any) -> None:
    """Raise InputError for a drop-down's value that is not offered.

    ComfyUI looks itself before a run, but not if older, and never at linked values. It reports
    what `validate_inputs` refuses at each input that the function names: name no drop-downs there.
    """
    from ..vivid_core.errors import InputError

    for i in node.define_schema().inputs:
        if not isinstance(i, io.Combo.Input) or i.id not in chosen:
            continue
        if chosen[i.id] not in i.options:
            offered = ", ".join(str(option) for option in i.options)
            raise InputError(i.id, f"'{chosen[i.id]}' is not one of {offered}")
