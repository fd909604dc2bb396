"""How much fine structure frames have: a background of low energy is easy to inpaint."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

LUMA_BT601 = (0.299, 0.587, 0.114)
COMPARED_SIZE = 64  # frames of any size are compared at this height and width


def gradient_energy(frames: Float[Tensor, "t h w 3"]) -> float:
    """Mean squared luma difference (0..1) to the right and to the lower neighbour, summed.

    Frames are first averaged down to 64x64, whatever their shape.
    """
    luma = frames.detach().cpu().float().numpy() @ np.asarray(LUMA_BT601, np.float32)
    small = np.stack(
        [cv2.resize(y, (COMPARED_SIZE, COMPARED_SIZE), interpolation=cv2.INTER_AREA) for y in luma]
    )
    right, down = np.diff(small, axis=2), np.diff(small, axis=1)
    return float(np.square(right).mean() + np.square(down).mean())
