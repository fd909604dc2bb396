"""Datasets from videos: build one as a whole, or sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io

from . import convert, host, memory, previews
from .background import FLOW_TOOLTIP, flow_engine
from .dataset import (
    CATEGORY,
    check_folder,
    data_folder,
    dataset_outputs,
    show_dataset,
    shown_inputs,
)
from .schema import VividNode, advanced, fixed_seed, require_choices, schema
from .sockets import (
    FLOWS,
    FRAMES,
    MASKS,
    VividDataset,
    VividEngine,
    VividTracker,
)

if TYPE_CHECKING:
    from ..vivid_core.build.config import BuildConfig
    from ..vivid_core.build.engines import Engines
    from ..vivid_core.data.samples import Dataset

SUBSETS = {"video and image": ("video", "image"), "video": ("video",), "image": ("image",)}
OWN_PATH, BACKGROUND = "own path", "background"
EDIT, DELETE = "edit", "delete"
_ENGINE = "Without an engine, only clips of Vivid Sample Dataset can be read."


class BuildDataset(VividNode):
    """Vivid_BuildDataset."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_BuildDataset",
            display_name="Vivid Build Dataset",
            category=CATEGORY,
            description="Makes a dataset to train on from a folder of videos: finds things, masks, "
            "follows and describes them, and pastes masks onto background. Cancel keeps what is "
            "done; the same graph goes on.",
            search_aliases=["dataset builder", "vivid-10m", "training data", "auto caption"],
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "folder",
                    default="",
                    placeholder="my_videos",
                    tooltip="Where no dataset is connected: a folder of videos below ComfyUI's "
                    "input folder.",
                ),
                io.String.Input(
                    "name",
                    default="my_dataset",
                    tooltip="Of the dataset, which lies in output/vivid/datasets/NAME.",
                ),
                *_clip_inputs(),
                *_output_inputs(),
                *shown_inputs(),
                VividDataset.Input(
                    "dataset",
                    optional=True,
                    tooltip="A folder of clips to build from, of Vivid Sample Dataset. Then the "
                    "folder's name is not used.",
                ),
                VividEngine.Input(
                    "tagger", optional=True, tooltip=f"Names what is seen. {_ENGINE}"
                ),
                VividEngine.Input("detector", optional=True, tooltip=f"Finds it. {_ENGINE}"),
                VividEngine.Input("segmenter", optional=True, tooltip=f"Masks it. {_ENGINE}"),
                VividEngine.Input("captioner", optional=True, tooltip=f"Describes it. {_ENGINE}"),
                VividTracker.Input(
                    "tracker",
                    optional=True,
                    tooltip="What follows. Without one: optical flow, which needs no weights.",
                ),
                io.MultiType.Input("flow", types=FLOWS, optional=True, tooltip=FLOW_TOOLTIP),
            ],
            outputs=dataset_outputs(),
        )

    @classmethod
    def fingerprint_inputs(cls, folder: str | None = None, **_: Any) -> str:
        if not folder or check_folder(folder):
            return ""
        return host.path_fingerprint(data_folder(folder))

    @classmethod
    def execute(
        cls, folder: str, samples: int, shuffle: int, dataset: Dataset | None = None, **rest: Any
    ) -> io.NodeOutput:
        from ..vivid_core.build.local import run_here
        from ..vivid_core.build.run import build_dataset, require_videos_apart

        require_choices(cls, subsets=rest["subsets"])
        videos = _videos(folder, dataset)
        config = _configuration(videos, rest)
        reads = "folder" if dataset is None else "dataset"
        require_videos_apart(config, reads=reads, writes="name")
        report = build_dataset(config, run_here(_engines(videos, rest)), host.runtime())
        return show_dataset(config.out, samples, shuffle, report=report.text)


class PasteMask(VividNode):
    """Vivid_PasteMask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_PasteMask",
            display_name="Vivid Paste Mask",
            category=CATEGORY,
            description="Puts the mask of another clip onto this one's background, where nothing "
            "is: a sample of deletion, whose truth is the clip itself.",
            search_aliases=["deletion sample", "random mask", "move mask"],
            has_intermediate_output=True,
            inputs=[
                io.MultiType.Input("video", types=FRAMES, tooltip="The clip it is put on."),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="The mask to put there, of any clip. Its first frame is placed; one "
                    "that is shorter than the clip goes back and forth.",
                ),
                io.Combo.Input(
                    "motion",
                    options=[OWN_PATH, BACKGROUND],
                    default=OWN_PATH,
                    tooltip="own path: as a thing that moves by itself. background: as something "
                    "that is fixed to the scene.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    control_after_generate=True,
                    tooltip="Draws the place.",
                ),
                io.Float.Input(
                    "clearance",
                    default=0.25,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="Room that is kept to things, as a share of the mask's size.",
                ),
                io.MultiType.Input(
                    "area",
                    types=MASKS,
                    optional=True,
                    tooltip="Where on the first frame it may lie. Without one: anywhere.",
                ),
                io.MultiType.Input(
                    "things",
                    types=MASKS,
                    optional=True,
                    tooltip="What must not be covered. One mask a frame, or one for all.",
                ),
                io.MultiType.Input("flow", types=FLOWS, optional=True, tooltip=FLOW_TOOLTIP),
            ],
            outputs=[io.Mask.Output("pasted", display_name="mask", tooltip="The pasted mask.")],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        mask: Any,
        motion: str,
        seed: int,
        clearance: float,
        area: Any = None,
        things: Any = None,
        flow: Any = None,
    ) -> io.NodeOutput:
        from ..vivid_core.build.paste import Ground, paste_onto

        require_choices(cls, motion=motion)
        clip = convert.to_clip(video)
        nothing = torch.zeros(clip.frames.shape[:3])
        covered = convert.to_entities(things, clip)
        ground = Ground(things=nothing if covered is None else covered, clearance=clearance)
        allowed = ~(nothing[0] > 0.5) if area is None else convert.mask_values(area)[0] > 0.5
        pasted = paste_onto(
            clip,
            ground,
            convert.mask_values(mask),
            allowed.numpy(),
            seed=seed,
            flow=flow_engine(flow) if motion == BACKGROUND else None,
            runtime=host.runtime(),
        )
        result = convert.to_socket(pasted)
        return io.NodeOutput(result, ui=previews.animation(previews.mask_as_image(result)))


class FilterSample(VividNode):
    """Vivid_FilterSample."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_FilterSample",
            display_name="Vivid Filter Sample",
            category=CATEGORY,
            description="Says whether a clip and its mask are good enough to train on, and why "
            "not: size, steadiness, agreement with the flow, the frame's edge.",
            search_aliases=["quality filter", "mask quality", "check mask"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input("video", types=FRAMES, tooltip="The clip."),
                io.MultiType.Input("mask", types=MASKS, tooltip="One mask a frame."),
                _limit("smallest", 0.002, "Least share of the frame, where the mask is largest."),
                _limit("largest", 0.5, "Greatest share of the frame."),
                _limit("stability", 0.5, "Least ratio of the areas of two frames in a row."),
                _limit("agreement", 0.6, "Least agreement with the flow. 0 for a pasted mask."),
                _limit("border", 0.5, "Most of the frames in which it touches the frame's edge."),
                _limit("hidden", 0.25, "Most of the frames without a mask."),
                io.MultiType.Input("flow", types=FLOWS, optional=True, tooltip=FLOW_TOOLTIP),
            ],
            outputs=[
                io.Boolean.Output("passed", display_name="passed", tooltip="Whether it is."),
                io.String.Output("report", display_name="report", tooltip="All figures."),
            ],
        )

    @classmethod
    def execute(cls, video: Any, mask: Any, flow: Any = None, **limits: float) -> io.NodeOutput:
        from ..vivid_core.build.config import FilterRules
        from ..vivid_core.build.quality import judge, measure_masks
        from ..vivid_core.files.parse import build_config
        from ..vivid_core.track.frames import ClipFrames
        from ..vivid_core.video import FrameRange

        clip = convert.to_clip(video)
        values = convert.to_mask(mask, clip).values > 0.5
        frames = ClipFrames(clip).read(FrameRange(start=0, stop=len(clip)))
        (scores,) = measure_masks(frames, ([m.numpy()] for m in values), flow_engine(flow))
        rules = build_config(FilterRules, limits, where="Vivid Filter Sample")
        reason = judge(scores, rules, follows_flow=True)
        lines = [f"rejected: {reason}" if reason else "passed"]
        lines += [f"{name}: {value:g}" for name, value in scores.as_dict().items()]
        report = "\n".join(lines)
        return io.NodeOutput(reason is None, report, ui=previews.text(report))


class WriteSamples(VividNode):
    """Vivid_WriteSamples."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_WriteSamples",
            display_name="Vivid Write Samples",
            category=CATEGORY,
            description="Adds a clip with its mask and captions to a dataset, and shows what is in "
            "it. The same sample is added once.",
            search_aliases=["save dataset", "webdataset", "add sample"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input("video", types=FRAMES, tooltip="The clip."),
                io.MultiType.Input(
                    "mask", types=MASKS, tooltip="One mask a frame, or one for all."
                ),
                io.String.Input(
                    "name",
                    default="my_samples",
                    tooltip="Of the dataset, which lies in output/vivid/datasets/NAME.",
                ),
                io.Combo.Input(
                    "task",
                    options=[EDIT, DELETE],
                    default=EDIT,
                    tooltip="edit: the mask holds what the captions say. delete: it lies on "
                    "background, and there are no captions.",
                ),
                io.String.Input("label", default="", tooltip="One or two words: what it is."),
                io.String.Input(
                    "captions",
                    multiline=True,
                    default="",
                    tooltip="What is inside the mask: one line each, of different length.",
                ),
                lossless_input(),
                io.Boolean.Input(
                    "passed",
                    default=True,
                    tooltip="Off: it is left out. Connect Vivid Filter Sample.",
                ),
                *rights_inputs(),
                *shown_inputs(),
            ],
            outputs=dataset_outputs(),
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        mask: Any,
        name: str,
        lossless: bool,
        passed: bool,
        samples: int,
        shuffle: int,
        **words: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.build.collect import add_sample
        from ..vivid_core.data.built import is_built
        from ..vivid_core.errors import InputError

        require_choices(cls, task=words["task"])
        out = dataset_folder(name)
        report = "left out: it did not pass"
        if passed:
            count = add_sample(out, _handmade(video, mask, words), lossless=lossless)
            report = f"{count} samples"
        elif not is_built(out):
            raise InputError("passed", f"is off, and {name} holds nothing yet: add one that passes")
        return show_dataset(out, samples, shuffle, report=report)


def _clip_inputs() -> list[io.Input]:
    return [
        io.Float.Input(
            "min_seconds",
            default=5.0,
            min=0.0,
            max=600.0,
            step=0.1,
            tooltip="Shorter shots are left out. The paper's is 5.",
        ),
        io.Float.Input(
            "max_seconds",
            default=10.0,
            min=0.1,
            max=600.0,
            step=0.1,
            tooltip="Longer shots are cut into clips of this length at most.",
        ),
        min_side_input(),
    ]


def _output_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "subsets",
            options=list(SUBSETS),
            default=next(iter(SUBSETS)),
            tooltip="Images are the first frames of the clips.",
        ),
        io.Int.Input(
            "deletions",
            default=1,
            min=0,
            max=20,
            tooltip="Masks of other videos pasted onto each clip; a clip gets two samples of each.",
        ),
        lossless_input(),
        dataset_seed_input(),
        *rights_inputs(),
    ]


def dataset_seed_input() -> io.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=2**63 - 1,
        **fixed_seed(),
        tooltip="Of all random choices. The same seed builds the same dataset.",
    )


def min_side_input() -> io.Input:
    return io.Int.Input(
        "min_side",
        default=720,
        min=16,
        max=4096,
        tooltip="Videos whose shorter side has fewer pixels are left out.",
    )


def lossless_input() -> io.Input:
    return io.Boolean.Input(
        "lossless", default=False, tooltip="FFV1 in place of H.264; much larger."
    )


def rights_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "licence", default="", tooltip="Of the videos; kept with every sample.", **advanced()
        ),
        io.String.Input(
            "origin",
            default="",
            tooltip="Where they come from; kept with every sample.",
            **advanced(),
        ),
    ]


def _limit(name: str, default: float, tooltip: str) -> io.Input:
    return io.Float.Input(name, default=default, min=0.0, max=1.0, step=0.001, tooltip=tooltip)


def dataset_folder(name: str) -> Path:
    from ..vivid_core.errors import InputError

    if not name.strip():
        raise InputError("name", "is empty: name the dataset")
    return host.work_folder("datasets", name)


def _videos(folder: str, dataset: Dataset | None) -> Path:
    from ..vivid_core.data.folder import CLIPS
    from ..vivid_core.errors import InputError

    if dataset is not None:
        return dataset.folder / CLIPS
    if not folder:
        raise InputError("folder", "is empty: name a folder of videos, or connect a dataset")
    return data_folder(folder)


def _configuration(videos: Path, asked: dict[str, Any]) -> BuildConfig:
    from ..vivid_core.build.config import BuildConfig
    from ..vivid_core.files.parse import build_config

    values = {
        "videos": str(videos),
        "out": str(dataset_folder(asked["name"])),
        **{name: asked[name] for name in ("seed", "licence", "origin")},
        "clips": {name: asked[name] for name in ("min_seconds", "max_seconds", "min_side")},
        "deletion": {"per_clip": asked["deletions"]},
        "output": {"lossless": asked["lossless"], "subsets": SUBSETS[asked["subsets"]]},
    }
    return build_config(BuildConfig, values, where="Vivid Build Dataset")


def _engines(videos: Path, connected: dict[str, Any]) -> Engines:
    """Those that are connected; the others know the procedural clips."""
    from ..vivid_core.build.engines import Engines
    from ..vivid_core.perceive.load import ROLES, require_role
    from ..vivid_core.tiny.engines import known_truth
    from ..vivid_core.track.flow import FlowTracker

    seeing: dict[str, Any] = {role: memory.engine_of(connected.get(role)) for role in ROLES}
    for role in ROLES:
        if seeing[role] is not None:
            require_role(seeing[role], role, argument=role)
    memory.bring_engines(connected.get(role) for role in ROLES)
    if None in seeing.values():
        truth = known_truth(videos)
        seeing = {role: engine or truth for role, engine in seeing.items()}
    return Engines(
        **seeing,
        tracker=connected.get("tracker") or FlowTracker(),
        flow=flow_engine(connected.get("flow")),
    )


def _handmade(video: Any, mask: Any, words: dict[str, Any]) -> Any:
    from ..vivid_core.build.collect import Handmade
    from ..vivid_core.build.sample import Content
    from ..vivid_core.errors import CaptionError

    lines = [line.strip() for line in words["captions"].splitlines() if line.strip()]
    if words["task"] == EDIT and not lines:
        raise CaptionError("captions", "are empty: say what is inside the mask, a line each")
    clip = convert.to_clip(video)
    content = Content(
        task=words["task"],
        label=words["label"].strip(),
        captions=() if words["task"] == DELETE else tuple(sorted(lines, key=len)),
        propagation="tracked" if words["task"] == EDIT else "copied",
        scores={},
    )
    return Handmade(
        clip=clip,
        mask=convert.to_mask(mask, clip),
        content=content,
        licence=words["licence"],
        origin=words["origin"],
    )
