"""Forward-backward consistency: where optical flow can be believed."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from .engine import Field
from .warp import Floats, pull, stays_inside, target_places

RELATIVE_TOLERANCE = 0.01  # Sundaram et al. 2010, "Dense Point Trajectories by GPU ..."
ABSOLUTE_TOLERANCE = 0.5  # pixels squared, there too


def find_consistent(forward: Field, backward: Field) -> Bool[Tensor, "h w"]:
    """Pixels of the first frame that the backward flow brings back to where they came from.

    Sundaram, Brox, Keutzer 2010: |f + b(f)|^2 < 0.01 (|f|^2 + |b(f)|^2) + 0.5, with b sampled
    where f leads. Pixels that leave the frame are not consistent: nothing can be said of them.
    """
    f, b = (np.ascontiguousarray(flow.cpu().numpy()) for flow in (forward, backward))
    back = pull(b, target_places(f), border=cv2.BORDER_REPLICATE)
    error = _squared_length(f + back)
    length = _squared_length(f) + _squared_length(back)
    close = error < RELATIVE_TOLERANCE * length + ABSOLUTE_TOLERANCE
    inside = stays_inside(target_places(f), f.shape[:2], margin=0.5)
    return torch.from_numpy(close & inside)


def _squared_length(flow: Floats) -> Floats:
    x, y = flow[..., 0], flow[..., 1]
    return np.asarray(x * x + y * y, np.float32)
