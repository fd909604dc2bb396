"""Masks from boxes by a tracker's own look at one frame: SAM 2, or colours where it has none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from ..files.digest import digest_of
from ..track.engine import Engine
from ..track.prompts import Box as PromptBox
from ..track.prompts import FramePrompt
from .protocols import Box


class TrackerSegmenter:
    """A segmenter made of a tracking engine, so that one model finds things and follows them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def digest(self) -> str:
        return digest_of("boxes", self._engine.digest)

    def masks(
        self, frame: UInt8[np.ndarray, "h w 3"], boxes: Sequence[Box]
    ) -> Bool[np.ndarray, "n h w"]:
        if not boxes:
            return np.zeros((0, *frame.shape[:2]), bool)
        view = self._engine.view(frame)
        return np.stack([self._mask(view, box) for box in boxes])

    def _mask(self, view: object, box: Box) -> np.ndarray:
        left, top, right, bottom = box
        prompt = FramePrompt(frame=0, box=PromptBox(left=left, top=top, right=right, bottom=bottom))
        return self._engine.follower(1).prompt(view, prompt).pixels
