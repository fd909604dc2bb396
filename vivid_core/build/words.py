"""Captions of a thing from its crop, and which captions are good enough (VIVID, app. A.5)."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Bool, UInt8

from ..errors import EngineError
from ..perceive.crop import masked_crop
from ..perceive.protocols import Captioner, Captions
from .stage import Rejection

LONGEST = 2000  # letters


def caption_entity(
    key: str,
    frame: UInt8[np.ndarray, "h w 3"],
    mask: Bool[np.ndarray, "h w"],
    label: str,
    captioner: Captioner,
) -> Captions | Rejection:
    """Three captions of what the mask holds, or why there are none."""
    try:
        captions = captioner.captions(masked_crop(frame, mask), label)
    except EngineError as error:
        return Rejection(key=key, reason="no caption", detail=str(error))
    problem = check_captions(captions, label)
    return (
        captions if problem is None else Rejection(key=key, reason="poor caption", detail=problem)
    )


def check_captions(captions: Captions, label: str) -> str | None:
    """What is wrong with captions, or None: three lengths, each with the label in it."""
    for text in captions:
        if not text.strip():
            return "one is empty"
        if len(text) > LONGEST:
            return f"one has {len(text)} letters"
        if not re.search(rf"(?<!\w){re.escape(label)}", text, re.IGNORECASE):
            return f"'{label}' is not in {text[:80]!r}"
    if not len(captions.short) < len(captions.medium) < len(captions.long):
        return f"they are {', '.join(str(len(text)) for text in captions)} letters long"
    return None
