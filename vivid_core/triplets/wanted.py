"""What a triplet is to show: its instruction, and captions of before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from ..build.stage import Rejection
from ..errors import EngineError
from .engines import TripletEngines


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The same in several wordings. The caption of the edit is "" where nobody knows it."""

    instructions: tuple[str, ...]
    source_caption: str
    edited_caption: str

    @property
    def instruction(self) -> str:
        """The wording that models and judges are given."""
        return self.instructions[0]


def write_wanted(
    key: str,
    keyframes: Sequence[UInt8[np.ndarray, "h w 3"]],
    engines: TripletEngines,
    *,
    count: int,
) -> list[Wanted] | Rejection:
    """Describe a clip by its keyframes, and ask for so many instructions to its first frame."""
    try:
        caption = engines.writer.describe(keyframes)
    except EngineError as error:
        return Rejection(key=key, reason="no caption", detail=str(error))
    try:
        written = engines.writer.instruct(keyframes[0], caption, count=count)
    except EngineError as error:
        return Rejection(key=key, reason="no instruction", detail=str(error))
    return [
        Wanted(instructions=(one.text,), source_caption=caption, edited_caption=one.edited_caption)
        for one in written
    ]
