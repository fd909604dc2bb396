"""Which part of a picture is the mask, as it is named behind the path.

`cutout.png@opaque` or `@transparent` is a side of its alpha, `labels.png@3` an entry of its palette
(or a grey of that value), `objects.mkv@#ff0000` one of its colours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Side = Literal["transparent", "opaque"]  # of an image's alpha
_LABEL = re.compile(r"\d{1,5}")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, kw_only=True)
class Label:
    """An entry of the palette; of a picture without one, a grey as it is stored."""

    number: int

    def __str__(self) -> str:
        return str(self.number)


@dataclass(frozen=True, kw_only=True)
class Color:
    """Red, green and blue, 0..255."""

    rgb: tuple[int, int, int]

    def __str__(self) -> str:
        return "#{:02x}{:02x}{:02x}".format(*self.rgb)


Part = Side | Label | Color


def split_part(path: Path) -> tuple[Path, Part | None]:
    """A path and the part that is named behind it; a file that has such a name is itself meant."""
    name, _, text = path.name.rpartition("@")
    part = _part_named(text) if name else None
    if part is None or path.exists():
        return path, None
    return path.with_name(name), part


def _part_named(text: str) -> Part | None:
    for side in get_args(Side):
        if text == side:
            return side
    if _LABEL.fullmatch(text):
        return Label(number=int(text))
    if _COLOR.fullmatch(text):
        red, green, blue = bytes.fromhex(text[1:])
        return Color(rgb=(red, green, blue))
    return None
