"""What an edit damaged: burnt colours, and fine structure that its source does not have."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from .gradient import LUMA_BT601

BURNT = 1 / 255  # a channel this near to black or white is at its end
LEAST_STRUCTURE = 1e-4  # of luma, below which a picture is flat


def burnt_share(edit: Float[Tensor, "h w 3"], source: Float[Tensor, "h w 3"]) -> float:
    """Share of the pixels with a channel at an end of its range that the source's is not."""
    ends = [(frame <= BURNT) | (frame >= 1 - BURNT) for frame in (edit, source)]
    return float((ends[0] & ~ends[1]).any(dim=-1).float().mean())


def roughness(edit: Float[Tensor, "h w 3"], source: Float[Tensor, "h w 3"]) -> float:
    """How far fine structure is from the source's, either way: |log2| of their ratio, 0 best."""
    mine, theirs = (max(LEAST_STRUCTURE, _structure(frame)) for frame in (edit, source))
    return float(abs(np.log2(mine / theirs)))


def _structure(frame: Float[Tensor, "h w 3"]) -> float:
    """Mean absolute Laplacian of luma."""
    luma = frame.detach().cpu().float().numpy() @ np.asarray(LUMA_BT601, np.float32)
    return float(np.abs(cv2.Laplacian(luma, cv2.CV_32F)).mean())
