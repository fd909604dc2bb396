"""Configuration files: YAML into frozen dataclasses, every mistake told with its place."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import InputError
from .guarded import read_text

Config = TypeVar("Config")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
MOST_BYTES = 2**20  # of a configuration
_LONGEST = 300  # characters of what YAML's parser says
_SHOWN = 60  # characters of a refused value


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping a YAML file holds. Raises InputError for a file that is missing or none."""
    import yaml

    try:
        data = yaml.safe_load(read_text(path, most_bytes=MOST_BYTES))
    except RecursionError as error:
        raise InputError("config", f"{path} is nested too deeply: write it flat") from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # dates and numbers that are none too
        words = " ".join(str(error).split())
        raise InputError("config", f"{path} cannot be read: {words[:_LONGEST]}") from error
    if not isinstance(data, dict):
        raise InputError("config", f"{path} must hold a mapping, such as 'data: my_clips'")
    return data


def read_config(kind: type[Config], path: Path) -> Config:
    """A dataclass from a YAML file; relative paths in it start where it lies.

    Those of the mappings in it are not touched. Raises InputError as `build_config`.
    """
    config = build_config(kind, read_yaml(path), where=str(path))
    here = path.absolute().parent
    placed = {
        item.name: _placed(getattr(config, item.name), here)
        for item in fields(config)  # pyright: ignore[reportArgumentType]
    }
    return replace(config, **placed)  # pyright: ignore[reportArgumentType, reportCallIssue]


def build_config(kind: type[Config], data: Mapping[Any, Any], *, where: str) -> Config:
    """A dataclass with these values, nested ones from nested mappings.

    `where` names the source in errors. Raises InputError for unknown and missing keys, for values
    of another type and for those that the dataclass itself refuses (ValueError), each with its
    place. Whole numbers serve as numbers, and so does a text such as 1e-3, which YAML 1.1 does
    not take for a number.
    """
    hints = get_type_hints(kind)
    declared = {item.name: item for item in fields(kind)}  # pyright: ignore[reportArgumentType]
    for key in data:
        if key not in declared:
            raise InputError("config", f"{where}: {_unknown(str(key), list(declared))}")
    for name, item in declared.items():
        needed = item.default is MISSING and item.default_factory is MISSING
        if needed and name not in data:
            raise InputError("config", f"{where}: {name} is missing: it has no default")
    values = {name: _value(hints[name], data[name], f"{where}: {name}") for name in data}
    try:
        return kind(**values)
    except ValueError as error:
        text = str(error).removeprefix("config: ")
        raise InputError("config", f"{where}: {text}") from error


def plain_values(config: Any) -> Any:
    """A configuration as mappings, lists, texts and numbers, from which it can be built again."""
    if is_dataclass(config):
        return {item.name: plain_values(getattr(config, item.name)) for item in fields(config)}
    if isinstance(config, tuple):
        return [plain_values(item) for item in config]
    return str(config) if isinstance(config, Path) else config


def _placed(value: Any, here: Path) -> Any:
    if isinstance(value, tuple):
        return tuple(_placed(item, here) for item in value)
    return here / value if isinstance(value, Path) else value


def _unknown(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1, cutoff=0)
    return f"{key!r} is unknown: did you mean {near[0]!r}? known: {', '.join(known)}"


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _optional(hint, value, where)
    if origin is Literal:
        return _choice(get_args(hint), value, where)
    if origin is tuple:
        return _tuple(get_args(hint), value, where)
    if origin is dict or (isinstance(hint, type) and is_dataclass(hint)):
        if not isinstance(value, Mapping):
            raise _refused(where, "a mapping", value)
        if origin is dict:
            of_key, of_item = get_args(hint)
            return {
                _value(of_key, key, where): _value(of_item, item, f"{where}: {key}")
                for key, item in value.items()
            }
        return build_config(hint, value, where=where)
    return _plain(hint, value, where)


def _optional(hint: Any, value: Any, where: str) -> Any:
    if value is None:
        return None
    (inner,) = [part for part in get_args(hint) if part is not type(None)]
    return _value(inner, value, where)


def _choice(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if isinstance(value, str) and value in choices:
        return value
    raise _refused(where, "one of " + ", ".join(map(str, choices)), value)


def _tuple(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _refused(where, "a list", value)
    if hints[-1] is ...:
        hints = hints[:1] * len(value)
    if len(hints) != len(value):
        raise _refused(where, f"a list of {len(hints)}", value)
    return tuple(
        _value(hint, item, f"{where}[{i}]")
        for i, (hint, item) in enumerate(zip(hints, value, strict=True))
    )


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is Path:
        if not isinstance(value, str) or not value:
            raise _refused(where, "a path", value)
        return Path(value).expanduser()
    if hint is float:
        value = _number(value, where)
    if isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool):
        return value
    raise _refused(where, _WORDS[hint], value)


def _number(value: Any, where: str) -> float:
    """NaN is no setting."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if not math.isnan(number):
            return number
    raise _refused(where, _WORDS[float], value)


def _refused(where: str, wanted: str, value: Any) -> InputError:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return InputError("config", f"{where}: needs {wanted}, got {shown}")
