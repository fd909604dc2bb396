"""EditVerseBench (Ju et al. 2025): numbered entries in one JSON, edits in folders of these numbers.

    {"0": {"<text>": "<video1> Add a crown", "<video1>": "videos/1.mp4", "type": "add object",
           "target_prompt": "A young woman with a crown ...", "direction": "horizontal"}}
    EDITS/0/generate.mp4, and EDITS/0/video1.mp4: the source as it was fed in

Masks are taken from `inpaint_video_and_masks`, where an entry names one, and from masks/NAME.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ...data.formats.columns import text_of
from ...data.formats.record import confined
from ...errors import InputError
from ..manifest import ARGUMENT, ID, EvaluationCase
from .lying import MASKS, find_mask

TEXT, SOURCE, TARGET, KIND = "<text>", "<video1>", "target_prompt", "type"
OTHER_VIDEO = re.compile(r"<video\d+>")
PAINTED = "inpaint_video_and_masks"
EDIT, FED = "generate", "video1"  # in an edit's folder
NOTES = (
    "EditVerseBench: CLIP text is its frame text alignment, DINO its DINO consistency, ViCLIP out "
    "its video text alignment (of up to 8 frames of the clip). Its CLIP "
    "consistency is of vectors before CLIP's projection, TC of those behind it; before PickScore "
    "it makes frames over 672 pixels smaller.",
)


def is_benchmark(data: Any) -> bool:
    """Whether a JSON is such a set: an object whose entries have a text with tags."""
    if not isinstance(data, dict) or "samples" in data:
        return False
    return any(isinstance(entry, dict) and TEXT in entry for entry in data.values())


def read_cases(path: Path, data: Mapping[str, Any]) -> list[EvaluationCase]:
    """A case an entry. Raises InputError that names the entry."""
    cases = []
    for number, entry in data.items():
        try:
            cases.append(_case(number, entry, path.parent))
        except InputError as error:
            raise InputError(ARGUMENT, f"{path}, entry {number!r}: {error.problem}") from error
    return cases


def _case(number: str, entry: Any, root: Path) -> EvaluationCase:
    if not ID.fullmatch(number):
        raise InputError(ARGUMENT, "may hold letters, digits, - and _ only: it names a folder")
    if not isinstance(entry, dict):
        raise InputError(ARGUMENT, f"must be an object, got {type(entry).__name__}")
    source = confined(root, _text(entry, SOURCE))
    return EvaluationCase(
        name=number,
        source=source,
        mask=_mask(entry, root),
        task="modify",
        caption=_text(entry, TARGET),
        truth=None,
        group=str(source),
        kind=_text(entry, KIND),
        instruction=_text(entry, TEXT),
        whole_caption=True,
        edit=f"{number}/{EDIT}",
        beside=f"{number}/{FED}",
    )


def _text(entry: Mapping[str, Any], key: str) -> str:
    text = text_of(entry, key)
    if not text:
        raise InputError(ARGUMENT, f"has no {key!r}; it has {', '.join(map(repr, entry))}")
    return text


def _mask(entry: Mapping[str, Any], root: Path) -> Path | None:
    for tag in entry:
        if tag == SOURCE or not OTHER_VIDEO.fullmatch(tag):
            continue
        named = PurePosixPath(_text(entry, tag))
        if named.parts[0] == PAINTED and "mask" in named.stem.casefold():
            path = confined(root, str(named))
            return path if path.exists() else None
    stem = PurePosixPath(_text(entry, SOURCE)).stem
    return find_mask(root, [f"{PAINTED}/{stem}_mask", f"{MASKS}/{stem}"])
