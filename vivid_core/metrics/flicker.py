"""Temporal flicker inside a hole: how much its pixels change from frame to frame."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from ..errors import InputError
from .psnr import Frames, Masks, selected_pixels

Flow = Float[Tensor, "s h w 2"]  # x, y in pixels from frame t to t+1; one less than the frames


def temporal_flicker(frames: Frames, mask: Masks, flow: Flow | None = None) -> float:
    """Mean absolute difference (0..1) of consecutive frames where both are in the mask.

    With the flow of the true motion each pixel is compared with where it went, so that only what
    does not follow the motion counts. Raises MaskError if no pixel stays in the mask.
    """
    if len(frames) < 2:
        raise InputError("frames", f"need at least two to compare, got {len(frames)}")
    inside = mask > 0.5
    after, after_inside = frames[1:], inside[1:]
    if flow is not None:
        after, after_inside = _follow(after, flow), _follow_mask(after_inside, flow)
    both = selected_pixels((inside[:-1] & after_inside).float())
    return float((after - frames[:-1]).abs().mean(dim=-1)[both].mean())


def flicker_ratio(edit: Frames, reference: Frames, mask: Masks, flow: Flow | None = None) -> float:
    """Flicker of the edit as a multiple of the reference's own; infinite over a still one."""
    ours, own = (temporal_flicker(frames, mask, flow) for frames in (edit, reference))
    if own == 0:
        return 1.0 if ours == 0 else math.inf
    return ours / own


def _follow(after: Frames, flow: Flow) -> Float[Tensor, "s h w 3"]:
    """The next frame, sampled where each pixel of this one went."""
    return _sample(after.permute(0, 3, 1, 2), flow).permute(0, 2, 3, 1)


def _follow_mask(inside: Bool[Tensor, "s h w"], flow: Flow) -> Bool[Tensor, "s h w"]:
    """Wholly inside at the sampled place; outside the frame is outside the mask."""
    return _sample(inside[:, None].float(), flow)[:, 0] > 1 - 1e-4


def _sample(images: Float[Tensor, "s c h w"], flow: Flow) -> Float[Tensor, "s c h w"]:
    height, width = images.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    target = flow + torch.stack([x, y], dim=-1).to(flow)
    scaled = (2 * target + 1) / target.new_tensor([width, height]) - 1
    return functional.grid_sample(images, scaled, align_corners=False)
