"""Cut one thing out of its frame, with everything around it erased."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt8

from ..errors import MaskError

MARGIN = 0.08  # of the thing's longer side, left blank around it
BLANK = 0  # black, as the paper's x * m (VIVID, sec. 3.1), for captioners
WHITE = 255  # as reference-guided models are shown a thing


def masked_crop(
    frame: UInt8[np.ndarray, "h w 3"],
    mask: Bool[np.ndarray, "mask_h mask_w"],
    *,
    blank: int = BLANK,
) -> UInt8[np.ndarray, "_ _ 3"]:
    """The pixels that the mask selects, and a little blank around them.

    Raises MaskError for a mask that selects nothing or has another size.
    """
    if mask.shape != frame.shape[:2]:
        raise MaskError("mask", f"is {mask.shape}, the frame {frame.shape[:2]}: give it its size")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise MaskError("mask", "is empty: there is nothing to describe")
    margin = round(MARGIN * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1))
    crop = (_span(rows, margin), _span(columns, margin))
    return np.where(mask[crop][..., None], frame[crop], np.uint8(blank))


def _span(places: np.ndarray, margin: int) -> slice:
    return slice(max(0, int(places[0]) - margin), int(places[-1]) + 1 + margin)
