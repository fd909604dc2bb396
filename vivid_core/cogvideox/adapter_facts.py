"""What an adapter file says of itself: read as what a stranger wrote, typed and bounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from ..errors import AdapterError, ModelError
from ..files.weights import parse_json
from .layout import LayoutName

_MOST_TEXT = 2**20  # characters
_MOST_VALUES = 1000  # of a signature
_LARGEST = 10**9  # steps, pixels, alpha
_SHOWN = 40  # characters of a refused value


@dataclass(frozen=True, kw_only=True)
class AdapterFacts:
    """What an adapter is for, and how it was trained."""

    layout: LayoutName
    base_model: str
    base_structure: str  # hash of the base's tensor names and shapes
    base_signature: tuple[float, ...]  # a few of the base's weights
    rank: int
    alpha: float
    train_size: tuple[int, int, int]  # frames, height, width
    prediction_type: str = "v_prediction"
    training_step: int = 0
    knows_last_frame: bool = False  # trained with the last frame known as well as with the first
    licence: str = ""
    dataset: str = ""  # digest of what it was trained on
    configuration: str = ""  # of its training, as JSON


def parse_facts(file: str, text: str) -> AdapterFacts:
    """The facts as written; entries of later versions are passed over.

    Raises AdapterError, which names the file and the entry, for a missing or impossible value.
    """
    try:
        given = parse_json(text, file)
        return AdapterFacts(**{k: read(k, given[k]) for k, read in _READERS.items() if k in given})
    except (ModelError, ValueError, TypeError) as error:
        raise AdapterError(f"{file}: its metadata is damaged ({error})") from error


def positive_number(name: str, value: Any) -> float:
    """A number above 0 that can be meant. Raises ValueError for anything else."""
    if type(value) not in (int, float) or not 0 < value <= _LARGEST:
        raise ValueError(f"{name} is {_shown(value)}, expected a number above 0")
    return float(value)


def _layout(name: str, value: Any) -> LayoutName:
    if value not in get_args(LayoutName):
        raise ValueError(f"{name} is {_shown(value)}, expected one of {get_args(LayoutName)}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise ValueError(f"{name} is {_shown(value)}, expected a text")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {_shown(value)}, expected true or false")
    return value


def _whole(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _LARGEST:
        raise ValueError(f"{name} is {_shown(value)}, expected a whole number above 0")
    return value


def _step(name: str, value: Any) -> int:
    return 0 if value == 0 else _whole(name, value)


def _size(name: str, value: Any) -> tuple[int, int, int]:
    frames, height, width = (_whole(name, item) for item in _list(name, value))
    return frames, height, width


def _signature(name: str, value: Any) -> tuple[float, ...]:
    values = _list(name, value)
    if any(type(item) not in (int, float) or not math.isfinite(item) for item in values):
        raise ValueError(f"{name} is {_shown(value)}, expected numbers")
    return tuple(float(item) for item in values)


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_VALUES:
        raise ValueError(f"{name} is {_shown(value)}, expected a list of numbers")
    return value


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "layout": _layout,
    "base_model": _text,
    "base_structure": _text,
    "base_signature": _signature,
    "rank": _whole,
    "alpha": positive_number,
    "train_size": _size,
    "prediction_type": _text,
    "training_step": _step,
    "knows_last_frame": _flag,
    "licence": _text,
    "dataset": _text,
    "configuration": _text,
}
