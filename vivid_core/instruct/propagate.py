"""Clips that follow a finished first frame: an edited one through its source, or a still.

As InsViE, 3.1, does: the source is inverted into the noise that makes it from its own first frame;
from that noise and the edited frame the model makes the edit, which keeps the motion. A model that
edits inside a mask takes the frame as its keyframe, one that reads instructions is led by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from jaxtyping import Float
from torch import Tensor

from ..edit.job import Job, Material, plan_edit
from ..errors import InputError
from ..inpainter import Inpainter
from ..keyframe.propagate import plan_propagation
from ..settings import Settings
from ..video import Clip, Keyframe, MaskTrack

BY_INVERSION = "image-to-video, along the source's own noise"
BY_INSTRUCTION = "by the instruction, led by the edited frame"


@dataclass(frozen=True, kw_only=True)
class Following:
    """A planned clip, and in words how it follows its frame."""

    job: Job
    way: str


def plan_following(model: Inpainter, material: Material, settings: Settings) -> Following:
    """Let a clip follow a material's keyframes in the way that the model can; `task` is set here.

    The caption says what the edited clip shows; to a model of instructions, what to do. Raises
    InputError for missing keyframes, CaptionError for a missing caption.
    """
    if "propagate" in model.limits.tasks:
        asked = replace(settings, task="propagate")
        return Following(job=plan_inversion(model, material, asked), way=BY_INVERSION)
    if "instruct" in model.limits.tasks:
        _require_led(material)
        asked = replace(settings, task="instruct")
        return Following(job=plan_edit(model, material, asked), way=BY_INSTRUCTION)
    planned = plan_propagation(model, material, replace(settings, task="modify"))
    return Following(job=planned.job, way=planned.way)


def plan_inversion(model: Inpainter, material: Material, settings: Settings) -> Job:
    """The job of propagating a material's keyframes, of which every shot needs one.

    Windows are those of any edit: forwards from the last keyframe, backwards from the first, and
    where a clip is longer than one, the last frame made leads the next. Raises InputError.
    """
    _require_led(material)
    job = plan_edit(model, material, settings)
    for window in job.windows:
        if window.order[0] not in window.known:
            raise InputError(
                "edited",
                f"there is none in frames {window.start} to {window.stop - 1}, which stand after "
                "a cut: give each shot an edited frame, or cut the clip there",
            )
    return job


def plan_animation(
    model: Inpainter,
    picture: Float[Tensor, "h w 3"],
    settings: Settings,
    *,
    frames: int,
    fps: Fraction,
) -> Job:
    """The job of making a clip that begins with a picture; `task` is set here.

    Models that edit inside a mask make all but the first frame anew, by the caption. Raises
    InputError for a model that only follows a clip, and for less than two frames.
    """
    if frames < 2:
        raise InputError("frames", f"must be 2 or more, got {frames}: a picture has one already")
    tasks = model.limits.tasks
    task = "animate" if "animate" in tasks else "modify"
    if task not in tasks:
        raise InputError(
            "animator",
            f"{model.name} makes no clip of a picture: load an image-to-video, VIVID or Fun-InP "
            "model",
        )
    clip = Clip(frames=picture.expand(frames, -1, -1, -1).contiguous(), fps=fps)
    lead = Keyframe(frame=0, pixels=picture, finished=False)
    material = Material(clip=clip, mask=MaskTrack.of_everything(clip), keyframes=(lead,))
    return plan_edit(model, material, replace(settings, task=task))


def _require_led(material: Material) -> None:
    if not material.keyframes:
        raise InputError("edited", "is missing: connect the edited frame")
