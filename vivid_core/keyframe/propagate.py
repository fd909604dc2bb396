"""Propagate finished frames through a clip, in both directions of time (KIVE, VIVID sec. 4.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..cogvideox.bundle import ModelBundle
from ..edit.composite import effective_mask, measure_change
from ..edit.pipeline import edit_clip
from ..edit.request import EditRequest, EditResult, Keyframe
from ..edit.windows import Window, plan_windows
from ..errors import InputError, MaskError
from ..runtime import Runtime
from ..video import Clip, FrameRange, MaskTrack


@dataclass(frozen=True, kw_only=True)
class Again:
    """Make frames `span` again and keep the rest of `previous` [T, H, W, 3] as it is."""

    previous: Float[Tensor, "t h w 3"]
    span: FrameRange


def propagate_keyframes(
    bundle: ModelBundle,
    request: EditRequest,
    runtime: Runtime | None = None,
    *,
    again: Again | None = None,
) -> EditResult:
    """Edit a clip so that it follows the request's keyframes (at least one).

    Backwards from the first, forwards from the last. Between two of them both ends condition the
    span; for models that never learnt this, two halves meet in the middle. With `again` only its
    frames are made anew, held at both ends by the previous edit. Raises InputError for missing
    keyframes, MaskError for an empty mask.
    """
    if again is not None:
        return _edit_again(bundle, request, runtime, again)
    if not request.keyframes:
        raise InputError("keyframe", "is missing: connect Vivid Pick Keyframe or Use Keyframe")
    return edit_clip(bundle, request, runtime)


def describe_way(bundle: ModelBundle, frames: int, keyframes: tuple[Keyframe, ...]) -> str:
    """How keyframes reach every frame of a clip, for people."""
    places = sorted({keyframe.frame for keyframe in keyframes})
    windows = plan_windows(
        frames,
        bundle.geometry,
        bundle.train_size[0],
        places,
        both_ends=bundle.knows_last_frame,
    )
    runs = [_run_words(window) for window in windows]
    return f"keyframe(s) at {', '.join(map(str, places))}: " + ("; ".join(runs) or "all given")


def _run_words(window: Window) -> str:
    first, last = window.order[0], window.order[-1]
    if window.ends_known:
        return f"{first + 1} to {last - 1} between both ends"
    way = "backwards" if window.reverse else "forwards"
    blended = f", blended over {len(window.joined)} frames" if window.joined else ""
    return f"from {first} {way} to {last}{blended}"


def _edit_again(
    bundle: ModelBundle, request: EditRequest, runtime: Runtime | None, again: Again
) -> EditResult:
    """The span with a frame of the previous edit at each end, put back into that edit."""
    source, previous, span = request.clip.frames, again.previous, again.span
    if previous.shape != source.shape:
        raise InputError(
            "previous",
            f"is {_shape(previous)}, the clip is {_shape(source)}: connect the edit of this clip",
        )
    if span.stop > len(source):
        raise InputError(
            "range", f"ends at frame {span.stop - 1}, the clip has frames 0 to {len(source) - 1}"
        )
    low, high = max(0, span.start - 1), min(len(source), span.stop + 1)
    part = replace(
        request,
        clip=Clip(frames=source[low:high], fps=request.clip.fps),
        mask=_mask_of(request, low, high),
        grow=request.growth,
        keyframes=_ends(previous, span, low, high)
        + tuple(
            replace(keyframe, frame=keyframe.frame - low)
            for keyframe in request.keyframes
            if span.start <= keyframe.frame < span.stop
        ),
    )
    made = edit_clip(bundle, part, runtime)
    frames = previous.clone()
    frames[span.slice] = made.frames[span.start - low : span.stop - low]
    effective = effective_mask(request.mask.values, request.growth)
    change = measure_change(source, frames, effective)
    report = replace(
        made.report,
        frames=len(source),
        max_difference_outside=change.outside,
        mean_change_inside=change.inside_mean,
    )
    return EditResult(frames=frames, effective_mask=effective, report=report)


def _mask_of(request: EditRequest, low: int, high: int) -> MaskTrack:
    values = request.mask.values[low:high]
    if not (values > 0.5).any():
        raise MaskError(
            "mask", f"is empty on frames {low} to {high - 1}: choose a range where it is not"
        )
    return MaskTrack(values=values)


def _ends(previous: Tensor, span: FrameRange, low: int, high: int) -> tuple[Keyframe, ...]:
    """The neighbours of the span that the previous edit keeps."""
    places = [place for place in (low, high - 1) if place not in range(span.start, span.stop)]
    return tuple(Keyframe(frame=place - low, pixels=previous[place]) for place in places)


def _shape(frames: Tensor) -> str:
    count, height, width = torch.Size(frames.shape[:3])
    return f"{count} frames of {width}x{height}"
