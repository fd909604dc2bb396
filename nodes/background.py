"""The background's own motion: load an engine, keep a patch on the wall, fill from other frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, host, memory, previews, waiting
from .edit import CATEGORY as EDIT
from .edit_inputs import video_output
from .load import CATEGORY as LOAD
from .mask import CATEGORY as MASK
from .mask import COLORS
from .schema import VividNode, advanced, require_choices, schema, weights_input
from .sockets import FLOWS, FRAMES, MASKS, VividFlow
from .video import read_recording

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.flow.engine import FlowEngine
    from ..vivid_core.video import Clip

DIS, DIS_FAST, RAFT = "dis", "dis fast", "raft"
PREVIEW_OPACITY = 0.45
WAITS = "Vivid Propagate Background Mask waits for you: {problem}, then run again"

FLOW_TOOLTIP = (
    "What finds the motion: from Vivid Load Flow, or ComfyUI's own optical flow loader. Without "
    "one: DIS, which needs no weights."
)
_ENTITIES_TOOLTIP = (
    "White where something moves by itself (people, cars): it is no background. One mask a frame, "
    "or one for all."
)


class LoadFlow(VividNode):
    """Vivid_LoadFlow."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_LoadFlow",
            display_name="Vivid Load Flow",
            category=LOAD,
            description="Loads what finds the motion between frames.",
            search_aliases=["optical flow", "raft", "dis flow", "motion vectors"],
            inputs=[
                io.Combo.Input(
                    "engine",
                    options=[DIS, DIS_FAST, RAFT],
                    default=DIS,
                    tooltip="dis: needs no weights, runs on the CPU. dis fast: half the time, "
                    "coarser. raft: the paper's choice; needs weights and a graphics card.",
                ),
                weights_input(
                    "weights",
                    "flow",
                    tooltip="For raft: torchvision's raft_large or raft_small in "
                    "models/optical_flow. dis takes none.",
                ),
            ],
            outputs=[
                VividFlow.Output("flow", display_name="flow", tooltip="For the background nodes.")
            ],
        )

    @classmethod
    def validate_inputs(cls, weights: str | None = None) -> bool | str:
        return host.check_weights("flow", weights) or True

    @classmethod
    def fingerprint_inputs(cls, weights: str | None = None, **_: Any) -> str:
        return host.fingerprint("flow", weights)

    @classmethod
    def execute(cls, engine: str, weights: str) -> io.NodeOutput:
        from ..vivid_core.flow.dis import DisFlow

        require_choices(cls, engine=engine)
        host.require_weights("flow", engine, weights, needed_by=RAFT, such_as="raft_large")
        if engine != RAFT:
            return io.NodeOutput(DisFlow("medium" if engine == DIS else "fast"))
        from ..vivid_core.flow.raft import load_raft

        with memory.normal_tensors():
            path = host.find("flow", weights)
            return io.NodeOutput(load_raft(path, device=memory.load_device()))


class PropagateBackgroundMask(VividNode):
    """Vivid_PropagateBackgroundMask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_PropagateBackgroundMask",
            display_name="Vivid Propagate Background Mask",
            category=MASK,
            description="Keeps a mask where it is on the background while the camera moves: a "
            "patch of wall stays on the wall.",
            search_aliases=["static mask", "planar tracking", "stabilise mask", "match move"],
            has_intermediate_output=True,
            inputs=[
                io.MultiType.Input("video", types=FRAMES, tooltip="The clip."),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="The patch on one frame, white. Of several masks the one of the "
                    "keyframe counts.",
                ),
                io.Int.Input(
                    "keyframe",
                    default=0,
                    min=0,
                    max=1_000_000,
                    tooltip="The frame that the mask was painted on, counted from 0.",
                ),
                io.Combo.Input(
                    "method",
                    options=["background", "dense"],
                    default="background",
                    tooltip="background: follows the camera (and a local fit where there is "
                    "parallax), warps the mask once. dense: hands it on pixel by pixel, as the "
                    "paper says; whatever crosses the mask carries it off. To compare.",
                    **advanced(),
                ),
                io.MultiType.Input("flow", types=FLOWS, optional=True, tooltip=FLOW_TOOLTIP),
                io.MultiType.Input(
                    "entities", types=MASKS, optional=True, tooltip=_ENTITIES_TOOLTIP
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "propagated", display_name="mask", tooltip="The patch on every frame."
                ),
                io.Float.Output(
                    "confidence",
                    display_name="confidence",
                    tooltip="How sure each frame is, 0 to 1: a list of numbers, one a frame.",
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="Confidence in words, and warnings."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        mask: Any,
        keyframe: int,
        method: Any,
        flow: Any = None,
        entities: Any = None,
    ) -> io.NodeOutput:
        from ..vivid_core.flow.background import propagate_background_mask
        from ..vivid_core.mask.overlay import overlay_mask

        require_choices(cls, method=method)
        clip = convert.to_clip(video)
        values = convert.mask_values(mask)
        chosen = values[keyframe if keyframe < len(values) > 1 else 0]
        undecided = _undecided(clip, chosen, keyframe)
        if undecided:
            return waiting.wait(
                cls, WAITS.format(problem=undecided), previews.animation(clip.frames)
            )
        found = propagate_background_mask(
            clip.frames,
            chosen,
            flow_engine(flow),
            keyframe=keyframe,
            entities=convert.to_entities(entities, clip),
            method=method,
            runtime=host.runtime(),
        )
        report = "\n".join(_words(found))
        shown = overlay_mask(clip.frames, found.values, COLORS["blue"], PREVIEW_OPACITY)
        return io.NodeOutput(
            convert.to_socket(found.values),
            [round(float(value), 4) for value in found.confidence],
            report,
            ui=previews.animation(shown, float(clip.fps)) | previews.text(report),
        )


def _undecided(clip: Clip, mask: Tensor, keyframe: int) -> str:
    """What somebody has to decide before a patch can be followed: a new clip asks for another."""
    (height, width), (mask_height, mask_width) = clip.size, mask.shape
    if keyframe >= len(clip):
        return (
            f"its keyframe is {keyframe}, this clip has frames 0 to {len(clip) - 1}. Give the "
            "frame that the mask was painted on"
        )
    if (mask_height, mask_width) != (height, width):
        return (
            f"the mask is {mask_width}x{mask_height}, this clip is {width}x{height}. Paint it on a "
            "frame of this clip, or connect the clip to Vivid Animate Mask too"
        )
    if not (mask > 0.5).any():
        return "the mask is empty. Paint the patch white"
    return ""


class FillBackground(VividNode):
    """Vivid_FillBackground."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_FillBackground",
            display_name="Vivid Fill Background",
            category=EDIT,
            description="Fills the mask with background that other frames show. What no frame "
            "shows comes out as a smaller mask, for Vivid Edit Video.",
            search_aliases=[
                "erase",
                "clean plate",
                "remove object",
                "propainter",
                "background fill",
            ],
            has_intermediate_output=True,
            inputs=[
                io.MultiType.Input("video", types=FRAMES, tooltip="The clip."),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="White is filled: the thing with its shadow, a little wider than it.",
                ),
                io.Int.Input(
                    "reach",
                    default=0,
                    min=0,
                    max=100_000,
                    tooltip="How many frames away to look for background. 0: the whole shot.",
                    **advanced(),
                ),
                io.MultiType.Input("flow", types=FLOWS, optional=True, tooltip=FLOW_TOOLTIP),
                io.MultiType.Input(
                    "entities", types=MASKS, optional=True, tooltip=_ENTITIES_TOOLTIP
                ),
                io.Combo.Input(
                    "rest",
                    options=["leave", "classical"],
                    default="leave",
                    optional=True,
                    tooltip="What becomes of what no frame shows. leave: the source stays there. "
                    "classical: filled from the frame around it; no model is needed.",
                    **advanced(),
                ),
            ],
            outputs=[
                io.Image.Output("filled", display_name="filled", tooltip="The filled clip."),
                io.Mask.Output(
                    "never_seen",
                    display_name="never seen",
                    tooltip="What no frame shows: to be made, unless rest made it. May be empty.",
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="How much was filled, and warnings."
                ),
                video_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        mask: Any,
        reach: int,
        flow: Any = None,
        entities: Any = None,
        rest: str = "leave",
    ) -> io.NodeOutput:
        from ..vivid_core.flow.fill import fill_background

        require_choices(cls, rest=rest)
        source = read_recording(video)
        clip = source.clip
        hole = convert.to_mask(mask, clip).values
        found = fill_background(
            clip.frames,
            hole,
            flow_engine(flow),
            entities=convert.to_entities(entities, clip),
            reach=reach or None,
            classical=rest == "classical",
            runtime=host.runtime(),
        )
        report = "\n".join(
            [_filled_share(hole, found.never_seen, rest), *found.warnings, *source.words()]
        )
        frames = convert.to_socket(found.frames)
        return io.NodeOutput(
            frames,
            convert.to_socket(found.never_seen),
            report,
            source.video(frames),
            ui=previews.animation(frames, float(clip.fps)) | previews.text(report),
        )


def flow_engine(flow: Any) -> FlowEngine:
    """The engine of a socket: ours, ComfyUI's RAFT, or DIS where nothing is connected."""
    from ..vivid_core.flow.dis import DisFlow
    from ..vivid_core.flow.engine import FlowEngine

    if flow is None:
        return DisFlow()
    if isinstance(flow, FlowEngine):
        return flow
    from torchvision.models.optical_flow import RAFT

    from ..vivid_core.errors import InputError
    from ..vivid_core.flow.raft import RaftFlow

    model = memory.loaded(flow)
    if not isinstance(model, RAFT):
        raise InputError("flow", f"holds {type(model).__name__}: connect a RAFT model")
    return RaftFlow(model)


def _words(found: Any) -> list[str]:
    lowest, at = found.confidence.min(dim=0)
    lines = [
        f"confidence: {float(found.confidence.mean()):.2f} on average, lowest {float(lowest):.2f} "
        f"at frame {int(at)}"
    ]
    if found.parallax:
        lines.append("parallax: the patch moves by itself and was followed as such")
    return [*lines, *(f"warning: {warning}" for warning in found.warnings)]


def _filled_share(hole: Tensor, left: Tensor, rest: str) -> str:
    inside = hole > 0.5
    share = 1 - float((left > 0.5).sum() / inside.sum())
    words = {
        "leave": "the rest is the never-seen mask",
        "classical": "the rest, which is the never-seen mask, classically",
    }
    became = "nothing is left to make" if share == 1 else words[rest]
    return f"filled: {share:.0%} of the mask from other frames; {became}"
