"""Change a mask, and show it on its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, previews
from .schema import VividNode, advanced, require_choices, schema
from .sockets import FRAMES, MASKS, VividModel

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.inpainter import MaskReader
    from ..vivid_core.video import Clip

CATEGORY = "VIVID/2 Mask"
MASK_MODES = ["none", "expand", "hull", "box", "hull+expand", "box+expand"]
THE_MASK, SEEN = "mask", "what the model edits"
COLORS = {
    "blue": (0.16, 0.78, 1.0),
    "green": (0.25, 0.95, 0.35),
    "red": (1.0, 0.25, 0.25),
    "magenta": (1.0, 0.25, 0.9),
    "white": (1.0, 1.0, 1.0),
}


class AugmentMask(VividNode):
    """Vivid_AugmentMask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_AugmentMask",
            display_name="Vivid Augment Mask",
            category=CATEGORY,
            description="Makes a mask looser: grown, its hull or its bounding box. The six "
            "variants a VIVID model is trained on. Give an object that changes its outline room.",
            search_aliases=["grow mask", "expand mask", "dilate mask", "mask box", "convex hull"],
            has_intermediate_output=True,
            inputs=[
                io.MultiType.Input(
                    "mask", types=MASKS, tooltip="White is edited. Cut at 0.5 before it is changed."
                ),
                io.Combo.Input(
                    "mode",
                    options=MASK_MODES,
                    default="expand",
                    tooltip="expand: grow by the radius. hull: convex hull. box: bounding box. "
                    "With +expand: that, then grown. none: only cut at 0.5.",
                ),
                io.Float.Input(
                    "radius_min",
                    default=0.05,
                    min=0.0,
                    max=1024.0,
                    step=0.01,
                    tooltip="Smallest growth, in the unit below. The growth is drawn between both "
                    "radii; make them equal to choose it yourself.",
                ),
                io.Float.Input(
                    "radius_max",
                    default=0.25,
                    min=0.0,
                    max=1024.0,
                    step=0.01,
                    tooltip="Largest growth, in the unit below.",
                ),
                io.Combo.Input(
                    "unit",
                    options=["share", "pixels"],
                    default="share",
                    tooltip="share: of the mask's own size (square root of its area), 0.1 is 10%. "
                    "pixels: of the frame.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**64 - 1,
                    control_after_generate=True,
                    tooltip="Draws the growth between both radii.",
                ),
                io.Boolean.Input(
                    "per_frame",
                    default=False,
                    tooltip="on: a new growth for every frame, so the border breathes. off: one "
                    "growth for the clip, so the border is steady.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "components",
                    options=["together", "each"],
                    default="together",
                    tooltip="together: one hull or box around everything. each: one around every "
                    "separate piece.",
                    **advanced(),
                ),
            ],
            outputs=[io.Mask.Output("augmented", display_name="mask", tooltip="The new mask.")],
        )

    @classmethod
    def execute(
        cls, mask: Any, radius_min: float, radius_max: float, **settings: Any
    ) -> io.NodeOutput:
        from ..vivid_core.mask.augment import augment_mask

        require_choices(cls, **settings)
        values = convert.mask_values(mask)
        augmented = augment_mask(values, radius=(radius_min, radius_max), **settings)
        result = convert.to_socket(augmented)
        return io.NodeOutput(result, ui=previews.animation(previews.mask_as_image(result)))


class OverlayMask(VividNode):
    """Vivid_OverlayMask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_OverlayMask",
            display_name="Vivid Overlay Mask",
            category=CATEGORY,
            description="Shows what will be edited: the mask as a tint with a contour on the "
            "frames.",
            search_aliases=["preview mask", "show mask", "mask preview", "composite mask"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input("video", types=FRAMES, tooltip="The frames to show it on."),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="White is edited. One mask a frame, or one for all.",
                ),
                io.Combo.Input(
                    "color", options=list(COLORS), default="blue", tooltip="Colour of the tint."
                ),
                io.Float.Input(
                    "opacity",
                    default=0.45,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Strength of the tint: 0 shows the contour alone, 1 hides the frame.",
                ),
                io.Boolean.Input(
                    "outline", default=True, tooltip="Draw a contour where the mask passes 0.5."
                ),
                io.Combo.Input(
                    "show",
                    options=[THE_MASK, SEEN],
                    default=THE_MASK,
                    optional=True,
                    tooltip="mask: as it is. what the model edits: as the model reads it, on its "
                    "coarser grid of space and time.",
                ),
                VividModel.Input(
                    "model",
                    optional=True,
                    tooltip="Whose grid is shown. Without one: that of VIVID's own layout on "
                    "CogVideoX.",
                ),
            ],
            outputs=[
                io.Image.Output("overlay", display_name="overlay", tooltip="The tinted frames."),
                io.String.Output(
                    "report", display_name="report", tooltip="How much is selected, and by what."
                ),
                io.Mask.Output("seen", display_name="mask", tooltip="The mask that is shown."),
            ],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        mask: Any,
        color: str,
        opacity: float,
        outline: bool,
        show: str = THE_MASK,
        model: Any = None,
    ) -> io.NodeOutput:
        from ..vivid_core.mask.overlay import overlay_mask

        require_choices(cls, color=color, show=show)
        clip = convert.to_clip(video)
        values, words = convert.mask_values(mask), "the mask"
        if show == SEEN:
            values, words = _seen(model, clip, values)
        shown = overlay_mask(clip.frames, values, COLORS[color], opacity, outline=outline)
        result = convert.to_socket(shown)
        report = f"{words} selects {float((values > 0.5).float().mean()):.1%} of the pixels"
        return io.NodeOutput(
            result,
            report,
            convert.to_socket(values),
            ui=previews.animation(result, float(clip.fps)) | previews.text(report),
        )


def _seen(model: Any, clip: Clip, mask: Tensor) -> tuple[Tensor, str]:
    """The mask as a model reads it, and in words whose and how."""
    from ..vivid_core.edit.seen import seen_mask

    reader = _reader(model)
    values = seen_mask(reader, clip, convert.to_mask(mask, clip))
    whose = "VIVID's own layout (no model is connected)" if model is None else model.bundle.name
    before = float((mask > 0.5).float().mean())
    return values, f"{whose}: {reader.mask_rule}. Of a mask of {before:.1%}, what it edits"


def _reader(model: Any) -> MaskReader:
    from ..vivid_core.cogvideox.masks import default_reading
    from ..vivid_core.errors import InputError
    from ..vivid_core.inpainter import MaskReader

    if model is None:
        return default_reading()
    if not isinstance(model.bundle, MaskReader):
        raise InputError(
            "model",
            f"{model.bundle.name} does not say how it reads masks: disconnect it to see VIVID's "
            "own layout",
        )
    return model.bundle
