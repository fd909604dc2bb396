"""Captions made of a label and of the crop's measures, where no model is at hand to describe it.

It sees nothing: what it says is true, and poor. It lets the rest of a dataset be built and looked
at before a captioner is chosen; nobody should train on its words.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from ..errors import EngineError
from ..files.digest import digest_of
from .answers import OPENING
from .crop import BLANK
from .protocols import Captions
from .vocabulary import plain_label

METHOD = 1  # part of the digest
LONG = 1.25  # ratio of the sides from which a thing is wide or tall
DARK, BRIGHT = 85, 170  # of 255: mean of the channels below and above which a thing is so


class LabelCaptioner:
    """Names the thing, then its form and how bright it is, then its size in pixels."""

    @property
    def digest(self) -> str:
        return digest_of("labels", METHOD)

    def captions(self, crop: UInt8[np.ndarray, "h w 3"], label: str) -> Captions:
        """Raises EngineError for a label without words."""
        name = plain_label(label)
        if not name:
            raise EngineError(f"no caption can be made of the label {label!r}: it has no words")
        shown = (crop != BLANK).any(axis=2)  # black parts of the thing look like its surroundings
        if not shown.any():
            shown = np.ones_like(shown)
        height, width = (_extent(shown.any(axis=axis)) for axis in (1, 0))
        article = "an" if name[0] in "aeiou" else "a"
        short = f"{OPENING} {article} {name}"
        medium = f"{short}. The {name} is {_tone(crop[shown])} and {_form(width, height)}"
        size = f"about {width} pixels wide and {height} pixels tall"
        return Captions(short=short, medium=medium, long=f"{medium}. In the picture it is {size}")


def _extent(shown: np.ndarray) -> int:
    """From the first to the last place where something is."""
    places = np.flatnonzero(shown)
    return int(places[-1] - places[0]) + 1


def _form(width: int, height: int) -> str:
    if width > LONG * height:
        return "wider than tall"
    return "taller than wide" if height > LONG * width else "about as wide as tall"


def _tone(pixels: UInt8[np.ndarray, "n 3"]) -> str:
    mean = float(pixels.mean())
    return "dark" if mean < DARK else "bright" if mean > BRIGHT else "of medium brightness"
