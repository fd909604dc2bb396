"""What all nodes have: schemas that use newer fields where ComfyUI has them, and checked inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import signature
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import host

if TYPE_CHECKING:
    from ..vivid_core.errors import VividError
    from .host import Kind

_KNOWN = {field.name for field in fields(io.Schema)}
_FOLDS = "advanced" in signature(io.Combo.Input).parameters
_CHECKED = "vivid_checked"  # marks an `execute` that is
_LITERALS = (str, int, float, bool, list, dict)  # of JSON; no socket of ours carries one
_NAMES = ("filename_prefix", "name", "folder")  # texts that become part of a path
_LONGEST_NAME = 160  # bytes between two slashes; systems take 255, of which we add some
_SHOWN = 60  # characters of a refused value


class VividNode(io.ComfyNode):
    """A node that gets no value its schema does not allow, and whose errors name an input.

    ComfyUI looks at numbers only, takes null for a link in drop-downs, and lets a request put
    anything on a socket; at linked values it does not look at all.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        execute = cls.__dict__.get("execute")
        if execute is not None and not hasattr(execute.__func__, _CHECKED):
            cls.execute = classmethod(_checked(execute.__func__))


def _checked(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    names = [name for name in signature(execute).parameters if name != "cls"]

    @wraps(execute)
    def checked(cls: type[io.ComfyNode], *values: Any, **named: Any) -> io.NodeOutput:
        from ..vivid_core.errors import VividError

        given = dict(zip(names, values, strict=False)) | named
        inputs = cls.define_schema().inputs
        try:
            for one in inputs:
                if one.id in given:
                    _require_value(one, given[one.id])
            return execute(cls, **given)
        except VividError as error:
            clearer = _at_an_input(error, {one.id: given.get(one.id) for one in inputs})
            if clearer is None:
                raise
            raise clearer from error

    setattr(checked, _CHECKED, True)
    return checked


def _at_an_input(error: VividError, given: dict[str, Any]) -> VividError | None:
    """The error with the input at fault in front; None where it is, or nobody can tell."""
    from ..vivid_core.errors import InputError
    from ..vivid_core.faults import find_fault

    fault = find_fault(error, given)
    if fault is None or str(error) == f"{fault.argument}: {fault.problem}":
        return None
    if isinstance(error, InputError):
        return type(error)(fault.argument, fault.problem)
    return type(error)(f"{fault.argument}: {fault.problem}")


def _require_value(one: Any, value: Any) -> None:
    """Raise InputError for a value that this input cannot have."""
    from ..vivid_core.errors import InputError

    problem = None
    if isinstance(one, io.Combo.Input | io.String.Input):
        problem = _text_problem(one, value)
    elif isinstance(one, io.Int.Input | io.Float.Input):
        problem = _number_problem(one, value)
    elif not isinstance(one, io.Boolean.Input):
        problem = _socket_problem(one, value)
    if problem:
        raise InputError(one.id, problem)


def _number_problem(one: Any, value: Any) -> str | None:
    """ComfyUI looks at the range of what is typed in, not of what comes through a link."""
    if not isinstance(value, Real) or not isfinite(value):
        return f"must be a finite number, got {_shown(value)}"
    if isinstance(one, io.Int.Input) and not isinstance(value, Integral):
        return f"must be a whole number, got {_shown(value)}"
    if one.min is not None and value < one.min:
        return f"must be {one.min} or more, got {_shown(value)}"
    if one.max is not None and value > one.max:
        return f"must be {one.max} or less, got {_shown(value)}"
    return None


def _text_problem(one: Any, value: Any) -> str | None:
    if not isinstance(value, str):
        kind = "one of its choices" if isinstance(one, io.Combo.Input) else "a text"
        return f"must be {kind}, got {_shown(value)}"
    if not _is_unicode(value):
        return "holds half of a character: write the text again"
    return _name_problem(value) if one.id in _NAMES else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_problem(name: str) -> str | None:
    if not name.isprintable():
        return f"is {_shown(name)}: leave out what cannot be printed"
    if any(len(part.encode()) > _LONGEST_NAME for part in name.replace("\\", "/").split("/")):
        return f"has a part of over {_LONGEST_NAME} bytes: choose a shorter name"
    return None


def _socket_problem(one: Any, value: Any) -> str | None:
    if value is None and one.optional:
        return None
    if any(kind in _CARRY_LITERALS and _CARRY_LITERALS[kind](value) for kind in _types_of(one)):
        return None
    if value is None or isinstance(value, _LITERALS):
        return f"connect a {' or '.join(_types_of(one)) or 'link'} here, got {_shown(value)}"
    return None


def _is_boxes(value: Any) -> bool:
    return isinstance(value, list | dict)


def _is_conditioning(value: Any) -> bool:
    """Pairs of a tensor, which no request can hold, and what belongs to it."""
    return isinstance(value, list) and all(
        isinstance(entry, list | tuple)
        and len(entry) == 2
        and not isinstance(entry[0], _LITERALS)
        and isinstance(entry[1], dict)
        for entry in value
    )


def _is_iclora(value: Any) -> bool:
    """How many times smaller an IC-LoRA wants its reference."""
    factor = value.get("reference_downscale_factor") if isinstance(value, dict) else None
    return isinstance(factor, int) and 1 <= factor <= _MOST_TIMES_SMALLER


# ComfyUI's own sockets whose links carry what JSON could hold too.
_CARRY_LITERALS = {
    "BOUNDING_BOX": _is_boxes,
    "CONDITIONING": _is_conditioning,
    "IC_LORA_PARAMETERS": _is_iclora,
}
_MOST_TIMES_SMALLER = 16


def _types_of(one: Any) -> list[str]:
    """Of links that a socket takes."""
    known = getattr(one, "get_io_type", None)  # the oldest supported ComfyUI has it for some
    if known is not None:
        return known().split(",")
    return [str(kind.io_type) for kind in getattr(one, "io_types", ())]


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def schema(**arguments: Any) -> io.Schema:
    """An io.Schema; what this ComfyUI does not know yet (search_aliases, ...) is left out."""
    return io.Schema(**{name: value for name, value in arguments.items() if name in _KNOWN})


def weights_input(name: str, *kinds: Kind, tooltip: str, optional: bool = False) -> io.Input:
    """A choice among the files and folders of these kinds, none at first."""
    found = [choice for kind in kinds for choice in host.choices(kind)]
    return io.Combo.Input(
        name,
        options=[host.NO_WEIGHTS, *found],
        default=host.NO_WEIGHTS,
        optional=optional,
        tooltip=tooltip,
    )


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
