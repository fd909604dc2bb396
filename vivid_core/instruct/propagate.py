"""Carry an edited frame through a clip by image-to-video, along the source's own noise.

As InsViE, 3.1, does: the source is inverted into the noise that makes it from its own first frame;
from that noise and the edited frame the model makes the edit, which keeps the motion.
"""

from __future__ import annotations

from ..edit.job import Job, Material, plan_edit
from ..errors import InputError
from ..inpainter import Inpainter
from ..settings import Settings


def plan_inversion(model: Inpainter, material: Material, settings: Settings) -> Job:
    """The job of propagating a material's keyframes, of which every shot needs one.

    Windows are those of any edit: forwards from the last keyframe, backwards from the first, and
    where a clip is longer than one, the last frame made leads the next. Raises InputError.
    """
    if not material.keyframes:
        raise InputError("edited", "is missing: connect the edited frame")
    job = plan_edit(model, material, settings)
    for window in job.windows:
        if window.order[0] not in window.known:
            raise InputError(
                "edited",
                f"there is none in frames {window.start} to {window.stop - 1}, which stand after "
                "a cut: give each shot an edited frame, or cut the clip there",
            )
    return job
