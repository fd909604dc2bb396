"""Which of a caller's arguments an error is about, so that its words can begin with its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import (
    AdapterError,
    CaptionError,
    EndpointError,
    EngineError,
    MaskError,
    MediaError,
    ModelError,
    SizeError,
    TrainingDiverged,
    VividError,
    WriteError,
)

# What the core calls a thing, and what callers call it: of these the first that was given.
_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "caption": ("captions",),
    "data": ("dataset", "folder", "name"),
    "endpoint": ("engine", "tagger", "captioner"),
    "entity": ("entities",),
    "frames": ("video", "image", "source", "length", "dataset", "folder"),
    "generators": ("seed",),
    "guidance": ("text_guidance",),
    "later_captions": ("later_caption",),
    "log": ("name",),
    "lora": ("rank",),
    "mask_out": ("out", "filename_prefix"),
    "memory": ("batch",),
    "out": ("filename_prefix", "name"),
    "path": ("out", "filename_prefix"),
    "pixels": ("video", "image", "source"),
    "pts": ("video",),
    "radius": ("radius_max",),
    "range": ("first_frame", "video"),
    "series": ("name",),
    "size": ("video", "width", "dataset", "folder"),
    "sound": ("video",),
    "start_from": ("start",),
    "work": ("video",),
}
_ENGINES = ("engine", "judge", "writer", "captioner", "tagger")
# What an error of a kind is about where its words name nothing that was given.
_KINDS: tuple[tuple[type[VividError], tuple[str, ...]], ...] = (
    (WriteError, ("out", "filename_prefix", "name")),
    (AdapterError, ("trained", "adapter", "start")),
    (ModelError, ("model", "weights", "clip_model", "engine", "tracker", "flow", "adapter")),
    (CaptionError, ("caption", "captions")),
    (MaskError, ("mask",)),
    (SizeError, ("video", "length", "width")),
    (MediaError, ("video", "image", "source", "dataset", "folder")),
    (EngineError, _ENGINES),
    (EndpointError, _ENGINES),
    (TrainingDiverged, ("learning_rate",)),
)
_INDEX = re.compile(r"\[.*\]$")
_MARKS = "/\\."  # which names of files have
MOST_HEADS = 5  # colons that are looked at


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`argument` is the caller's own name, `problem` what is wrong with it."""

    argument: str
    problem: str


def find_fault(
    error: VividError, given: Mapping[str, Any], *, otherwise: str | None = None
) -> Fault | None:
    """What an error is about, of a caller's arguments by name (None, "", []: not given).

    The error's own words come first, then a file that they mention, then `otherwise` or what an
    error of its kind is about. None where nothing points at an argument.
    """
    named = _by_name(str(error), given)
    if named is not None:
        return named
    argument = _by_file(str(error), given) or otherwise or _by_kind(error, given)
    return None if argument is None else Fault(argument=argument, problem=str(error))


def _by_name(text: str, given: Mapping[str, Any]) -> Fault | None:
    """By what stands before a colon: an argument, or a place in one, such as `loop: steps`."""
    *heads, _ = text.split(": ", MOST_HEADS)
    names = [_INDEX.sub("", head).split(", ")[0] for head in heads]
    own = ((number, name) for number, name in enumerate(names) if name in given)
    others = (
        (number, argument)
        for number, name in enumerate(names)
        if (argument := _first_given(_OTHER_NAMES.get(name, ()), given))
    )
    for number, argument in (*own, *others):
        return Fault(argument=argument, problem=text.split(": ", number + 1)[-1])
    return None


def _by_file(text: str, given: Mapping[str, Any]) -> str | None:
    """By the longest name of a file that the text mentions, or begins with."""
    found = [
        (len(place), argument)
        for argument, value in given.items()
        for place in _places(value)
        if _mentions(text, place)
    ]
    return max(found, key=lambda item: item[0])[1] if found else None


def _mentions(text: str, place: str) -> bool:
    if not any(mark in place for mark in _MARKS):  # a plain word may mean itself
        return text.startswith(f"{place}: ")
    return re.search(rf"(?<![\w.]){re.escape(place)}(?!\w)", text) is not None


def _by_kind(error: VividError, given: Mapping[str, Any]) -> str | None:
    candidates = (names for kind, names in _KINDS if isinstance(error, kind))
    return next(filter(None, (_first_given(names, given) for names in candidates)), None)


def _first_given(names: Iterable[str], given: Mapping[str, Any]) -> str | None:
    """The first that has a value; else the first that could have one."""
    known = [name for name in names if name in given]
    return next((name for name in known if _is_given(given[name])), known[0] if known else None)


def _is_given(value: Any) -> bool:
    return not (value is None or (isinstance(value, str | list | tuple) and not value))


def _places(value: Any) -> Iterator[str]:
    """The files that a value names, as errors show them."""
    for item in value if isinstance(value, list | tuple) else [value]:
        if not isinstance(item, str | Path):
            continue
        text = str(item) if isinstance(item, Path) else item.rpartition("@")[0] or item
        if any(letter.isalnum() for letter in text):
            yield text
            yield re.split(r"[/\\]", text)[-1]
