"""Samples of a dataset on one sheet, to look at before they are trained on."""

from __future__ import annotations

from textwrap import shorten

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..mask.overlay import overlay_mask
from ..metrics.sheet import SheetRow, draw_sheet, shrink_panel
from ..video import FrameRange
from .frames import FrameStore
from .samples import Dataset, TrainingSample

MOMENTS = ("first", "middle", "last")
PANEL = 160  # pixels of a panel's longer side, at least half of it
LABEL = 110  # letters under a row


def draw_samples(dataset: Dataset, *, count: int, seed: int = 0) -> Float[Tensor, "h w 3"]:
    """Some samples at random: frames, masks or edits, name, captions or task. Pixels in 0..1.

    Shown are the first, the middle and the last frame of those whose mask selects something.
    """
    beside = "mask" if dataset.samples[0].edited is None else "edit"
    picked = np.random.default_rng(seed).permutation(len(dataset.samples))[:count]
    store = FrameStore(budget=0)
    rows = [_row(dataset.samples[index], store) for index in sorted(picked.tolist())]
    height, width = dataset.samples[0].size
    columns = [name for moment in MOMENTS for name in (moment, beside)]
    return draw_sheet(columns, rows, enlarge=max(1, PANEL // max(height, width)))


def _row(sample: TrainingSample, store: FrameStore) -> SheetRow:
    frames = [sample.masked[int(share * (len(sample.masked) - 1))] for share in (0, 0.5, 1)]
    panels: list[Tensor] = []
    for frame in frames:
        window = store.read(sample, FrameRange(start=frame, stop=frame + 1), sample.size)
        beside = window.edited
        if beside is None:
            beside = overlay_mask(window.pixels, window.mask)
        panels += [window.pixels[0], beside[0]]
    words = " | ".join(sample.captions) or "delete"
    label = f"{sample.name} ({sample.frames} frames): {words}"
    return SheetRow(
        label=shorten(label, LABEL, placeholder=" ..."),
        panels=tuple(shrink_panel(panel, 2 * PANEL) for panel in panels),
    )
