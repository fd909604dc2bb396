"""What an edit has to beat: fills that need no model."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from .psnr import Frames, Masks

TELEA_RADIUS = 3  # pixels


def fill_telea(frames: Frames, mask: Masks, *, radius: float = TELEA_RADIUS) -> Frames:
    """Inpaint each frame by itself (Telea 2004, OpenCV), in 8 bits; the rest stays exact."""
    filled = frames.clone()
    for out, hole in zip(filled, mask > 0.5, strict=True):
        pixels = (out.cpu().numpy() * 255).round().astype(np.uint8)
        painted = cv2.inpaint(
            pixels, hole.cpu().numpy().astype(np.uint8), radius, cv2.INPAINT_TELEA
        )
        out[hole] = (torch.from_numpy(painted).to(out) / 255)[hole]
    return filled


def fill_mean_color(frames: Frames, mask: Masks) -> Frames:
    """Fill each frame's hole with the mean colour of the rest of that frame (grey, if none)."""
    filled = frames.clone()
    for out, hole in zip(filled, mask > 0.5, strict=True):
        out[hole] = 0.5 if hole.all() else out[~hole].mean(dim=0)
    return filled
