"""Instructions for a clip, written by a model that sees it."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import convert, memory, previews
from .perceive import CATEGORY, ready_judge
from .schema import VividNode, schema
from .sockets import FRAMES, VividEngine

SHOWN = 80  # characters of a line that is refused


class WriteInstructions(VividNode):
    """Vivid_WriteInstructions."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_WriteInstructions",
            display_name="Vivid Write Instructions",
            category=CATEGORY,
            description="Describes a clip by three of its frames, makes one caption of that, and "
            "writes instructions to edit it: for a dataset of instruction editing.",
            search_aliases=["caption video", "edit prompt", "recaption", "instructpix2pix"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input("video", types=FRAMES, tooltip="The clip, or one picture."),
                VividEngine.Input("engine", tooltip="From Vivid Load Engine: vlm or endpoint."),
                io.Int.Input(
                    "count", default=3, min=1, max=20, tooltip="How many instructions to write."
                ),
                io.String.Input(
                    "caption",
                    default="",
                    multiline=True,
                    tooltip="What is known of the clip already, such as its caption; may be empty.",
                ),
                io.String.Input(
                    "examples",
                    default="",
                    multiline=True,
                    placeholder="make the dog a fox -> A fox runs along a beach at noon.",
                    tooltip="One a line: an instruction, an arrow (->) and what is seen then. They "
                    "show which edits you want. Empty: a few of this pack's.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "instructions", display_name="instructions", tooltip="One a line."
                ),
                io.String.Output(
                    "clip_caption", display_name="clip caption", tooltip="What the clip shows now."
                ),
                io.String.Output(
                    "edited_captions",
                    display_name="edited captions",
                    tooltip="What it shows after each instruction, one a line.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, video: Any, engine: Any, count: int, caption: str, examples: str
    ) -> io.NodeOutput:
        from ..vivid_core.build.instructions import (
            EXAMPLES,
            describe_clip,
            keyframe_places,
            write_instructions,
        )
        from ..vivid_core.video import FrameRange

        engine = ready_judge(engine, argument="engine")
        shown = _examples(examples) or EXAMPLES
        source = convert.to_source(video)
        places = keyframe_places(len(source))
        frames = [next(source.read(FrameRange(start=at, stop=at + 1))) for at in places]
        with memory.normal_tensors():
            whole = describe_clip(engine, frames, caption)
            written = write_instructions(
                engine, frames[len(frames) // 2], whole, count=count, examples=shown
            )
        lines = [one.text for one in written]
        captions = "\n".join(one.edited_caption for one in written)
        report = "\n".join([whole, "", *lines])
        return io.NodeOutput("\n".join(lines), whole, captions, ui=previews.text(report))


def _examples(text: str) -> list[str]:
    from ..vivid_core.build.instructions import ARROW
    from ..vivid_core.errors import InputError

    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if ARROW not in line:
            raise InputError(
                "examples",
                f"{line[:SHOWN]!r} has no {ARROW}: write 'instruction {ARROW} what is seen'",
            )
    return lines
