"""Propagate finished frames through a clip, in both directions of time (KIVE, VIVID sec. 4.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..edit.clip import run_edit
from ..edit.composite import measure_change
from ..edit.footage import ClipFootage
from ..edit.job import Job, Material, plan_edit
from ..edit.masks import effective_mask
from ..edit.report import EditResult
from ..errors import InputError, MaskError
from ..inpainter import Inpainter
from ..plan.windows import Window
from ..runtime import Runtime
from ..settings import Settings
from ..video import Clip, FrameRange, Keyframe, MaskTrack


@dataclass(frozen=True, kw_only=True)
class Again:
    """Make frames `span` again and keep the rest of `previous` [T, H, W, 3] as it is."""

    previous: Float[Tensor, "t h w 3"]
    span: FrameRange


@dataclass(frozen=True, kw_only=True)
class Propagation:
    """A planned propagation: the job, what it is part of, and how keyframes reach every frame."""

    job: Job
    material: Material
    again: Again | None = None

    @property
    def way(self) -> str:
        """For people."""
        if self.again is not None:
            first, last = self.again.span.start, self.again.span.stop - 1
            return f"frames {first} to {last} made anew, the others kept as they were"
        places = ", ".join(map(str, sorted(self.job.given)))
        runs = [_run_words(window) for window in self.job.windows]
        return f"keyframe(s) at {places}: " + ("; ".join(runs) or "all given")


def propagate_keyframes(
    model: Inpainter,
    material: Material,
    settings: Settings,
    runtime: Runtime | None = None,
    *,
    again: Again | None = None,
) -> EditResult:
    """Edit a clip so that it follows the material's keyframes (at least one).

    Backwards from the first, forwards from the last. Between two of them both ends condition the
    span; for models that never learnt this, two halves meet in the middle. With `again` only its
    frames are made anew, held at both ends by the previous edit. Raises InputError for missing
    keyframes, MaskError for an empty mask.
    """
    return run_propagation(model, plan_propagation(model, material, settings, again=again), runtime)


def plan_propagation(
    model: Inpainter, material: Material, settings: Settings, *, again: Again | None = None
) -> Propagation:
    """The same, planned only."""
    if again is not None:
        depth = ClipFootage(material.clip).depth
        asked = _asked_of(settings, again, len(material.clip))
        job = plan_edit(model, _part(material, again), asked, depth=depth)
    elif not material.keyframes:
        raise InputError("keyframe", "is missing: connect Vivid Pick Keyframe or Use Keyframe")
    else:
        job = plan_edit(model, material, settings)
    return Propagation(job=job, material=material, again=again)


def run_propagation(
    model: Inpainter, planned: Propagation, runtime: Runtime | None = None
) -> EditResult:
    """Make what was planned."""
    made = run_edit(model, planned.job, runtime)
    if planned.again is None:
        return made
    return _put_back(planned, planned.again, made)


def _run_words(window: Window) -> str:
    first, last = window.order[0], window.order[-1]
    if window.ends_known:
        return f"{first + 1} to {last - 1} between both ends"
    way = "backwards" if window.reverse else "forwards"
    blended = f", blended over {len(window.joined)} frames" if window.joined else ""
    return f"from {first} {way} to {last}{blended}"


def _bounds(span: FrameRange, frames: int) -> tuple[int, int]:
    """The span with a neighbour at each end, where there is one."""
    return max(0, span.start - 1), min(frames, span.stop + 1)


def _part(material: Material, again: Again) -> Material:
    """The span with a frame of the previous edit at each end."""
    source, previous, span = material.clip.frames, again.previous, again.span
    if previous.shape != source.shape:
        raise InputError(
            "previous",
            f"is {_shape(previous)}, the clip is {_shape(source)}: connect the edit of this clip",
        )
    if span.stop > len(source):
        raise InputError(
            "range", f"ends at frame {span.stop - 1}, the clip has frames 0 to {len(source) - 1}"
        )
    low, high = _bounds(span, len(source))
    mask = _mask_of(material, low, high)
    inside = tuple(
        replace(keyframe, frame=keyframe.frame - low)
        for keyframe in material.keyframes
        if span.start <= keyframe.frame < span.stop
    )
    return Material(
        clip=Clip(frames=source[low:high], fps=material.clip.fps),
        mask=mask,
        keyframes=_ends(previous, mask, span, low, high) + inside,
    )


def _asked_of(settings: Settings, again: Again, frames: int) -> Settings:
    """The same settings, captions numbered through the part."""
    low, _ = _bounds(again.span, frames)
    starts = settings.caption_starts
    first = sum(start <= low for start in starts) - 1
    later = zip(starts[first + 1 :], settings.captions[first + 1 :], strict=True)
    return replace(
        settings,
        caption=settings.captions[first],
        later_captions=tuple(
            (start - low, text) for start, text in later if start < again.span.stop
        ),
    )


def _put_back(planned: Propagation, again: Again, made: EditResult) -> EditResult:
    """The span that was made, in the previous edit."""
    source, span = planned.material.clip.frames, again.span
    low, _ = _bounds(span, len(source))
    frames = again.previous.clone()
    frames[span.slice] = made.frames[span.start - low : span.stop - low]
    growth = planned.job.settings.growth(planned.material.clip.size)
    effective = effective_mask(planned.material.mask.values, growth)
    change = measure_change(source, frames, effective)
    report = replace(
        made.report,
        frames=len(source),
        max_difference_outside=change.outside,
        mean_change_inside=change.inside_mean,
    )
    return EditResult(frames=frames, effective_mask=effective, report=report)


def _mask_of(material: Material, low: int, high: int) -> MaskTrack:
    values = material.mask.values[low:high]
    if not (values > 0.5).any():
        raise MaskError(
            "mask", f"is empty on frames {low} to {high - 1}: choose a range where it is not"
        )
    return MaskTrack(values=values)


def _ends(
    previous: Tensor, mask: MaskTrack, span: FrameRange, low: int, high: int
) -> tuple[Keyframe, ...]:
    """The neighbours of the span that the previous edit keeps; without a mask they say nothing."""
    places = [place for place in (low, high - 1) if place not in range(span.start, span.stop)]
    return tuple(
        Keyframe(frame=place - low, pixels=previous[place])
        for place in places
        if (mask.values[place - low] > 0.5).any()
    )


def _shape(frames: Tensor) -> str:
    count, height, width = torch.Size(frames.shape[:3])
    return f"{count} frames of {width}x{height}"
