"""IMAGE, MASK and VIDEO of ComfyUI to and from the clips and masks of vivid_core."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import torch
from comfy_api.latest import InputImpl
from torch import Tensor

from .memory import result_device

if TYPE_CHECKING:
    from ..vivid_core.track.frames import FrameSource
    from ..vivid_core.video import Clip, FrameRange, MaskTrack


def to_clip(frames: Any) -> Clip:
    """An IMAGE batch [B, H, W, C] or a VIDEO as a clip; alpha is left out."""
    from ..vivid_core.video import Clip

    if isinstance(frames, Tensor):
        return Clip(frames=_pixels(frames))
    if not isinstance(frames, InputImpl.VideoFromComponents):
        return _read(frames)
    # Asked for its stream, such a video would encode itself first, and lose quality.
    parts = frames.get_components()
    return Clip(frames=_pixels(parts.images), fps=Fraction(parts.frame_rate))


def to_edit_of(source: Clip, edit: Any) -> Clip:
    """The clip that is to be compared with its source. Raises InputError for another size."""
    from ..vivid_core.errors import InputError

    clip = to_clip(edit)
    if clip.frames.shape != source.frames.shape:
        (h, w), (eh, ew) = source.size, clip.size
        raise InputError(
            "edit",
            f"is {len(clip)} frames of {ew}x{eh}, the source {len(source)} of {w}x{h}: connect "
            "the clip that this source was edited to",
        )
    return clip


def to_mask(mask: Any, clip: Clip) -> MaskTrack:
    """A MASK [B, H, W] or a VIVID_MASK_TRACK as the mask of a clip."""
    from ..vivid_core.video import MaskTrack

    return MaskTrack.fit(mask_values(mask), clip)


def mask_values(mask: Any) -> Tensor:
    """A MASK or a VIVID_MASK_TRACK as [T, H, W]."""
    values = mask if isinstance(mask, Tensor) else mask.read()
    return (values[None] if values.ndim == 2 else values).cpu().float()


def to_source(frames: Any) -> FrameSource:
    """Frames to read one at a time: a VIDEO from a file stays in its file."""
    from ..vivid_core.track.frames import ClipFrames, VideoFrames

    path = None if isinstance(frames, Tensor) else video_file(frames)
    return VideoFrames(path) if path is not None else ClipFrames(to_clip(frames))


def video_file(video: Any) -> Path | None:
    """The file that a VIDEO is all of; None where it is in memory, or a part of a file."""
    if isinstance(video, InputImpl.VideoFromComponents) or any(_trim(video)):
        return None
    source = video.get_stream_source()
    return Path(source) if isinstance(source, str) else None


def has_sound(video: Any) -> bool:
    """Whether a VIDEO that is no whole file has an audio track."""
    if isinstance(video, InputImpl.VideoFromComponents):
        return video.get_components().audio is not None
    with av.open(video.get_stream_source()) as container:
        return bool(container.streams.audio)


def to_entities(mask: Any, clip: Clip) -> Tensor | None:
    """Masks of what moves by itself, one a frame; a single one serves every frame."""
    if mask is None:
        return None
    values = mask_values(mask)
    return values.expand(len(clip), -1, -1) if len(values) == 1 else values


def to_socket(values: Tensor) -> Tensor:
    """Pixels or masks as the next node expects them."""
    return values.to(result_device(), torch.float32)


def _pixels(images: Tensor) -> Tensor:
    return images[..., :3].cpu().float()


def _read(video: Any) -> Clip:
    """Decode a VIDEO, the part of it that was trimmed to."""
    from ..vivid_core.media import read_clip

    source = video.get_stream_source()
    start, duration = _trim(video)
    if not (start or duration):
        return read_clip(source)
    return read_clip(source, range=_frame_range(source, start, duration))


def _trim(video: Any) -> tuple[float, float]:
    """Start and duration in seconds (newer ComfyUI only); a duration of 0: until the end."""
    return getattr(video, "get_active_trim_window", lambda: (0.0, 0.0))()


def _frame_range(source: Any, start: float, duration: float) -> FrameRange:
    """The frames that begin within a span of seconds; at least one."""
    from ..vivid_core.media import frame_times
    from ..vivid_core.video import FrameRange

    times = frame_times(source)[:-1]
    first = min(bisect_left(times, start), len(times) - 1)
    stop = bisect_left(times, start + duration) if duration else len(times)
    return FrameRange(start=first, stop=max(stop, first + 1))
