"""A job: what is asked of which clip, with its effective mask, windows and focus, made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, MaskError
from ..inpainter import Inpainter, Limits, Work
from ..plan.cuts import find_shots
from ..plan.windows import Constraints, Window, plan_windows
from ..settings import Focus, Settings
from ..video import Clip, FrameRange, Keyframe, MaskTrack
from .composite import composite
from .focus import FocusPlan, plan_focus
from .footage import ClipFootage, Depth, Footage, NoFootage, rounded
from .masks import EffectiveMasks, WholeFrames


@dataclass(frozen=True, kw_only=True)
class Material:
    """A clip in memory, where to edit it, and frames of the result that are given."""

    clip: Clip
    mask: MaskTrack
    keyframes: tuple[Keyframe, ...] = ()

    def part(self, frames: FrameRange) -> Material:
        """The same of some frames, keyframes left out."""
        return Material(
            clip=Clip(frames=self.clip.frames[frames.slice], fps=self.clip.fps),
            mask=MaskTrack(values=self.mask.values[frames.slice]),
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """One edit, ready to run. `focus` is what the model sees of the frame, one a window.

    Raises InputError for keyframes and captions that do not fit the clip, MaskError for a
    keyframe on a frame whose mask is empty.
    """

    settings: Settings
    limits: Limits
    footage: Footage
    masks: EffectiveMasks
    shots: tuple[FrameRange, ...]
    keyframes: tuple[Keyframe, ...]
    windows: tuple[Window, ...]
    focus: tuple[FocusPlan, ...]

    @property
    def frames(self) -> int:
        return len(self.footage)

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        return self.footage.size

    @cached_property
    def given(self) -> dict[int, Keyframe]:
        """Keyframes by frame; of two on one frame the later counts."""
        return {keyframe.frame: keyframe for keyframe in self.keyframes}

    def given_frame(self, frame: int, source: Float[Tensor, "h w 3"]) -> Float[Tensor, "h w 3"]:
        """A keyframe as it is in the result: inside the mask only, around it the source."""
        keyframe, before = self.given[frame], source[None]
        effective = self.masks.read(FrameRange(start=frame, stop=frame + 1))
        feather = keyframe.feather(self.settings.feather)
        layer = keyframe.over(source)[None]
        pasted = composite(before, layer, effective, feather=feather)
        return rounded(pasted, before, effective, self.footage.depth)[0]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an artist should be told about the mask."""
        if not self.settings.inside_mask and self.masks.share == 1.0:
            return ()
        return self.masks.warnings

    def length(self, window: Window) -> int:
        """How many frames of a window the model sees, padding included."""
        return self.limits.grid.legal_frames(len(window))

    def work(self, model: Inpainter) -> Work | None:
        """What all windows cost the model; None if nobody knows. Nothing where none is needed."""
        spans = [
            (self.length(window), plan.model)
            for window, plan in zip(self.windows, self.focus, strict=True)
        ]
        if self.settings.needs_model:
            return model.work(spans, self.settings)
        none = model.work([], self.settings)
        return None if none is None else replace(none, text_pflops=0.0)

    def refocused(self, focus: Focus) -> Job:
        """The same with another focus."""
        settings = replace(self.settings, focus=focus)
        return replace(
            self, settings=settings, focus=_focus(self.windows, self.masks, self.limits, settings)
        )


def plan_job(
    limits: Limits,
    settings: Settings,
    *,
    footage: Footage,
    masks: EffectiveMasks,
    shots: Sequence[FrameRange],
    keyframes: Sequence[Keyframe] = (),
) -> Job:
    """Windows and focus for a clip whose masks and cuts are known."""
    constraints = Constraints(
        active=masks.active,
        shots=shots,
        keyframes=[keyframe.frame for keyframe in keyframes],
        captions=settings.caption_starts,
    )
    require_inside(settings, keyframes, footage)
    for keyframe in keyframes:
        require_mask("keyframe", keyframe.frame, masks.active)
    windows = plan_windows(constraints, longest=limits.longest, both_ends=limits.both_ends)
    return Job(
        settings=settings,
        limits=limits,
        footage=footage,
        masks=masks,
        shots=tuple(shots),
        keyframes=tuple(keyframes),
        windows=windows,
        focus=_focus(windows, masks, limits, settings),
    )


def plan_edit(
    model: Inpainter, material: Material, settings: Settings, *, depth: Depth | None = None
) -> Job:
    """The job of editing a clip in memory; `depth` is its own if None.

    Raises InputError for what this model cannot serve, captions that it cannot read included, and
    MaskError for a mask that does not fit.
    """
    model.check(settings)
    clip = material.clip
    return plan_job(
        model.limits,
        settings,
        footage=ClipFootage(clip, depth),
        masks=EffectiveMasks(
            material.mask, frames=len(clip), size=clip.size, growth=settings.growth(clip.size)
        ),
        shots=find_shots(clip.frames),
        keyframes=material.keyframes,
    )


def plan_unseen(
    model: Inpainter,
    settings: Settings,
    *,
    frames: int,
    size: tuple[int, int],
    mask: Float[Tensor, "t h w"] | None = None,
) -> Job:
    """A job to ask its cost of, for a clip of one shot that is not there.

    `size` is (height, width); without a mask all of the frame is edited. Raises MaskError for one
    that does not fit.
    """
    model.limits.grid.legal_frames(frames)  # refuses fewer than one
    source = WholeFrames(size) if mask is None else MaskTrack(values=mask)
    masks = EffectiveMasks(source, frames=frames, size=size, growth=settings.growth(size))
    return plan_job(
        model.limits,
        settings,
        footage=NoFootage(frames, size),
        masks=masks,
        shots=[FrameRange(start=0, stop=frames)],
    )


def _focus(
    windows: Sequence[Window], masks: EffectiveMasks, limits: Limits, settings: Settings
) -> tuple[FocusPlan, ...]:
    return tuple(
        plan_focus(masks.box(range(window.start, window.stop)), masks.size, limits, settings.focus)
        for window in windows
    )


def require_inside(settings: Settings, keyframes: Sequence[Keyframe], footage: Footage) -> None:
    """Raise InputError for captions and keyframes that the clip has no place for."""
    last, frames = settings.caption_starts[-1], len(footage)
    if last >= frames:
        raise InputError(
            "later_captions",
            f"one begins at frame {last}, the clip has frames 0 to {frames - 1}: leave it out, or "
            "begin it earlier",
        )

    for keyframe in keyframes:
        _require_fit(keyframe, footage)


def _require_fit(keyframe: Keyframe, footage: Footage) -> None:
    (height, width), frames = footage.size, len(footage)
    if not 0 <= keyframe.frame < frames:
        raise InputError(
            "keyframe",
            f"is at frame {keyframe.frame}, the clip has frames 0 to {frames - 1}: make it anew on "
            "one of these",
        )
    given = torch.Size(keyframe.pixels.shape)
    if given[:2] != (height, width):
        raise InputError(
            "keyframe",
            f"is {given[1]}x{given[0]}, the clip is {width}x{height}: resize the keyframe",
        )
    if given[2] != 3:
        raise InputError("keyframe", f"has {given[2]} channels: give it red, green and blue")


def require_mask(argument: str, frame: int, active: Sequence[bool]) -> None:
    """Raise MaskError where the mask is empty on a frame that needs one."""
    if active[frame]:
        return
    seen = [number for number, selected in enumerate(active) if selected]
    raise MaskError(
        argument,
        f"the mask is empty on frame {frame}: choose one of frames {seen[0]} to {seen[-1]} on "
        "which it is not",
    )
