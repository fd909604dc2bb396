"""What an edit will cost, and the edit itself."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import convert, host, memory, previews
from .edit_inputs import (
    caption_input,
    check_caption,
    clip_inputs,
    edit_material,
    edit_output,
    edit_outputs,
    edit_settings,
    fill_input,
    paste_inputs,
    prepare,
    prompt_inputs,
    rest_input,
    task_input,
    work_inputs,
)
from .memory import Hosted
from .schema import VividNode, require_choices, schema
from .sockets import MASKS, VividKeyframe, VividModel
from .video import read_recording

CATEGORY = "VIVID/3 Edit"


class EditVideo(VividNode):
    """Vivid_EditVideo."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_EditVideo",
            display_name="Vivid Edit Video (Inpaint, Erase)",
            category=CATEGORY,
            description="Video inpainting: adds, changes or removes something inside the mask. "
            "Every pixel outside the effective mask stays exactly as it was.",
            search_aliases=[
                "inpaint",
                "erase",
                "video inpaint",
                "remove object",
                "replace object",
                "add object",
            ],
            has_intermediate_output=True,
            inputs=[
                *clip_inputs(),
                task_input(),
                caption_input(),
                *prompt_inputs(),
                *work_inputs(),
                fill_input(),
                *paste_inputs(),
                VividKeyframe.Input(
                    "keyframe",
                    optional=True,
                    tooltip="Finished frames that the rest of the clip shall follow.",
                ),
                rest_input(),
                io.MultiType.Input(
                    "affected_mask",
                    types=MASKS,
                    optional=True,
                    tooltip="For VOID: what the thing in the mask affects and what goes with it: "
                    "its shadow, its reflection, what it holds up. May change too.",
                ),
            ],
            outputs=edit_outputs(),
        )

    @classmethod
    def validate_inputs(
        cls,
        task: str | None = None,
        caption: str | None = None,
    ) -> bool | str:
        """Before anything is loaded."""
        return check_caption(task, caption, name="caption") or True

    @classmethod
    def execute(
        cls,
        model: Hosted,
        video: Any,
        mask: Any,
        keyframe: Any = None,
        affected_mask: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.edit.clip import run_edit
        from ..vivid_core.edit.job import plan_edit

        require_choices(cls, **settings)
        source = read_recording(video)
        material = edit_material(source.clip, mask, keyframes=keyframe, affected=affected_mask)
        job = plan_edit(model.bundle, material, edit_settings(**settings))
        prepare(model, job)
        runtime = host.runtime()
        result = run_edit(model.bundle, job, runtime)
        host.show_result(runtime, result.frames)
        return edit_output(source, result)


class EstimateCost(VividNode):
    """Vivid_EstimateCost."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_EstimateCost",
            display_name="Vivid Estimate Cost",
            category=CATEGORY,
            description="Says what an edit will cost in work, memory and time on this machine, "
            "without running it.",
            search_aliases=["vram estimate", "flops", "memory estimate"],
            is_output_node=True,
            inputs=[
                VividModel.Input("model", tooltip="The model that would edit."),
                io.Int.Input(
                    "width", default=720, min=16, max=8192, tooltip="Width of the clip in pixels."
                ),
                io.Int.Input(
                    "height", default=480, min=16, max=8192, tooltip="Height of the clip in pixels."
                ),
                io.Int.Input("length", default=49, min=1, max=100_000, tooltip="Length in frames."),
                *work_inputs(),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    optional=True,
                    tooltip="The mask, for the cost of its focus crop. Its own size replaces "
                    "width and height, and its length replaces length if it has several frames.",
                ),
            ],
            outputs=[
                io.String.Output("report", display_name="report", tooltip="The estimate in words."),
                io.Float.Output(
                    "pflops",
                    display_name="PFLOPs",
                    tooltip="Work of the whole edit, in 10^15 operations.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Hosted,
        width: int,
        height: int,
        length: int,
        mask: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.edit.cost import estimate_cost
        from ..vivid_core.edit.job import plan_unseen
        from ..vivid_core.edit.speed import matmul_speed
        from ..vivid_core.settings import Settings

        require_choices(cls, **settings)
        values = None if mask is None else convert.mask_values(mask)
        if values is not None:
            height, width = values.shape[1:]
            length = len(values) if len(values) > 1 else length
        asked = Settings(task="delete", grow=0, **settings)
        job = plan_unseen(model.bundle, asked, frames=length, size=(height, width), mask=values)
        speed = matmul_speed(memory.load_device(), model.dtype)
        cost = estimate_cost(model.bundle, job, speed=speed)
        if cost is None:
            words = f"{model.bundle.name} cannot tell what an edit costs"
            return io.NodeOutput(words, 0.0, ui=previews.text(words))
        return io.NodeOutput(cost.text, cost.pflops, ui=previews.text(cost.text))
