"""Carry one edited frame through its clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, host
from .edit_inputs import (
    edit_output,
    edit_outputs,
    edit_settings,
    paste_inputs,
    prepare,
    prompt_inputs,
    work_inputs,
)
from .instruct import confining_mask, journal_of, material_of
from .keyframe import CATEGORY, MOST_FRAMES
from .memory import HostedModel
from .schema import VividNode, require_choices, schema
from .sockets import FRAMES, VividKeyframe, VividModel
from .video import read_recording

if TYPE_CHECKING:
    from ..vivid_core.video import Keyframe


class PropagateEdit(VividNode):
    """Vivid_PropagateEdit."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_PropagateEdit",
            display_name="Vivid Propagate Edit",
            category=CATEGORY,
            description="Lets a clip follow one edited frame. An image-to-video model keeps the "
            "motion by inverting the source; a VIVID or Fun-InP model takes the frame as its "
            "keyframe.",
            search_aliases=["first frame", "anyv2v", "ddim inversion", "image to video edit"],
            has_intermediate_output=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                VividModel.Input(
                    "model",
                    tooltip="An image-to-video model, or one that edits inside a mask or by "
                    "instruction.",
                ),
                io.MultiType.Input("video", types=FRAMES, tooltip="The clip before the edit."),
                io.String.Input(
                    "caption",
                    multiline=True,
                    default="",
                    placeholder="what the edited clip shows",
                    tooltip="What the edited clip shows; models that edit inside a mask need it. "
                    "For a model of instructions it is the instruction.",
                ),
                *prompt_inputs(),
                *work_inputs(),
                *paste_inputs(),
                io.Int.Input(
                    "frame",
                    default=0,
                    min=0,
                    max=MOST_FRAMES,
                    tooltip="The frame that the edited image stands for, counted from 0.",
                ),
                io.Image.Input(
                    "edited",
                    optional=True,
                    tooltip="The edited frame, from any editor. Of several the first counts.",
                ),
                VividKeyframe.Input(
                    "keyframe",
                    optional=True,
                    tooltip="Or finished frames of Vivid Screen Edits or Vivid Pick Keyframe.",
                ),
                confining_mask(),
            ],
            outputs=edit_outputs(),
        )

    @classmethod
    def execute(
        cls,
        model: HostedModel,
        video: Any,
        frame: int,
        edited: Any = None,
        keyframe: Any = None,
        mask: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.edit.clip import run_edit
        from ..vivid_core.instruct.propagate import plan_following

        require_choices(cls, **settings)
        source = read_recording(video)
        material = material_of(source.clip, mask, _keyframes(edited, frame, keyframe))
        asked = edit_settings(task="propagate", **settings)
        planned = plan_following(model.bundle, material, asked)
        job = planned.job
        prepare(model, job)
        runtime = host.runtime()
        store = journal_of(source, job, f"{cls.hidden.unique_id}")
        result = run_edit(model.bundle, job, runtime, store=store)
        host.show_result(runtime, result.frames)
        return edit_output(source, result, lead=planned.way)


def _keyframes(edited: Any, frame: int, keyframe: Any) -> tuple[Keyframe, ...]:
    """All that are connected; at the same frame the image counts."""
    from ..vivid_core.errors import InputError
    from ..vivid_core.video import Keyframe

    given = {one.frame: one for one in keyframe or ()}
    if edited is not None:
        pixels = convert.to_clip(edited, "edited").frames[0]
        given[frame] = Keyframe(
            frame=frame, pixels=pixels, finished=False, alpha=convert.alpha_of(edited)
        )
    if not given:
        raise InputError("edited", "is missing: connect the edited frame, or keyframes")
    return tuple(given[number] for number in sorted(given))
