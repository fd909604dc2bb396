"""What a model will really edit of a clip: its mask as the model reads it, window by window."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..inpainter import MaskReader
from ..plan.cuts import find_shots
from ..plan.windows import Window
from ..settings import Settings
from ..video import Clip, FrameRange, MaskTrack
from .editor import from_region, to_region
from .focus import FocusPlan
from .footage import ClipFootage
from .job import Job, plan_job
from .masks import EffectiveMasks


def seen_mask(reader: MaskReader, clip: Clip, mask: MaskTrack) -> Float[Tensor, "t h w"]:
    """The mask on the model's own grid, laid back over the frames: 0..1, 1 = made.

    Windows and focus are those of an edit with default settings that does not grow the mask. A
    frame that a window takes over from the one before is shown as that one read it.
    """
    settings = Settings(task="delete", grow=0)
    masks = EffectiveMasks(mask, frames=len(clip), size=clip.size, growth=0)
    job = plan_job(
        reader.limits,
        settings,
        footage=ClipFootage(clip),
        masks=masks,
        shots=find_shots(clip.frames),
    )
    seen = torch.zeros(len(clip), *clip.size)
    for window, plan in zip(job.windows, job.focus, strict=True):
        read = _read(reader, clip, job, window, plan)
        for place, frame in enumerate(window.order):
            if frame in window.made:
                plan.crop(seen[frame], spatial=0).copy_(read[place])
    return seen


def _read(
    reader: MaskReader, clip: Clip, job: Job, window: Window, plan: FocusPlan
) -> Float[Tensor, "t h w"]:
    """What is made of each of a window's frames, in its order, in its part of the frame."""
    hole = job.masks.read(FrameRange(start=window.start, stop=window.stop)).clone()
    for frame in window.known:
        hole[frame - window.start] = 0
    order = window.order
    times = [order[i] - window.start for i in window.padding(job.length(window))]
    region = to_region(plan, clip.frames[window.frames.slice], hole, times)
    assert region.hole is not None, "made from a mask"
    seen = reader.seen_mask(region.hole)[..., None].expand(-1, -1, -1, 3)
    return from_region(plan, seen)[..., 0]
