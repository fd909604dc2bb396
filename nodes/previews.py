"""What a node shows on itself after it ran: a small looping animation, and text."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from comfy_api.latest import io, ui
from torch import Tensor

LONGEST_SIDE = 512  # pixels; previews are small so that they cost little beside the edit
LONGEST_SHEET = 1600  # pixels; of pictures with text
SMALLEST_SIDE = 256  # pixels; smaller clips are enlarged, pixel by pixel
QUALITY = 85  # WebP, 0..100
FASTEST = 0  # WebP effort, 0..6


def animation(frames: Tensor, fps: float = 8.0, longest: int = LONGEST_SIDE) -> dict[str, Any]:
    """Frames [T, H, W, 3] in 0..1 as a looping animation on the node, and their own size."""
    saved = ui.ImageSaveHelper.save_animated_webp(
        enlarge(shrink(frames, longest), SMALLEST_SIDE),
        filename_prefix=f"vivid_preview_{uuid4().hex[:8]}",
        folder_type=io.FolderType.temp,
        cls=None,
        fps=fps,
        lossless=False,
        quality=QUALITY,
        method=FASTEST,
    )
    size = (frames.shape[2], frames.shape[1])
    return {"images": [saved], "animated": (len(frames) > 1,), "vivid_size": (size,)}


def text(words: str) -> dict[str, Any]:
    return {"text": (words,)}


def shrink(frames: Tensor, longest: int) -> Tensor:
    """Frames [T, H, W, C] scaled down so that no side is longer than this."""
    from ..vivid_core.metrics.sheet import shrink_frames

    return shrink_frames(frames, longest)


def enlarge(frames: Tensor, least: int) -> Tensor:
    """Frames [T, H, W, C] repeated pixel by pixel until the longer side is about this long."""
    times = least // max(frames.shape[1:3])
    if times < 2:
        return frames
    return frames.repeat_interleave(times, dim=1).repeat_interleave(times, dim=2)


def mask_as_image(mask: Tensor) -> Tensor:
    """A mask [T, H, W] as grey frames [T, H, W, 3]."""
    return mask[..., None].expand(-1, -1, -1, 3)
