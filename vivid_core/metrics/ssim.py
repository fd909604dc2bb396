"""Structural similarity of a clip, or of the pixels inside a mask."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from .psnr import Frames, Masks, selected_pixels

WINDOW, SIGMA = (11, 11), 1.5  # pixels; Wang et al. 2004, section III.B
C1, C2 = 0.01**2, 0.03**2  # for pixels in 0..1, equation 13


def ssim(result: Frames, truth: Frames, mask: Masks | None = None) -> float:
    """Mean of the SSIM map (Wang et al. 2004, equation 13) over frames and channels; at most 1.

    With a mask: the mean over its pixels, whose windows look a few pixels beyond it. At the
    frame's border the picture is mirrored. Raises MaskError for a mask that selects nothing.
    """
    similar = torch.stack([_map(a, b) for a, b in zip(result, truth, strict=True)])
    if mask is not None:
        similar = similar[selected_pixels(mask)]
    return float(similar.mean())


def _map(result: Float[Tensor, "h w 3"], truth: Float[Tensor, "h w 3"]) -> Tensor:
    """SSIM at each pixel [H, W], the mean of the three channels."""
    a, b = (frame.detach().cpu().double().numpy() for frame in (result, truth))
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a, variance_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (variance_a + variance_b + C2)
    return torch.from_numpy((light * structure).mean(axis=-1))


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred = cv2.GaussianBlur(values, WINDOW, SIGMA, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float64)
