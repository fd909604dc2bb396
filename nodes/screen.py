"""Judge edits: the best of several pictures, and whether an edited clip is good enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, gallery, host, memory, previews
from .background import FLOW_TOOLTIP, flow_engine
from .clip_model import clip_encoder, clip_model_input
from .instruct import instruction_input
from .keyframe import CATEGORY as KEYFRAME
from .keyframe import MOST_FRAMES
from .measure import CATEGORY as MEASURE
from .perceive import ready_judge
from .pick import check_picked
from .schema import VividNode, advanced, schema
from .sockets import FLOWS, FRAMES, MASKS, VividEngine, VividKeyframe

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.instruct.screen import Screening
    from ..vivid_core.perceive.protocols import Chat
    from ..vivid_core.video import Clip

_JUDGE_TOOLTIP = (
    "A vision-language model that sees the pictures: vlm or endpoint of Vivid Load Engine. Without "
    "one figures decide."
)


class ScreenEdits(VividNode):
    """Vivid_ScreenEdits."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_ScreenEdits",
            display_name="Vivid Screen Edits",
            category=KEYFRAME,
            description="Picks the best of several edits of one frame: by a vision-language model, "
            "by figures alone, or by you; and says why. Edits of any image model will do.",
            search_aliases=["best of n", "judge", "vlm", "choose image", "rank images"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input(
                    "source", types=FRAMES, tooltip="What was edited: the clip, or one image."
                ),
                io.Image.Input(
                    "candidates",
                    tooltip="Edits of one of its frames, from Vivid Sweep Guidance or any other "
                    "node.",
                ),
                instruction_input(),
                io.Int.Input(
                    "frame",
                    default=0,
                    min=0,
                    max=MOST_FRAMES,
                    tooltip="The frame of the clip that was edited, counted from 0.",
                ),
                io.String.Input(
                    "choice",
                    default="",
                    tooltip="Empty: the best is picked. Else yours: a number from 1, or the digest "
                    "of a picture.",
                ),
                clip_model_input(),
                *(
                    io.String.Input(
                        name, default="", multiline=True, optional=True, tooltip=words, **advanced()
                    )
                    for name, words in (
                        ("source_caption", "For CLIP's direction: what the source shows."),
                        ("edit_caption", "For CLIP: what the edit should show."),
                    )
                ),
                VividEngine.Input("judge", optional=True, tooltip=_JUDGE_TOOLTIP),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    optional=True,
                    tooltip="Where the edit belongs: what changed outside it counts against it.",
                ),
            ],
            outputs=[
                VividKeyframe.Output(
                    "keyframe",
                    display_name="keyframe",
                    tooltip="For Vivid Propagate Edit and Vivid Propagate Keyframes.",
                ),
                io.Image.Output("best", display_name="image", tooltip="The picked edit."),
                io.Int.Output("number", display_name="number", tooltip="Which it is, from 1."),
                io.String.Output(
                    "report", display_name="report", tooltip="All figures, and why this one."
                ),
                io.Image.Output(
                    "sheet", display_name="sheet", tooltip="All edits with their numbers."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, choice: str | None = None) -> bool | str:
        return check_picked(choice)

    @classmethod
    def fingerprint_inputs(cls, clip_model: str | None = None, **_: Any) -> str:
        return host.fingerprint("clip_model", clip_model)

    @classmethod
    def execute(
        cls,
        source: Any,
        candidates: Any,
        instruction: str,
        frame: int,
        choice: str,
        clip_model: str,
        source_caption: str = "",
        edit_caption: str = "",
        judge: Any = None,
        mask: Any = None,
    ) -> io.NodeOutput:
        from ..vivid_core.instruct.screen import Asked, screen_edits

        batch = convert.to_clip(candidates, "candidates").frames
        clip = convert.to_clip(source, "source")
        number = _number(batch, choice)
        asked = Asked(
            source=_frame(clip, frame),
            instruction=instruction,
            mask=None if mask is None else _frame_mask(mask, clip, frame),
            source_caption=source_caption,
            edit_caption=edit_caption,
        )
        with memory.normal_tensors():
            found = screen_edits(
                list(batch),
                asked,
                judge=_judge(judge) if number is None else None,
                clip=clip_encoder(clip_model),
            )
        return _shown(batch, found, number or found.best, frame, chosen=number is not None)


class FilterEdit(VividNode):
    """Vivid_FilterEdit."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_FilterEdit",
            display_name="Vivid Filter Edit",
            category=MEASURE,
            description="Says whether an edited clip is good enough to keep, and why not: a "
            "vision-language model's score of three frames, and the motion beside the source's.",
            search_aliases=["quality filter", "epe", "vlm score", "judge video"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input("source", types=FRAMES, tooltip="The clip before the edit."),
                io.MultiType.Input(
                    "edit", types=FRAMES, tooltip="The clip after it: same size, same length."
                ),
                instruction_input(),
                io.Int.Input(
                    "lowest_score",
                    default=3,
                    min=1,
                    max=5,
                    tooltip="Least score of the judge, 1 to 5. Without a judge nobody looks.",
                ),
                io.Float.Input(
                    "highest_epe",
                    default=4.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    tooltip="Most end-point error of the edit's motion beside the source's, in "
                    "pixels on average.",
                ),
                VividEngine.Input("judge", optional=True, tooltip=_JUDGE_TOOLTIP),
                io.MultiType.Input("flow", types=FLOWS, optional=True, tooltip=FLOW_TOOLTIP),
            ],
            outputs=[
                io.Boolean.Output("passed", display_name="passed", tooltip="Whether it is."),
                io.Int.Output(
                    "score", display_name="score", tooltip="The judge's, 1 to 5; 0 without one."
                ),
                io.Float.Output(
                    "epe",
                    display_name="EPE",
                    tooltip="End-point error in pixels; -1 where it cannot be measured.",
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="All figures, and every reason."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        source: Any,
        edit: Any,
        instruction: str,
        lowest_score: int,
        highest_epe: float,
        judge: Any = None,
        flow: Any = None,
    ) -> io.NodeOutput:
        from ..vivid_core.instruct.filter import Thresholds, filter_edit

        before, after = convert.to_clip(source, "source"), convert.to_clip(edit, "edit")
        with memory.normal_tensors():
            verdict = filter_edit(
                before.frames,
                after.frames,
                instruction,
                Thresholds(lowest_score=lowest_score, highest_epe=highest_epe),
                flow=flow_engine(flow),
                judge=_judge(judge),
                runtime=host.runtime(),
            )
        score = 0 if verdict.score is None else verdict.score.value
        epe = -1.0 if verdict.epe is None else verdict.epe
        return io.NodeOutput(
            verdict.passed, score, epe, verdict.report, ui=previews.text(verdict.report)
        )


def _judge(engine: Any) -> Chat | None:
    return None if engine is None else ready_judge(engine)


def _number(batch: Tensor, text: str) -> int | None:
    """The choice of a person, from 1; None where there is none."""
    from ..vivid_core.errors import InputError
    from ..vivid_core.keyframe.library import parse_choice, pick, picture_digest

    choice = parse_choice(text)
    if choice is None:
        return None
    wanted = pick(batch, choice, gallery.library()).digest
    if choice.number:
        return choice.number
    for number, pixels in enumerate(batch, start=1):
        if picture_digest(pixels) == wanted:
            return number
    raise InputError("choice", f"the picture {wanted} is not among these: choose again")


def _frame(clip: Clip, frame: int) -> Tensor:
    from ..vivid_core.errors import InputError

    if frame >= len(clip):
        raise InputError("frame", f"is {frame}, the clip has frames 0 to {len(clip) - 1}")
    return clip.frames[frame]


def _frame_mask(mask: Any, clip: Clip, frame: int) -> Tensor:
    return convert.to_mask(mask, clip).values[frame]


def _shown(
    batch: Tensor, found: Screening, number: int, frame: int, *, chosen: bool
) -> io.NodeOutput:
    """The picked edit, and all of them on a sheet."""
    from ..vivid_core.keyframe.edit import SHEET_CELL, SHEET_COLUMNS
    from ..vivid_core.metrics.sheet import draw_gallery
    from ..vivid_core.video import Keyframe

    marks = [" best" if i == number else "" for i in range(1, len(batch) + 1)]
    labels = [f"{i}{mark}" for i, mark in enumerate(marks, start=1)]
    sheet = draw_gallery(list(batch), labels, columns=SHEET_COLUMNS, cell=SHEET_CELL)[None]
    report = f"chosen by you: {number}\n{found.report}" if chosen else found.report
    pixels = batch[number - 1]
    return io.NodeOutput(
        (Keyframe(frame=frame, pixels=pixels),),
        convert.to_socket(pixels[None]),
        number,
        report,
        convert.to_socket(sheet),
        ui=previews.animation(sheet, longest=previews.LONGEST_SHEET) | previews.text(report),
    )
