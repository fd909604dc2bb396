"""Compare an edit with its source, and measure it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import folder_paths
import torch
from comfy_api.latest import io, ui
from torch import Tensor

from . import convert, host, previews
from .background import FLOW_TOOLTIP, flow_engine
from .clip_model import load_chosen
from .compare import save_view
from .perceive import ready_judge
from .schema import VividNode, require_choices, schema, weights_input
from .sheet import contact_sheet, side_by_side
from .sockets import FLOWS, FRAMES, MASKS, VividEngine

if TYPE_CHECKING:
    from ..vivid_core.measure.figures import Instruments

CATEGORY = "VIVID/6 Measure"
# Inputs that choose a model, and what each of them offers.
MODELS: dict[str, host.Kind] = {
    "clip_model": "clip_model",
    "pick_model": "clip_model",
    "viclip_model": "viclip_model",
    "dover_weights": "dover_weights",
}


class CompareEdit(VividNode):
    """Vivid_CompareEdit."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_CompareEdit",
            display_name="Vivid Compare Edit",
            category=CATEGORY,
            description="Shows source and edit in step, with a slider, their difference, and how "
            "much changed inside and outside the mask. Saves a contact sheet.",
            search_aliases=["compare video", "before after", "difference", "video slider"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input("source", types=FRAMES, tooltip="The clip before the edit."),
                io.MultiType.Input(
                    "edit", types=FRAMES, tooltip="The clip after it: same size, same length."
                ),
                io.Float.Input(
                    "fps",
                    default=8.0,
                    min=0.5,
                    max=120.0,
                    step=0.5,
                    tooltip="Speed of playing in frames a second.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="vivid/compare",
                    tooltip="Where the contact sheet is saved, below ComfyUI's output folder.",
                ),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    optional=True,
                    tooltip="The effective mask of the edit: what was allowed to change. Without "
                    "it only the whole frame is measured.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "sheet",
                    display_name="side by side",
                    tooltip="Source, edit and difference (4x) side by side, one image a frame.",
                )
            ],
        )

    @classmethod
    def execute(
        cls, source: Any, edit: Any, fps: float, filename_prefix: str, mask: Any = None
    ) -> io.NodeOutput:
        host.new_place(filename_prefix, folder_paths.get_output_directory())
        before = convert.to_clip(source, "source")
        after = convert.to_edit_of(before, edit)
        values = None if mask is None else convert.to_mask(mask, before).values
        view = save_view(before.frames, after.frames, values, fps=fps)
        view["measures"] = _measures(before.frames, after.frames, values)
        sheet = contact_sheet(before.frames, after.frames, values)
        saved = ui.ImageSaveHelper.save_images(
            sheet[None], filename_prefix=filename_prefix, folder_type=io.FolderType.output, cls=cls
        )
        return io.NodeOutput(
            convert.to_socket(side_by_side(before.frames, after.frames)),
            ui={"vivid_compare": (view,), "images": saved},
        )


def _measures(source: Tensor, edit: Tensor, mask: Tensor | None) -> dict[str, float | None]:
    """Largest change outside the mask, mean and largest change inside, all of 255."""
    from ..vivid_core.edit.composite import measure_change

    everywhere = torch.ones_like(source[..., 0])
    change = measure_change(source, edit, everywhere if mask is None else mask)
    return {
        "outside": None if mask is None else change.outside * 255,
        "inside_mean": change.inside_mean * 255,
        "inside_max": change.inside_max * 255,
    }


class MeasureEdit(VividNode):
    """Vivid_MeasureEdit."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_MeasureEdit",
            display_name="Vivid Measure Edit",
            category=CATEGORY,
            description="How good an edit is, in the figures of the VIVID paper and more: what "
            "changed outside the mask, steadiness, motion, and with a CLIP model how well it fits "
            "its caption. What cannot be measured says why.",
            search_aliases=["metrics", "psnr", "ssim", "clip score", "lpips", "flicker"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input("source", types=FRAMES, tooltip="The clip before the edit."),
                io.MultiType.Input(
                    "edit", types=FRAMES, tooltip="The clip after it: same size, same length."
                ),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="The effective mask of the edit: what was allowed to change.",
                ),
                io.Combo.Input(
                    "task",
                    options=["add", "modify", "delete"],
                    default="modify",
                    tooltip="What the edit was to do. A deletion has no caption to be compared "
                    "with.",
                ),
                io.String.Input(
                    "caption",
                    default="",
                    multiline=True,
                    tooltip="What was added, or what something was turned into: the edit's own "
                    "caption. Not read for delete.",
                ),
                weights_input(
                    "clip_model",
                    "clip_model",
                    tooltip="For TA and TC: a CLIP folder with config.json, weights and tokenizer "
                    "in models/clip_vision, for example openai/clip-vit-base-patch32. Without one "
                    "these figures are not measured.",
                ),
                io.Float.Input(
                    "fps",
                    default=8.0,
                    min=0.5,
                    max=120.0,
                    step=0.5,
                    tooltip="Frames a second of an IMAGE batch; a VIDEO brings its own. Says which "
                    "frames TC at 7.5 fps takes.",
                ),
                io.MultiType.Input(
                    "truth",
                    types=FRAMES,
                    optional=True,
                    tooltip="What a perfect edit shows, where that is known: for PSNR, SSIM, LPIPS "
                    "and the motion.",
                ),
                io.MultiType.Input("flow", types=FLOWS, optional=True, tooltip=FLOW_TOOLTIP),
                weights_input(
                    "pick_model",
                    "clip_model",
                    optional=True,
                    tooltip="For PickScore: the folder of yuvalkirstain/PickScore_v1 in "
                    "models/clip_vision. Without it this figure is not measured.",
                ),
                VividEngine.Input(
                    "judge",
                    optional=True,
                    tooltip="A vision-language model that scores three aspects, 1 to 5: vlm or "
                    "endpoint of Vivid Load Engine. Without one they are not measured.",
                ),
                io.String.Input(
                    "instruction",
                    default="",
                    optional=True,
                    tooltip="What the edit was to do, for the judge. Empty: what the caption says "
                    "of it; a deletion without one is not judged.",
                ),
                io.String.Input(
                    "source_caption",
                    default="",
                    optional=True,
                    tooltip="What the source shows, in the words of a caption: for ViCLIP dir. "
                    "Empty: this figure is not measured.",
                ),
                weights_input(
                    "viclip_model",
                    "viclip_model",
                    optional=True,
                    tooltip="For ViCLIP out and dir: the folder of OpenGVLab/ViCLIP-L-14-hf in "
                    "models/clip_vision. Without it these figures are not measured.",
                ),
                weights_input(
                    "dover_weights",
                    "dover_weights",
                    optional=True,
                    tooltip="For DOVER: DOVER.pth in models/vivid_engines; its authors' package "
                    "has to be installed. Without both it is not measured.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Every figure with its unit and what is better, or why it was not "
                    "measured.",
                ),
                io.String.Output(
                    "figures",
                    display_name="figures",
                    tooltip="The same as JSON: numbers, or the reason why there is none.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, clip_model: str | None = None) -> bool | str:
        """ComfyUI looks at the other model itself."""
        return host.check_choice("clip_model", clip_model, host.NO_WEIGHTS) or True

    @classmethod
    def fingerprint_inputs(cls, **given: Any) -> str:
        return " ".join(host.fingerprint(kind, given.get(name)) for name, kind in MODELS.items())

    @classmethod
    def execute(
        cls,
        source: Any,
        edit: Any,
        mask: Any,
        task: Any,
        caption: str,
        clip_model: str,
        fps: float,
        truth: Any = None,
        flow: Any = None,
        pick_model: str = host.NO_WEIGHTS,
        judge: Any = None,
        instruction: str = "",
        source_caption: str = "",
        viclip_model: str = host.NO_WEIGHTS,
        dover_weights: str = host.NO_WEIGHTS,
    ) -> io.NodeOutput:
        from ..vivid_core.measure.edited import Edited
        from ..vivid_core.measure.results import measure_one

        require_choices(cls, task=task)
        before = convert.to_measured("source", source, fps)
        edited = Edited(
            source=before,
            edit=convert.to_measured("edit", edit, fps).frames,
            mask=convert.to_mask(mask, before),
            task=task,
            caption=caption,
            instruction=instruction,
            source_caption=source_caption,
            truth=None if truth is None else convert.to_measured("truth", truth, fps).frames,
        )
        chosen = {
            "clip_model": clip_model,
            "pick_model": pick_model,
            "viclip_model": viclip_model,
            "dover_weights": dover_weights,
        }
        results = measure_one(edited, _instruments(chosen, flow, judge))
        report = results.as_lines()
        figures = json.dumps(results.as_json(), indent=1)
        return io.NodeOutput(report, figures, ui=previews.text(report))


def _instruments(chosen: Mapping[str, str], flow: Any, judge: Any) -> Instruments:
    """What measures: the flow that is connected, and the models that are chosen, by input."""
    from ..vivid_core.measure.dover import NO_WEIGHTS, load_dover
    from ..vivid_core.measure.encoder import load_clip_model
    from ..vivid_core.measure.figures import Instruments
    from ..vivid_core.measure.perceptual import load_perceptual
    from ..vivid_core.measure.viclip import load_viclip

    def loaded(name: str, load: Callable[..., Any]) -> Any:
        return load_chosen(MODELS[name], chosen[name], load)

    return Instruments(
        flow=flow_engine(flow),
        clip=loaded("clip_model", load_clip_model),
        pick=loaded("pick_model", load_clip_model),
        viclip=loaded("viclip_model", load_viclip),
        dover=loaded("dover_weights", load_dover) or NO_WEIGHTS,
        perceptual=load_perceptual(),
        judge=None if judge is None else ready_judge(judge),
        runtime=host.runtime(),
    )
