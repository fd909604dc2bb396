"""Clips from stills: a camera that moves over a picture and over its edit alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, previews
from .dataset import CATEGORY
from .schema import VividNode, require_choices, schema

if TYPE_CHECKING:
    from torch import Tensor

MOTIONS = ["zoom in", "zoom out", "move left", "move right", "move up", "move down"]


class CameraMotionClip(VividNode):
    """Vivid_CameraMotionClip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_CameraMotionClip",
            display_name="Vivid Camera Motion Clip",
            category=CATEGORY,
            description="Turns a still and its edit into two clips over which a camera moves in "
            "the same way: training data for editing by instruction from pairs of pictures.",
            search_aliases=["ken burns", "pan", "zoom", "image to video", "static video"],
            has_intermediate_output=True,
            inputs=[
                io.Image.Input("image", tooltip="The picture before the edit."),
                io.Combo.Input(
                    "motion",
                    options=MOTIONS,
                    default=MOTIONS[0],
                    tooltip="What the camera does; moved left, what is seen goes to the right.",
                ),
                io.Int.Input("length", default=25, min=2, max=1000, tooltip="Length in frames."),
                io.Float.Input(
                    "crop",
                    default=0.9,
                    min=0.1,
                    max=0.99,
                    step=0.01,
                    tooltip="The smallest part of the picture that is seen, a share of its sides. "
                    "Smaller moves farther, and is less sharp.",
                ),
                io.Image.Input(
                    "edit",
                    optional=True,
                    tooltip="The picture after the edit, of the same size: it gets the same path.",
                ),
            ],
            outputs=[
                io.Image.Output("source", display_name="source", tooltip="The moving picture."),
                io.Image.Output(
                    "edited",
                    display_name="edited",
                    tooltip="The moving edit; without one the same as source.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, image: Tensor, motion: Any, length: int, crop: float, edit: Tensor | None = None
    ) -> io.NodeOutput:
        from ..vivid_core.build.motion import crop_path, follow_path

        require_choices(cls, motion=motion)
        source = convert.to_clip(_still(image, "image"), "image")
        changed = source if edit is None else convert.to_edit_of(source, _still(edit, "edit"))
        path = crop_path(motion, length, crop)
        clip, edited = (follow_path(one.frames[0], path) for one in (source, changed))
        shown = previews.animation(clip if edit is None else edited)
        return io.NodeOutput(convert.to_socket(clip), convert.to_socket(edited), ui=shown)


def _still(image: Tensor, name: str) -> Tensor:
    """Raises InputError for a batch: which of its pictures would be meant?"""
    from ..vivid_core.errors import InputError

    if len(image) != 1:
        raise InputError(
            name, f"has {len(image)} pictures, needs one: pick it with Get Image from Batch"
        )
    return image
