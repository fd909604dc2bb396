"""A dataset of instruction editing, built as a whole from videos, pairs of pictures and stills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import host, memory
from .background import FLOW_TOOLTIP, flow_engine
from .build import (
    dataset_folder,
    dataset_seed_input,
    lossless_input,
    min_side_input,
    rights_inputs,
)
from .clip_model import clip_encoder, clip_model_input
from .dataset import (
    CATEGORY,
    check_folder,
    data_folder,
    dataset_outputs,
    show_dataset,
    shown_inputs,
)
from .edit_inputs import steps_input
from .memory import HostedModel
from .perceive import ready_judge
from .schema import VividNode, advanced, schema
from .sockets import FLOWS, VividDataset, VividEngine, VividModel

if TYPE_CHECKING:
    from ..vivid_core.data.samples import Dataset
    from ..vivid_core.triplets.config import TripletConfig
    from ..vivid_core.triplets.engines import TripletEngines

SOURCES = ("videos", "pairs", "stills")


class BuildInstructionDataset(VividNode):
    """Vivid_BuildInstructionDataset."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_BuildInstructionDataset",
            display_name="Vivid Build Instruction Dataset",
            category=CATEGORY,
            description="Makes a dataset of instruction editing: describes clips, writes "
            "instructions, edits first frames, lets clips follow, moves a camera over stills, and "
            "keeps what is good enough. Cancel keeps what is done; the same graph goes on.",
            search_aliases=["dataset builder", "insvie", "triplets", "instructpix2pix"],
            is_output_node=True,
            inputs=[
                VividModel.Input("editor", tooltip="A model of instructions: edits first frames."),
                *_source_inputs(),
                io.String.Input(
                    "name",
                    default="my_instructions",
                    tooltip="Of the dataset, which lies in output/vivid/datasets/NAME.",
                ),
                *_making_inputs(),
                *_filter_inputs(),
                *_form_inputs(),
                *shown_inputs(),
                VividDataset.Input(
                    "dataset",
                    optional=True,
                    tooltip="Clips and pairs of Vivid Sample Dataset, in place of the folders; the "
                    "sources of its pairs are the stills.",
                ),
                VividModel.Input(
                    "propagator",
                    optional=True,
                    tooltip="Lets a clip follow its edited frame: an image-to-video model, or one "
                    "that edits inside a mask or by instruction. Without one: the editor.",
                ),
                VividModel.Input(
                    "animator",
                    optional=True,
                    tooltip="Makes clips of pictures, for pairs: an image-to-video, VIVID or "
                    "Fun-InP model.",
                ),
                VividEngine.Input(
                    "writer",
                    optional=True,
                    tooltip="Describes clips and writes instructions: vlm or endpoint of Vivid "
                    "Load Engine. Without one, only the pack's own clips can be read.",
                ),
                VividEngine.Input(
                    "judge",
                    optional=True,
                    tooltip="Picks the best first frame, and scores what came: vlm or endpoint. "
                    "Without one figures decide.",
                ),
                io.MultiType.Input("flow", types=FLOWS, optional=True, tooltip=FLOW_TOOLTIP),
            ],
            outputs=dataset_outputs(),
        )

    @classmethod
    def fingerprint_inputs(cls, **given: Any) -> list[str]:
        folders = [given.get(name) for name in SOURCES]
        return [
            host.fingerprint("clip_model", given.get("clip_model")),
            *(
                host.path_fingerprint(data_folder(folder))
                for folder in folders
                if folder and not check_folder(folder)
            ),
        ]

    @classmethod
    def execute(
        cls,
        editor: HostedModel,
        samples: int,
        shuffle: int,
        dataset: Dataset | None = None,
        **rest: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.build.local import run_here
        from ..vivid_core.triplets.run import build_triplets, require_triplets_apart
        from ..vivid_core.triplets.stats import read_triplet_stats

        config = _configuration(dataset, rest)
        require_triplets_apart(config, writes="name")
        engines = _engines(editor, rest)
        with memory.normal_tensors():
            report = build_triplets(config, run_here(engines), host.runtime())
        words = f"{report.text}\n\n{read_triplet_stats(config.out).text}"
        return show_dataset(config.out, samples, shuffle, report=words)


def _source_inputs() -> list[io.Input]:
    folders = {
        "videos": "A folder of real videos below ComfyUI's input folder, or empty.",
        "pairs": "A folder with clips/, edits/ and instructions.txt whose clips are pictures, or "
        "empty.",
        "stills": "A folder of pictures, over which a camera moves, or empty.",
    }
    return [io.String.Input(name, default="", tooltip=words) for name, words in folders.items()]


def _making_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "count", default=1, min=1, max=20, tooltip="Instructions of each clip and still."
        ),
        io.Int.Input(
            "sweep",
            default=6,
            min=1,
            max=16,
            tooltip="Edits of each first frame, with text guidance from 3 to 8.",
        ),
        io.Int.Input(
            "candidates",
            default=3,
            min=1,
            max=64,
            tooltip="Seeds that are tried for each pair of pictures; the best is kept.",
        ),
        steps_input(),
        io.Float.Input(
            "guidance",
            default=6.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="Of the models that follow and animate.",
        ),
        dataset_seed_input(),
    ]


def _filter_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "lowest_score",
            default=3,
            min=1,
            max=5,
            tooltip="Least score of the judge. Without a judge nobody looks.",
        ),
        io.Float.Input(
            "highest_epe",
            default=4.0,
            min=0.0,
            max=1000.0,
            step=0.1,
            tooltip="Most end-point error of the edit's motion beside the source's, in pixels.",
        ),
        clip_model_input(),
        *(
            io.Float.Input(
                name, default=least, min=-1.0, max=1.0, step=0.01, tooltip=words, **advanced()
            )
            for name, least, words in (
                ("similarity", 0.7, "Least CLIP similarity of source and edit."),
                ("direction", 0.2, "Least CLIP direction: does the picture change as its words?"),
            )
        ),
    ]


def _form_inputs() -> list[io.Input]:
    return [
        io.Int.Input("length", default=25, min=2, max=1000, tooltip="Most frames of a clip."),
        io.Int.Input(
            "longest",
            default=1024,
            min=16,
            max=8192,
            tooltip="Larger clips are scaled down until no side has more pixels.",
        ),
        io.Float.Input(
            "min_seconds",
            default=1.0,
            min=0.0,
            max=600.0,
            step=0.1,
            tooltip="Shorter shots of videos are left out.",
        ),
        min_side_input(),
        lossless_input(),
        *rights_inputs(),
    ]


def _places(dataset: Dataset | None, asked: dict[str, Any]) -> dict[str, str]:
    """Folders of sources, by their kind."""
    from ..vivid_core.data.folder import CLIPS
    from ..vivid_core.data.pairs import is_pairs
    from ..vivid_core.errors import InputError
    from ..vivid_core.tiny.pairs import PAIRS

    if dataset is not None:
        pairs = dataset.folder / PAIRS
        found = {"videos": dataset.folder / CLIPS}
        found |= {"pairs": pairs, "stills": pairs / CLIPS} if is_pairs(pairs) else {}
        return {name: str(path) for name, path in found.items()}
    named = {name: asked[name] for name in SOURCES if asked[name].strip()}
    if not named:
        raise InputError("videos", "is empty, and so are pairs and stills: name a folder of one")
    return {name: str(data_folder(folder)) for name, folder in named.items()}


def _configuration(dataset: Dataset | None, asked: dict[str, Any]) -> TripletConfig:
    from ..vivid_core.files.parse import build_config
    from ..vivid_core.triplets.config import KIND, TripletConfig

    steps, guidance = asked["steps"], [asked["guidance"]]
    choice = ("candidates", "similarity", "direction", "lowest_score", "highest_epe")
    values = {
        "kind": KIND,
        "out": str(dataset_folder(asked["name"])),
        **_places(dataset, asked),
        **{name: asked[name] for name in ("seed", "licence", "origin")},
        "clips": {
            "min_seconds": asked["min_seconds"],
            "max_seconds": max(10.0, asked["min_seconds"]),
            "min_side": asked["min_side"],
        },
        "writing": {"count": asked["count"]},
        "sweep": {"count": asked["sweep"]},
        "editing": {"steps": steps},
        "following": {"steps": steps, "guidance": guidance},
        "animating": {"steps": steps, "guidance": guidance},
        "choice": {name: asked[name] for name in choice},
        "form": {
            "frames": asked["length"],
            "longest": asked["longest"],
            "lossless": asked["lossless"],
        },
    }
    return build_config(TripletConfig, values, where="Vivid Build Instruction Dataset")


def _engines(editor: HostedModel, connected: dict[str, Any]) -> TripletEngines:
    """Those that are connected; without a writer, the one that knows the procedural clips."""
    from ..vivid_core.build.instructions import ChatWriter
    from ..vivid_core.tiny.scene_writer import SceneWriter
    from ..vivid_core.triplets.engines import TripletEngines

    propagator, animator = connected.get("propagator") or editor, connected.get("animator")
    writer, judge = connected.get("writer"), connected.get("judge")
    return TripletEngines(
        writer=SceneWriter()
        if writer is None
        else ChatWriter(chat=ready_judge(writer, argument="writer")),
        editor=memory.model_on_demand(editor),
        propagator=memory.model_on_demand(propagator),
        animator=None if animator is None else memory.model_on_demand(animator),
        judge=None if judge is None else ready_judge(judge),
        encoder=clip_encoder(connected["clip_model"]),
        flow=flow_engine(connected.get("flow")),
        device=memory.load_device(),
    )
