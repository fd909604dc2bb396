"""IMAGE, MASK and VIDEO of ComfyUI to and from the clips and masks of vivid_core."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import video
from .memory import result_device

if TYPE_CHECKING:
    from ..vivid_core.track.frames import FrameSource
    from ..vivid_core.video import Clip, MaskTrack


def to_clip(frames: Any, name: str = "video") -> Clip:
    """An IMAGE batch [B, H, W, C] or a VIDEO as a clip, alpha left out; `name` is the input's."""
    from ..vivid_core.errors import InputError, MediaError

    try:
        return video.read_frames(frames)
    except InputError as error:
        raise InputError(name, error.problem) from error
    except MediaError as error:
        raise InputError(name, str(error)) from error


def alpha_of(images: Tensor) -> Tensor | None:
    """The alpha of the first of an IMAGE batch, [H, W] in 0..1; None where it has none."""
    return images[0, ..., 3].cpu().float() if images.shape[-1] == 4 else None


def to_edit_of(source: Clip, edit: Any) -> Clip:
    """The clip that is to be compared with its source. Raises InputError for another size."""
    from ..vivid_core.errors import InputError

    clip = to_clip(edit, "edit")
    if clip.frames.shape != source.frames.shape:
        (h, w), (eh, ew) = source.size, clip.size
        raise InputError(
            "edit",
            f"is {len(clip)} frames of {ew}x{eh}, the source {len(source)} of {w}x{h}: connect "
            "the clip that this source was edited to",
        )
    return clip


def to_measured(name: str, frames: Any, fps: float) -> Clip:
    """The clip of an input; `fps` is that of an IMAGE batch."""
    clip = to_clip(frames, name)
    return replace(clip, fps=Fraction(fps)) if isinstance(frames, Tensor) else clip


def to_mask(mask: Any, clip: Clip) -> MaskTrack:
    """A MASK [B, H, W] or a VIVID_MASK_TRACK as the mask of a clip."""
    from ..vivid_core.video import MaskTrack

    values = mask_values(mask)
    require_painted(values)
    return MaskTrack.fit(values, clip)


def require_painted(values: Tensor) -> None:
    """Raise MaskError for a mask that selects nothing: most come from Load Image."""
    from ..vivid_core.errors import MaskError

    if not (values > 0.5).any():
        raise MaskError(
            "mask",
            "is empty on every frame: paint the area to edit white (white = edit). Load Image "
            "looks for a mask in the alpha channel of its picture, where the mask editor saves "
            "it; a black and white picture needs Load Image (as Mask), channel red. SAM3 and "
            "others that search give such a mask where they find nothing: other words, a lower "
            "threshold",
        )


def mask_values(mask: Any, name: str = "mask") -> Tensor:
    """A MASK or a VIVID_MASK_TRACK as [T, H, W]: the one look at masks of all nodes.

    Raises MaskError, with the input's `name`, for no frames, another shape, NaN and infinity.
    """
    from ..vivid_core.errors import MaskError

    values = mask if isinstance(mask, Tensor) else mask.read()
    values = (values[None] if values.ndim == 2 else values).cpu().float()
    if values.ndim != 3 or not values.numel():
        raise MaskError(
            name, f"need [frames, height, width] with at least one pixel, got {tuple(values.shape)}"
        )
    if not torch.isfinite(values).all():
        raise MaskError(name, "contains NaN or infinity: fix the node that made it")
    return values


def to_source(frames: Any) -> FrameSource:
    """Frames to read one at a time: a VIDEO from a file stays in its file."""
    from ..vivid_core.track.frames import ClipFrames, VideoFrames

    path = None if isinstance(frames, Tensor) else video.whole_file(frames)
    return VideoFrames(path) if path is not None else ClipFrames(to_clip(frames))


def to_entities(mask: Any, clip: Clip) -> Tensor | None:
    """Masks of what moves by itself, one a frame; a single one serves every frame."""
    if mask is None:
        return None
    values = mask_values(mask, "entities")
    return values.expand(len(clip), -1, -1) if len(values) == 1 else values


def to_socket(values: Tensor) -> Tensor:
    """Pixels or masks as the next node expects them."""
    return values.to(result_device(), torch.float32)
