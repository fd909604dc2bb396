"""What a build has made lately, as a small picture."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..data.built import EDITED, MASKS, SOURCE
from ..data.shards import StoredSample
from ..errors import VividError
from ..mask.overlay import overlay_mask
from ..media import VideoReader, read_mask
from ..metrics.sheet import SheetRow, draw_sheet, shrink_panel
from ..video import FrameRange
from .chores import Outcome
from .units import WorkFolder

SHOWN, SIDE, EVERY = 4, 192, 2.0  # samples; pixels of a panel; seconds from picture to picture


class Preview:
    """The first frames of the newest samples with their masks."""

    def __init__(self, work: WorkFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self._work, self._clock, self._drawn = work, clock, float("-inf")
        self._rows: deque[SheetRow] = deque(maxlen=SHOWN)

    def of(self, outcome: Outcome) -> Float[Tensor, "1 h w 3"] | None:
        """A picture with a sample of this outcome in it; None where there is none, or too soon."""
        if not outcome.samples or self._clock() - self._drawn < EVERY:
            return None
        self._drawn = self._clock()
        try:
            row = self._row(outcome)
        except VividError:  # whoever packs the samples will tell
            return None
        self._rows.append(row)
        same = [r for r in self._rows if r.panels[0].shape == row.panels[0].shape]
        return draw_sheet(("source", "mask or edit"), same)[None]

    def _row(self, outcome: Outcome) -> SheetRow:
        result = self._work.load(outcome.phase, outcome.key)
        assert result is not None
        sample = next(self._work.samples(outcome.phase, result, outcome.key))
        first = _first_frame(sample, SOURCE)
        assert first is not None
        shown = _first_frame(sample, EDITED)
        if shown is None:
            shown = overlay_mask(first, read_mask(sample.members[MASKS])[:1])
        panels = tuple(_fit(panel) for panel in (first[0], shown[0]))
        words = sample.record.captions[0] if sample.record.captions else "delete"
        return SheetRow(label=f"{sample.record.label}: {words}"[:60], panels=panels)


def _first_frame(sample: StoredSample, kind: str) -> Float[Tensor, "1 h w 3"] | None:
    """Of the sample's video of this kind, if it has one."""
    for name, path in sample.members.items():
        if name.startswith(f"{kind}."):
            return VideoReader(path, range=FrameRange(start=0, stop=1)).read_all()
    return None


def _fit(panel: Float[Tensor, "h w 3"]) -> Float[Tensor, "y x 3"]:
    """Small, or enlarged pixel by pixel."""
    small = shrink_panel(panel, SIDE)
    times = max(1, SIDE // max(small.shape[:2]))
    return torch.repeat_interleave(torch.repeat_interleave(small, times, 0), times, 1)
