"""One frame at several strengths of guidance, to choose from."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import convert, gallery, host, previews
from .edit_inputs import (
    border_inputs,
    edit_settings,
    focus_input,
    negative_input,
    sampler_input,
    seed_input,
    steps_input,
)
from .instruct import (
    VIDEO_GUIDANCE,
    check_instruction,
    confining_mask,
    formula_input,
    instruction_input,
    material_of,
)
from .keyframe import CATEGORY, MOST_FRAMES
from .memory import HostedModel
from .schema import VividNode, advanced, require_choices, schema
from .sockets import FRAMES, VividModel

FROM, TO, COUNT = 3.0, 8.0, 6  # InsViE, 7.4: most of the best edits lie between


class SweepGuidance(VividNode):
    """Vivid_SweepGuidance."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_SweepGuidance",
            display_name="Vivid Sweep Guidance",
            category=CATEGORY,
            description="Edits one frame of a clip by an instruction at several strengths of "
            "guidance, from the same noise. Pick one, or let Vivid Screen Edits pick.",
            search_aliases=["cfg sweep", "candidates", "guidance grid", "xy plot", "insvie"],
            has_intermediate_output=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                VividModel.Input("model", tooltip="A model that reads instructions."),
                io.MultiType.Input("video", types=FRAMES, tooltip="The clip, or one image."),
                io.Int.Input(
                    "frame",
                    default=0,
                    min=0,
                    max=MOST_FRAMES,
                    tooltip="The frame to edit, counted from 0.",
                ),
                instruction_input(),
                negative_input(),
                *(
                    io.Float.Input(
                        name, default=default, min=0.0, max=100.0, step=0.1, tooltip=tooltip, **how
                    )
                    for name, default, tooltip, how in (
                        ("text_from", FROM, "Text guidance of the first picture.", {}),
                        ("text_to", TO, "Text guidance of the last picture.", {}),
                        (
                            "video_from",
                            VIDEO_GUIDANCE,
                            "Video guidance of the first picture: how closely the source is kept.",
                            advanced(),
                        ),
                        (
                            "video_to",
                            VIDEO_GUIDANCE,
                            "Video guidance of the last picture.",
                            advanced(),
                        ),
                    )
                ),
                io.Int.Input(
                    "candidates",
                    default=COUNT,
                    min=1,
                    max=64,
                    tooltip="How many pictures, in even steps of guidance.",
                ),
                seed_input(),
                steps_input(),
                sampler_input(),
                focus_input(),
                *border_inputs(),
                confining_mask(),
                formula_input(),
            ],
            outputs=[
                io.Image.Output(
                    "batch",
                    display_name="candidates",
                    tooltip="The edited frame, one image for each strength.",
                ),
                io.Image.Output(
                    "sheet",
                    display_name="sheet",
                    tooltip="All of them on one picture, with their numbers and guidance.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="What one picture costs beside the edit of the whole clip.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, instruction: str | None = None) -> bool | str:
        """Before anything is loaded."""
        return check_instruction(instruction) or True

    @classmethod
    def execute(
        cls,
        model: HostedModel,
        video: Any,
        frame: int,
        instruction: str,
        text_from: float,
        text_to: float,
        video_from: float,
        video_to: float,
        candidates: int,
        mask: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        import torch

        from ..vivid_core.edit.job import plan_edit
        from ..vivid_core.instruct.sweep import Sweep, sweep_guidance, sweep_sheet
        from ..vivid_core.keyframe.edit import candidate_bytes

        require_choices(cls, **settings)
        clip = convert.to_clip(video)
        material = material_of(clip, mask, ())
        sweep = Sweep(text=(text_from, text_to), video=(video_from, video_to), count=candidates)
        asked = edit_settings(
            task="instruct", caption=instruction, guidance=sweep.scales[-1], **settings
        )
        job = plan_edit(model.bundle, material, asked)
        model.prepare(candidate_bytes(model.bundle, job))
        runtime = host.runtime()
        result = sweep_guidance(
            model.bundle, material, asked, frame=frame, sweep=sweep, runtime=runtime, job=job
        )
        gallery.keep(result, clip, asked.task, node=f"{cls.hidden.unique_id}")
        batch = torch.stack([candidate.pixels for candidate in result.candidates])
        host.show_result(runtime, batch)
        sheet = convert.to_socket(sweep_sheet(result))[None]
        return io.NodeOutput(
            convert.to_socket(batch),
            sheet,
            result.report,
            ui=previews.animation(sheet) | previews.text(result.report),
        )
