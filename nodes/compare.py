"""What the browser needs to compare an edit with its source: one small picture a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import folder_paths
import torch
from torch import Tensor

from .previews import shrink

LONGEST_SIDE = 640  # pixels of one picture in the view
MOST_FRAMES = 121  # longer clips are shown with frames left out
FOLDER = "vivid_compare"


def save_view(source: Tensor, edit: Tensor, mask: Tensor | None, *, fps: float) -> dict[str, Any]:
    """Write source, edit and mask on top of each other, lossless, one file a frame; say where.

    Lossless, because the view magnifies differences.
    """
    step = -(-len(source) // MOST_FRAMES)
    split = 0.5 if mask is None else _middle(mask)
    mask = torch.zeros_like(source[..., 0]) if mask is None else mask
    folder = f"{FOLDER}/{uuid4().hex[:12]}"
    place = Path(folder_paths.get_temp_directory()) / folder
    place.mkdir(parents=True)
    shown = range(0, len(source), step)
    for frame in shown:
        grey = mask[frame : frame + 1, ..., None].expand(-1, -1, -1, 3)
        stack = torch.cat([source[frame : frame + 1], edit[frame : frame + 1], grey])
        _write(shrink(stack, LONGEST_SIDE), place / f"{frame:05}.webp")
    return {
        "subfolder": folder,
        "type": "temp",
        "files": [f"{frame:05}.webp" for frame in shown],
        "frames": list(shown),
        "total": len(source),
        "width": source.shape[2],
        "height": source.shape[1],
        "fps": fps / step,
        "split": split,
    }


def _middle(mask: Tensor) -> float:
    """Where the slider starts: the mask's centre from left to right, as a share of the width."""
    columns = mask.sum(dim=(0, 1))
    places = (torch.arange(len(columns)) + 0.5) / len(columns)
    return float((columns * places).sum() / columns.sum().clamp_min(1e-6))


def _write(panels: Tensor, path: Path) -> None:
    """Panels [N, H, W, 3] below each other."""
    from PIL import Image

    pixels = (panels.flatten(0, 1).clamp(0, 1) * 255).round().byte().numpy()
    Image.fromarray(pixels).save(path, lossless=True, quality=0, method=0)
