"""Make the look on one frame, and let the clip follow it (KIVE)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, gallery, host, previews
from .edit_inputs import (
    caption_input,
    check_caption,
    clip_inputs,
    edit_material,
    edit_output,
    edit_outputs,
    edit_settings,
    paste_inputs,
    prepare,
    prompt_inputs,
    task_input,
    work_inputs,
)
from .memory import Hosted
from .schema import VividNode, advanced, require_choices, schema
from .sockets import VividKeyframe
from .video import read_recording

if TYPE_CHECKING:
    from ..vivid_core.keyframe.propagate import Again
    from ..vivid_core.settings import Settings

CATEGORY = "VIVID/4 Keyframe"
EVERYTHING = -1  # stands for "from the first" and "to the last frame"
MOST_FRAMES = 1_000_000


class EditKeyframe(VividNode):
    """Vivid_EditKeyframe."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_EditKeyframe",
            display_name="Vivid Edit Keyframe",
            category=CATEGORY,
            description="Edits one frame of a clip, many times: several captions and seeds for a "
            "fraction of what the whole clip costs. Pick one, then propagate it.",
            search_aliases=["image inpaint", "candidates", "variations", "kive", "first frame"],
            has_intermediate_output=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                *clip_inputs(),
                io.Int.Input(
                    "frame",
                    default=0,
                    min=0,
                    max=MOST_FRAMES,
                    tooltip="The frame to edit, counted from 0. Choose one that shows the thing "
                    "well: the clip follows it in both directions of time.",
                ),
                task_input(),
                io.String.Input(
                    "captions",
                    multiline=True,
                    default="",
                    placeholder="one caption a line, for example:\na red balloon\na blue kite",
                    tooltip="What shall be inside the mask: one caption a line, each gets its own "
                    "candidates. delete needs none.",
                ),
                *prompt_inputs(),
                io.Int.Input(
                    "candidates",
                    default=4,
                    min=1,
                    max=64,
                    tooltip="Pictures for each caption, with this seed, the next one, and so on.",
                ),
                *work_inputs(),
                *paste_inputs(),
            ],
            outputs=[
                io.Image.Output(
                    "batch",
                    display_name="candidates",
                    tooltip="The edited frame, one image a candidate; the captions in turn.",
                ),
                io.Image.Output(
                    "sheet",
                    display_name="sheet",
                    tooltip="All candidates on one picture, numbered as in Vivid Pick Keyframe.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="What one candidate costs beside the edit of the whole clip.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, task: str | None = None, captions: str | None = None) -> bool | str:
        return check_caption(task, captions, name="captions") or True

    @classmethod
    def execute(
        cls,
        model: Hosted,
        video: Any,
        mask: Any,
        frame: int,
        captions: str,
        candidates: int,
        **settings: Any,
    ) -> io.NodeOutput:
        import torch

        from ..vivid_core.edit.job import plan_edit
        from ..vivid_core.keyframe.edit import candidate_bytes, candidate_sheet, edit_keyframe

        require_choices(cls, **settings)
        clip = convert.to_clip(video)
        material = edit_material(clip, mask)
        texts, asked = _captions(model, captions, settings)
        job = plan_edit(model.bundle, material, asked)
        model.prepare(candidate_bytes(model.bundle, job))
        runtime = host.runtime()
        result = edit_keyframe(
            model.bundle,
            material,
            asked,
            frame=frame,
            captions=texts,
            candidates=candidates,
            runtime=runtime,
            job=job,
        )
        gallery.keep(result, clip, asked.task, node=f"{cls.hidden.unique_id}")
        batch = torch.stack([candidate.pixels for candidate in result.candidates])
        host.show_result(runtime, batch)
        sheet = convert.to_socket(candidate_sheet(result))[None]
        return io.NodeOutput(
            convert.to_socket(batch),
            sheet,
            result.report,
            ui=previews.animation(sheet) | previews.text(result.report),
        )


class PropagateKeyframes(VividNode):
    """Vivid_PropagateKeyframes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_PropagateKeyframes",
            display_name="Vivid Propagate Keyframes",
            category=CATEGORY,
            description="Edits a clip so that it follows finished frames, in both directions of "
            "time. Can make a range anew and keep the rest of an earlier edit.",
            search_aliases=["kive", "keyframe to video", "propagate edit", "first last frame"],
            has_intermediate_output=True,
            inputs=[
                *clip_inputs(),
                task_input(),
                caption_input(),
                *prompt_inputs(),
                *work_inputs(),
                *paste_inputs(),
                io.Boolean.Input(
                    "match_colors",
                    default=True,
                    tooltip="Where a clip takes more than one window: colours are matched to the "
                    "untouched surroundings, so that they do not drift.",
                    **advanced(),
                ),
                io.Int.Input(
                    "first_frame",
                    default=EVERYTHING,
                    min=EVERYTHING,
                    max=MOST_FRAMES,
                    tooltip="With previous: the first frame to make anew. -1: from the start.",
                    **advanced(),
                ),
                io.Int.Input(
                    "last_frame",
                    default=EVERYTHING,
                    min=EVERYTHING,
                    max=MOST_FRAMES,
                    tooltip="With previous: the last frame to make anew. -1: to the end.",
                    **advanced(),
                ),
                VividKeyframe.Input(
                    "keyframe",
                    optional=True,
                    tooltip="The finished frames to follow. Only a range of a previous edit can "
                    "do without.",
                ),
                io.Image.Input(
                    "previous",
                    optional=True,
                    tooltip="An earlier edit of this clip: outside the range it is kept as it is, "
                    "and the range joins it.",
                ),
            ],
            outputs=edit_outputs(),
        )

    @classmethod
    def validate_inputs(cls, task: str | None = None, caption: str | None = None) -> bool | str:
        return check_caption(task, caption, name="caption") or True

    @classmethod
    def execute(
        cls,
        model: Hosted,
        video: Any,
        mask: Any,
        first_frame: int,
        last_frame: int,
        keyframe: Any = None,
        previous: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.keyframe.propagate import plan_propagation, run_propagation

        require_choices(cls, **settings)
        source = read_recording(video)
        material = edit_material(source.clip, mask, keyframes=keyframe)
        again = _again(previous, first_frame, last_frame, len(source.clip))
        asked = edit_settings(fill="off", **settings)
        planned = plan_propagation(model.bundle, material, asked, again=again)
        prepare(model, planned.job)
        runtime = host.runtime()
        result = run_propagation(model.bundle, planned, runtime)
        host.show_result(runtime, result.frames)
        return edit_output(source, result, lead=planned.way)


def _captions(model: Hosted, text: str, settings: dict[str, Any]) -> tuple[list[str], Settings]:
    """One a line, and the settings with the first; a single one where nobody reads them."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    asked = edit_settings(caption=lines[0], **settings)
    if model.bundle.reads_caption(asked):
        return lines, asked
    unread = "" if asked.task == "delete" else lines[0]
    return [unread], replace(asked, caption=unread)


def _again(previous: Any, first: int, last: int, frames: int) -> Again | None:
    """The range to make anew; None for the whole clip."""
    from ..vivid_core.errors import InputError
    from ..vivid_core.keyframe.propagate import Again
    from ..vivid_core.video import FrameRange

    if first == last == EVERYTHING:
        return None
    if previous is None:
        raise InputError(
            "previous",
            "is missing: connect the edit whose other frames shall stay, or set first_frame and "
            "last_frame to -1",
        )
    stop = frames if last == EVERYTHING else last + 1
    span = FrameRange(start=max(first, 0), stop=stop)
    return Again(previous=convert.to_clip(previous, "previous").frames, span=span)
