"""What an edit will cost, and the edit itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, host, previews
from .memory import HostedModel
from .schema import check_choices, schema
from .sockets import FRAMES, MASKS, VividKeyframe, VividModel

if TYPE_CHECKING:
    from ..vivid_core.edit.request import EditRequest

CATEGORY = "VIVID/3 Edit"
TASKS = ["add", "modify", "delete"]
FOCUSES = ["auto", "native", "enlarge", "off"]
SAMPLERS = ["ddim", "dpm"]
FILLS = ["off", "auto"]
DEFAULT_GROWTH = -1  # stands for "as the task needs it"

_STEPS_TOOLTIP = "Denoising steps. More take longer, in proportion; 20 to 50 are usual."
_GUIDANCE_TOOLTIP = (
    "How strongly the caption is followed. 1 is plain and costs half; 6 is usual; high values "
    "burn colours."
)
_FOCUS_TOOLTIP = (
    "The part of the frame that the model sees. auto: a window around the mask, where that costs "
    "less. native: that window at its own scale. enlarge: that window scaled up to the model's "
    "size, for more detail. off: the whole frame."
)


class EditVideo(io.ComfyNode):
    """Vivid_EditVideo."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_EditVideo",
            display_name="Vivid Edit Video",
            category=CATEGORY,
            description="Adds, changes or removes something inside the mask. Every pixel outside "
            "the effective mask stays exactly as it was.",
            search_aliases=["video inpaint", "remove object", "replace object", "add object"],
            has_intermediate_output=True,
            inputs=[
                VividModel.Input("model", tooltip="The model that edits."),
                io.MultiType.Input(
                    "video",
                    types=FRAMES,
                    tooltip="The clip: images, one a frame, or a VIDEO. Any size and length; the "
                    "result has the same. Long clips are edited in a chain of windows.",
                ),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="White is edited. One mask a frame, or one for all frames; the size "
                    "of the clip.",
                ),
                io.Combo.Input(
                    "task",
                    options=TASKS,
                    default="modify",
                    tooltip="add: put what the caption says into the mask. modify: turn what is "
                    "there into it. delete: remove it and show the background.",
                ),
                io.String.Input(
                    "caption",
                    multiline=True,
                    default="",
                    placeholder="what shall be inside the mask, for example: a red balloon",
                    tooltip="What shall be inside the mask. delete needs none: it uses the one "
                    "sentence that VIVID models are trained on.",
                ),
                io.String.Input(
                    "negative",
                    multiline=True,
                    default="",
                    placeholder="what to steer away from (optional)",
                    tooltip="What to steer away from. Has no effect at guidance 1.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    control_after_generate=True,
                    tooltip="Another seed gives another result; the same one the same.",
                ),
                io.Int.Input("steps", default=50, min=1, max=1000, tooltip=_STEPS_TOOLTIP),
                io.Float.Input(
                    "guidance", default=6.0, min=0.0, max=100.0, step=0.1, tooltip=_GUIDANCE_TOOLTIP
                ),
                io.Combo.Input("focus", options=FOCUSES, default="auto", tooltip=_FOCUS_TOOLTIP),
                io.Combo.Input(
                    "fill",
                    options=FILLS,
                    default="off",
                    tooltip="For delete. auto: what other frames show of the background is filled "
                    "in first, and the model invents only what no frame shows. off: the model "
                    "invents everything inside the mask.",
                ),
                io.Combo.Input(
                    "sampler",
                    options=SAMPLERS,
                    default="ddim",
                    tooltip="ddim: even and predictable. dpm: often good with fewer steps.",
                ),
                io.Int.Input(
                    "grow",
                    default=DEFAULT_GROWTH,
                    min=DEFAULT_GROWTH,
                    max=512,
                    tooltip="Pixels by which the mask is widened. -1: as the task needs it (delete "
                    "1/60 of the shorter side, at least feather + 1; add and modify 0).",
                ),
                io.Int.Input(
                    "feather",
                    default=2,
                    min=0,
                    max=256,
                    tooltip="Pixels over which the edit fades into the source, all inside the "
                    "effective mask. 0: a hard edge.",
                ),
                VividKeyframe.Input(
                    "keyframe",
                    optional=True,
                    tooltip="Finished frames that the rest of the clip shall follow.",
                ),
            ],
            outputs=[
                io.Image.Output("edit", display_name="edit", tooltip="The edited clip."),
                io.Mask.Output(
                    "effective_mask",
                    display_name="effective mask",
                    tooltip="What could change: the mask, cut at 0.5 and widened by grow. "
                    "Everything else equals the source.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="What was done, what it cost, and warnings.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(
        cls,
        task: str | None = None,
        caption: str | None = None,
        focus: str | None = None,
        fill: str | None = None,
        sampler: str | None = None,
    ) -> bool | str:
        """Before anything is loaded."""
        problem = check_choices(cls, task=task, focus=focus, fill=fill, sampler=sampler)
        if problem is None and fill == "auto" and task in ("add", "modify"):
            problem = f"fill: auto is for delete, the task is {task}: choose off"
        if problem is None and task in ("add", "modify") and caption is not None:
            if not caption.strip():
                problem = f"caption: is empty: say what to {task}, for example 'a red balloon'"
        return problem or True

    @classmethod
    def execute(
        cls, model: HostedModel, video: Any, mask: Any, grow: int, **settings: Any
    ) -> io.NodeOutput:
        from ..vivid_core.edit.pipeline import edit_clip
        from ..vivid_core.edit.report import report_text
        from ..vivid_core.edit.request import EditRequest

        clip = convert.to_clip(video)
        request = EditRequest(
            clip=clip,
            mask=convert.to_mask(mask, clip),
            grow=None if grow == DEFAULT_GROWTH else grow,
            keyframes=settings.pop("keyframe", None) or (),
            **settings,
        )
        model.prepare(_activation_bytes(model, request))
        runtime = host.runtime()
        result = edit_clip(model.bundle, request, runtime)
        host.show_result(runtime, result.frames)
        report = report_text(result.report)
        if result.report.nothing_changed:
            logging.getLogger(__name__).warning(report.splitlines()[0])
        frames = convert.to_socket(result.frames)
        return io.NodeOutput(
            frames,
            convert.to_socket(result.effective_mask),
            report,
            ui=previews.animation(frames, float(clip.fps)) | previews.text(report),
        )


class EstimateCost(io.ComfyNode):
    """Vivid_EstimateCost."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_EstimateCost",
            display_name="Vivid Estimate Cost",
            category=CATEGORY,
            description="Says what an edit will cost in work and memory, without running it.",
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
                io.Int.Input("steps", default=50, min=1, max=1000, tooltip=_STEPS_TOOLTIP),
                io.Float.Input(
                    "guidance", default=6.0, min=0.0, max=100.0, step=0.1, tooltip=_GUIDANCE_TOOLTIP
                ),
                io.Combo.Input("focus", options=FOCUSES, default="auto", tooltip=_FOCUS_TOOLTIP),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    optional=True,
                    tooltip="The mask, for the cost of its focus window. Its own size replaces "
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
    def validate_inputs(cls, focus: str | None = None) -> bool | str:
        return check_choices(cls, focus=focus) or True

    @classmethod
    def execute(
        cls,
        model: HostedModel,
        width: int,
        height: int,
        length: int,
        mask: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.edit.cost import estimate_cost

        values = None if mask is None else convert.mask_values(mask)
        if values is not None:
            height, width = values.shape[1:]
            length = len(values) if len(values) > 1 else length
        cost = estimate_cost(
            model.bundle, frames=length, height=height, width=width, mask=values, **settings
        )
        return io.NodeOutput(cost.text, cost.pflops, ui=previews.text(cost.text))


def _activation_bytes(model: HostedModel, request: EditRequest) -> int:
    """What an edit needs beside the weights."""
    from ..vivid_core.edit.cost import estimate_cost

    height, width = request.clip.size
    memory = estimate_cost(
        model.bundle,
        frames=len(request.clip),
        height=height,
        width=width,
        steps=request.steps,
        guidance=request.guidance,
        mask=request.mask.values,
        focus=request.focus,
        grow=request.growth,
    ).memory
    tiled = getattr(model.bundle.vae, "use_tiling", False)
    return max(memory.denoise, memory.vae_tiled if tiled else memory.vae_whole)
