"""Hand one frame of a clip to any image model."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import convert, previews
from .keyframe import CATEGORY, MOST_FRAMES
from .schema import VividNode, advanced, require_choices, schema
from .sockets import FRAMES, MASKS, VividFrame

AROUND, WHOLE = "around the mask", "whole frame"


class FrameForEditing(VividNode):
    """Vivid_FrameForEditing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_FrameForEditing",
            display_name="Vivid Frame for Editing",
            category=CATEGORY,
            description="Hands one frame of a clip to any image model: the part around the mask, "
            "at a size the model likes. Vivid Use Keyframe puts the edited picture back.",
            search_aliases=["inpaint crop", "flux fill", "qwen image edit", "extract frame"],
            has_intermediate_output=True,
            inputs=[
                io.MultiType.Input(
                    "video", types=FRAMES, tooltip="The clip: images, one a frame, or a VIDEO."
                ),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="White is edited. One mask a frame, or one for all frames.",
                ),
                io.Int.Input(
                    "frame",
                    default=0,
                    min=0,
                    max=MOST_FRAMES,
                    tooltip="The frame to edit, counted from 0.",
                ),
                io.Combo.Input(
                    "part",
                    options=[AROUND, WHOLE],
                    default=AROUND,
                    tooltip="What the image model gets: the part around the mask, with more detail "
                    "there, or the whole frame.",
                ),
                io.Float.Input(
                    "context",
                    default=0.5,
                    min=0.0,
                    max=8.0,
                    step=0.05,
                    tooltip="How much is seen around the mask on each side, as a share of the "
                    "mask's own extent. More shows the model what it has to match.",
                ),
                io.Float.Input(
                    "megapixels",
                    default=1.0,
                    min=0.01,
                    max=16.0,
                    step=0.05,
                    tooltip="About how many pixels the picture gets, in units of 1024x1024. Most "
                    "image models like 1.",
                ),
                io.Int.Input(
                    "multiple",
                    default=16,
                    min=1,
                    max=256,
                    tooltip="Width and height are multiples of this many pixels.",
                    **advanced(),
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=0,
                    max=512,
                    tooltip="Pixels of the frame by which the mask is widened: as in the node that "
                    "the keyframe goes to.",
                    **advanced(),
                ),
            ],
            outputs=[
                io.Image.Output(
                    "picture", display_name="image", tooltip="The picture to edit, for the model."
                ),
                io.Mask.Output(
                    "picture_mask", display_name="mask", tooltip="The mask on that picture."
                ),
                VividFrame.Output(
                    "crop",
                    display_name="crop",
                    tooltip="Where the picture belongs: for Vivid Use Keyframe.",
                ),
                io.Image.Output("whole", display_name="frame", tooltip="The whole frame as it is."),
                io.Mask.Output(
                    "whole_mask", display_name="frame mask", tooltip="Its mask, widened by grow."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, video: Any, mask: Any, frame: int, part: str, megapixels: float, **settings: Any
    ) -> io.NodeOutput:
        from ..vivid_core.keyframe.handout import MEGAPIXEL, Wish, hand_out

        require_choices(cls, part=part)
        clip = convert.to_clip(video)
        wish = Wish(
            area=round(megapixels * MEGAPIXEL),
            step=settings["multiple"],
            context=settings["context"],
            whole=part == WHOLE,
            grow=settings["grow"],
        )
        out = hand_out(clip, convert.to_mask(mask, clip), frame, wish)
        picture = convert.to_socket(out.picture[None])
        return io.NodeOutput(
            picture,
            convert.to_socket(out.picture_mask[None]),
            out,
            convert.to_socket(out.source[None]),
            convert.to_socket(out.mask[None]),
            ui=previews.animation(picture),
        )
