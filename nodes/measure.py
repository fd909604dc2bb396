"""Compare an edit with its source."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from . import convert
from .compare import save_view
from .schema import schema
from .sheet import contact_sheet, side_by_side
from .sockets import FRAMES, MASKS

CATEGORY = "VIVID/6 Measure"


class CompareEdit(io.ComfyNode):
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
        before = convert.to_clip(source)
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
