"""A mask for what is not there yet: painted over time, or a shape that moves along a path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, frames, host, previews, waiting
from .background import flow_engine
from .mask import CATEGORY
from .schema import VividNode, advanced, require_choices, schema
from .sockets import FLOWS, FRAMES, MASKS

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.mask.animate import MaskKey
    from ..vivid_core.mask.paint import Painting

PAINTED, BRUSH = "painted", "brush"
SHAPES = ["ellipse", "box", "diamond", PAINTED, BRUSH]
NOTHING_PAINTED = (
    "Vivid Animate Mask waits for you: paint on a few frames (Paint above the picture), the frames "
    "between them follow by themselves; then run again"
)
NOTHING, BACKGROUND, MASK = "nothing", "background", "mask"
CENTER = '[{"frame": 0, "x": 0.5, "y": 0.5}]'


class AnimateMask(VividNode):
    """Vivid_AnimateMask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_AnimateMask",
            display_name="Vivid Animate Mask",
            category=CATEGORY,
            description="Draws a mask for something that is not there yet: a shape along a path, "
            "or a few painted frames, become one mask a frame. Repaints single frames of a mask.",
            search_aliases=[
                "moving mask",
                "mask path",
                "keyframe mask",
                "spline",
                "roto",
                "paint mask",
                "mask editor",
            ],
            has_intermediate_output=True,
            inputs=[
                *_SIZE,
                *_SHAPE,
                io.MultiType.Input(
                    "masks",
                    types=MASKS,
                    optional=True,
                    tooltip="For the shape 'painted': one mask moves along the path; several, one "
                    "for each of the frames named above, turn into each other.",
                ),
                io.MultiType.Input(
                    "video",
                    types=FRAMES,
                    optional=True,
                    tooltip="The clip: its size and length replace those above, its background "
                    "can be followed, and its frames appear in the editor.",
                ),
                io.MultiType.Input(
                    "flow",
                    types=FLOWS,
                    optional=True,
                    tooltip="For following the background. Without one: DIS.",
                ),
                io.MultiType.Input(
                    "follow_mask",
                    types=MASKS,
                    optional=True,
                    tooltip="For following another thing: its mask, one a frame.",
                ),
                io.String.Input(
                    "paint",
                    multiline=True,
                    default="",
                    optional=True,
                    tooltip="Strokes of a brush by frame, as JSON. The editor on the node writes "
                    "it. They retouch the frame they are on; with the shape 'brush' they are all "
                    "there is, and the frames between turn into each other. In-betweens do that "
                    "for a stretch of a track.",
                ),
                io.MultiType.Input(
                    "track",
                    types=MASKS,
                    optional=True,
                    tooltip="A mask to retouch, one a frame, such as that of Vivid Track Object: "
                    "every frame stays as it is, but for what is painted on it. Shape and path "
                    "are not read then.",
                ),
            ],
            outputs=[io.Mask.Output("mask", display_name="mask", tooltip="One mask a frame.")],
        )

    @classmethod
    def validate_inputs(cls, path: str | None = None, paint: str | None = None) -> bool | str:
        """A damaged path or painting is told before anything runs."""
        from ..vivid_core.errors import InputError
        from ..vivid_core.mask.animate import parse_path
        from ..vivid_core.mask.paint import parse_painting

        try:
            if isinstance(path, str) and path.strip():
                parse_path(path)
            if isinstance(paint, str):
                parse_painting(paint)
        except InputError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls,
        width: int,
        height: int,
        length: int,
        shape: str,
        path: str,
        video: Any = None,
        paint: str = "",
        track: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.mask.paint import parse_painting, retouch

        require_choices(cls, shape=shape, **settings)
        painting = parse_painting(paint)
        settings["frames"] = _numbers(settings["frames"])
        clip = None if video is None else convert.to_clip(video)
        canvas = (length, height, width) if clip is None else (len(clip), *clip.size)
        if track is not None:
            base = _kept(track, clip)
        elif shape == BRUSH:
            if not painting.frames:
                return waiting.wait(cls, NOTHING_PAINTED, _frames_of(clip))
            mask = convert.to_socket(_brushed(painting, canvas, clip, settings))
            return io.NodeOutput(mask, ui=_shown(clip, mask) | frames.show_masks(mask, "between"))
        else:
            base = _animated(shape, path, canvas, clip, settings)
        motion = _motion(clip, settings) if painting.between else None
        made = retouch(base, painting, ease=settings["ease"], motion=motion)
        mask = convert.to_socket(made)
        below = base.clone()
        below[painting.in_betweens] = made[painting.in_betweens].to(base)
        return io.NodeOutput(mask, ui=_shown(clip, mask) | frames.show_masks(below, "base"))


_SIZE = [
    io.Int.Input("width", default=64, min=16, max=8192, tooltip="Width in pixels."),
    io.Int.Input("height", default=64, min=16, max=8192, tooltip="Height in pixels."),
    io.Int.Input("length", default=17, min=1, max=100_000, tooltip="Length in frames."),
]
_SHAPE = [
    io.Combo.Input(
        "shape",
        options=SHAPES,
        default="ellipse",
        tooltip="What moves. painted: the connected masks. brush: what you paint on the node, on "
        "a few frames.",
    ),
    io.Float.Input(
        "size_x",
        default=0.3,
        min=0.005,
        max=2.0,
        step=0.01,
        tooltip="Width of the shape, as a share of the frame's width.",
    ),
    io.Float.Input(
        "size_y",
        default=0.3,
        min=0.005,
        max=2.0,
        step=0.01,
        tooltip="Height of the shape, as a share of the frame's height.",
    ),
    io.String.Input(
        "path",
        multiline=True,
        default=CENTER,
        tooltip="Where the middle of the shape is at which frame, as JSON. The editor on the node "
        "writes it.",
    ),
    io.Combo.Input(
        "ease",
        options=["smooth", "linear", "ease"],
        default="smooth",
        tooltip="smooth: through the points without a jolt. linear: one speed between two points. "
        "ease: slows down at every point.",
        **advanced(),
    ),
    io.Combo.Input(
        "follow",
        options=[NOTHING, BACKGROUND, MASK],
        default=NOTHING,
        tooltip="nothing: the path is drawn on the frame. background: on the world, which the "
        "camera moves over (needs video). mask: on another thing (needs follow_mask).",
    ),
    io.String.Input(
        "frames",
        default="0",
        tooltip="For several painted masks: the frames they belong to, such as 0, 24, 48.",
        **advanced(),
    ),
]


def _animated(
    shape: str, path: str, canvas: tuple[int, int, int], clip: Any, settings: dict[str, Any]
) -> Tensor:
    """The shape along its path, on every frame."""
    length, *size = canvas
    settings["motion"] = _motion(clip, settings)
    masks = settings.pop("masks", None)
    values = None if masks is None else convert.mask_values(masks, "masks")
    if shape == PAINTED:
        return _painted(_given(values), path, length, settings)
    return _moved(_drawn(shape, (size[0], size[1]), settings), path, length, settings)


def _brushed(
    painting: Painting, canvas: tuple[int, int, int], clip: Any, settings: dict[str, Any]
) -> Tensor:
    from ..vivid_core.mask.paint import paint_over_time

    length, height, width = canvas
    motion = _motion(clip, settings)
    return paint_over_time(painting, length, (height, width), ease=settings["ease"], motion=motion)


def _kept(track: Any, clip: Any) -> Tensor:
    """The connected mask, one a frame of the clip."""
    from ..vivid_core.errors import MaskError
    from ..vivid_core.video import MaskTrack

    values = convert.mask_values(track, "track")
    if clip is None:
        return values
    try:
        return MaskTrack.fit(values, clip).values
    except MaskError as error:
        raise MaskError("track", error.problem) from error


def _drawn(shape: Any, size: tuple[int, int], settings: dict[str, Any]) -> Tensor:
    from ..vivid_core.mask.animate import draw_shape

    height, width = size
    return draw_shape(
        shape, size, width=settings["size_x"] * width, height=settings["size_y"] * height
    )


def _moved(mask: Tensor, path: str, length: int, settings: dict[str, Any]) -> Tensor:
    from ..vivid_core.mask.animate import animate_shape, parse_path

    points = parse_path(path.strip() or CENTER)
    return animate_shape(mask, points, length, ease=settings["ease"], motion=settings["motion"])


def _painted(masks: Tensor, path: str, length: int, settings: dict[str, Any]) -> Tensor:
    """One painted mask along the path, or several that turn into each other."""
    from ..vivid_core.errors import InputError
    from ..vivid_core.mask.animate import MaskKey, animate_masks

    if len(masks) == 1:
        return _moved(masks[0], path, length, settings)
    numbers = settings["frames"]
    if len(numbers) != len(masks):
        raise InputError(
            "frames",
            f"names {len(numbers)} frames for {len(masks)} masks: name one for each, such as "
            f"{', '.join(str(i * 8) for i in range(len(masks)))}",
        )
    painted: list[MaskKey] = [
        MaskKey(frame=frame, mask=mask) for frame, mask in zip(numbers, masks, strict=True)
    ]
    return animate_masks(painted, length, ease=settings["ease"], motion=settings["motion"])


def _given(masks: Tensor | None) -> Tensor:
    from ..vivid_core.errors import InputError

    if masks is None:
        raise InputError("masks", "the shape 'painted' needs one: connect a painted mask")
    return masks


def _motion(clip: Any, settings: dict[str, Any]) -> Tensor | None:
    """What the path is drawn on: nothing, the background, or another thing."""
    from ..vivid_core.errors import InputError
    from ..vivid_core.flow.background import background_motion
    from ..vivid_core.mask.animate import follow_mask

    follow, mask = settings["follow"], settings.pop("follow_mask", None)
    engine = settings.pop("flow", None)
    if follow == NOTHING:
        return None
    if follow == MASK:
        if mask is None:
            raise InputError("follow_mask", "connect the mask of the thing to follow")
        return follow_mask(convert.mask_values(mask, "follow_mask"))
    if clip is None:
        raise InputError("video", "connect the clip whose background the path shall follow")
    return background_motion(clip.frames, flow_engine(engine), runtime=host.runtime())


def _numbers(text: str) -> list[int]:
    from ..vivid_core.errors import InputError

    parts = [part for part in re.split(r"[\s,;]+", text.strip()) if part]
    if not all(re.fullmatch(r"\d{1,9}", part) for part in parts):
        raise InputError("frames", f"is {text[:60]!r}: need frame numbers such as 0, 24, 48")
    return [int(part) for part in parts]


def _shown(clip: Any, mask: Tensor) -> dict[str, Any]:
    """The mask as a preview; with a clip, its frames for the editor."""
    from ..vivid_core.mask.overlay import DEFAULT_COLOR, overlay_mask

    if clip is None:
        return previews.animation(previews.mask_as_image(mask))
    over = overlay_mask(clip.frames, mask.cpu(), DEFAULT_COLOR)
    return previews.animation(over, float(clip.fps)) | _frames_of(clip)


def _frames_of(clip: Any) -> dict[str, Any]:
    """The clip's frames for the editor, if there is a clip."""
    return {} if clip is None else frames.editor_frames(clip)
