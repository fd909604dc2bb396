"""Windows of latents to train on: a hole and some of what is around it cost less than a frame."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

PATCH = 2  # a window begins and ends between patches


def window_around(used: Bool[Tensor, " n"], side: int, generator: torch.Generator) -> slice:
    """A span of `side` (even, at most n) along one axis that holds all used latents.

    Drawn from all such spans that begin at a whole patch; where none is long enough, the one
    around their middle. With nothing used it may be anywhere.
    """
    last = (len(used) - side) // PATCH
    places = used.nonzero()[:, 0].tolist()
    first, end = (places[0], places[-1] + 1) if places else (len(used), 0)
    low, high = max(0, -(-(end - side) // PATCH)), min(last, first // PATCH)
    if low > high:
        low = high = min(max((first + end - side) // (2 * PATCH), 0), last)
    start = PATCH * int(torch.randint(low, high + 1, (), generator=generator))
    return slice(start, start + side)
