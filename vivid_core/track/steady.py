"""Whether one click means one thing: the mask of the same click a few pixels beside it.

A stray click, on a border or on nothing in particular, selects something else as soon as it moves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from .flow_memory import FlowView
from .prompts import FramePrompt
from .segment import DISC_SHARE, Segment

LEAST_AGREEMENT = 0.5  # IoU of the median of the moved clicks' masks with the click's own
LEAST_STEP = 2.0  # pixels, of small frames
_WAYS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def is_lone_click(prompt: FramePrompt) -> bool:
    return len(prompt.points) == 1 and prompt.box is None and prompt.mask is None


def agreement(
    segment: Segment, view: FlowView, prompt: FramePrompt, mask: Bool[np.ndarray, "h w"]
) -> float:
    """How like the masks of the moved click are to `mask`, the click's own: 0..1, 1 for the same.

    It moves by as much as a click surely covers, in four directions of which most have to agree:
    near the border of what is meant, one leads out of it.
    """
    height, width = view.full_size
    (point,) = prompt.points
    step = max(LEAST_STEP, DISC_SHARE * float(np.hypot(height, width)))
    found = []
    for right, down in _WAYS:
        x = min(max(point.x + step * right, 0.0), width - 1.0)
        y = min(max(point.y + step * down, 0.0), height - 1.0)
        moved = replace(prompt, points=(replace(point, x=x, y=y),))
        found.append(_overlap(segment(view.rgb, moved, scale=view.scale), mask))
    return float(np.median(found))


def _overlap(a: Bool[np.ndarray, "h w"], b: Bool[np.ndarray, "h w"]) -> float:
    return float(np.count_nonzero(a & b)) / max(1, np.count_nonzero(a | b))
