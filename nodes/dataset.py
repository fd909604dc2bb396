"""Datasets to train on: a folder of clips, masks and captions, looked at before it is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import folder_paths
from comfy_api.latest import io

from . import convert, host, previews
from .schema import VividNode, advanced, fixed_seed, schema
from .sockets import VividDataset

if TYPE_CHECKING:
    from ..vivid_core.data.samples import Dataset

CATEGORY = "VIVID/7 Dataset"
SHOWN = 8


class LoadDataset(VividNode):
    """Vivid_LoadDataset."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_LoadDataset",
            display_name="Vivid Load Dataset",
            category=CATEGORY,
            description="Reads and checks a folder of clips with masks and captions, or a dataset "
            "that was built, and shows some of it: look before you train.",
            search_aliases=["training data", "dataset folder"],
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "folder",
                    default="",
                    placeholder="my_clips",
                    tooltip="A folder below ComfyUI's input folder (a link to one elsewhere is "
                    "followed) with clips, masks and captions.txt, or with a built dataset. The "
                    "help page shows how both look.",
                ),
                *shown_inputs(),
            ],
            outputs=dataset_outputs(),
        )

    @classmethod
    def validate_inputs(cls, folder: str | None = None) -> bool | str:
        """Before anything is loaded; linked values are not known yet (None)."""
        return check_folder(folder) or True

    @classmethod
    def fingerprint_inputs(cls, folder: str | None = None, **_: Any) -> str:
        return "" if folder is None else host.path_fingerprint(data_folder(folder))

    @classmethod
    def execute(cls, folder: str, samples: int, shuffle: int) -> io.NodeOutput:
        return show_dataset(data_folder(folder), samples, shuffle)


class SampleDataset(VividNode):
    """Vivid_SampleDataset."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_SampleDataset",
            display_name="Vivid Sample Dataset",
            category=CATEGORY,
            description="Writes a folder of procedural clips of coloured shapes, with their masks "
            "and captions: to try a training, and to see how a folder of one's own looks.",
            search_aliases=["training data", "example dataset", "test dataset"],
            is_output_node=True,
            inputs=[
                io.Int.Input(
                    "clips",
                    default=48,
                    min=1,
                    max=10_000,
                    tooltip="How many. Every fourth is a sample of deletion.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=900_000,
                    tooltip="Of the first clip; each has one of its own.",
                    **fixed_seed(),
                ),
                io.Int.Input(
                    "width", default=64, min=32, max=1024, step=2, tooltip="Width in pixels."
                ),
                io.Int.Input(
                    "height", default=64, min=32, max=1024, step=2, tooltip="Height in pixels."
                ),
                io.Int.Input("length", default=17, min=1, max=200, tooltip="Frames of each clip."),
                *shown_inputs(),
                io.Int.Input(
                    "pairs",
                    default=0,
                    min=0,
                    max=10_000,
                    optional=True,
                    tooltip="Pictures with their edits and instructions that are written beside "
                    "the clips, for Vivid Build Instruction Dataset.",
                ),
            ],
            outputs=dataset_outputs(),
        )

    @classmethod
    def execute(
        cls,
        clips: int,
        seed: int,
        width: int,
        height: int,
        length: int,
        samples: int,
        shuffle: int,
        pairs: int = 0,
    ) -> io.NodeOutput:
        from ..vivid_core.data.folder import CAPTIONS
        from ..vivid_core.tiny.folder import write_scene_folder
        from ..vivid_core.tiny.pairs import PAIRS, write_instruction_folder

        more = f"_{pairs}" if pairs else ""
        name = f"shapes_{clips}_{seed}_{width}x{height}x{length}{more}"
        folder = host.work_folder("datasets", name)
        if not (folder / CAPTIONS).is_file():
            write_scene_folder(
                folder,
                clips=clips,
                frames=length,
                size=(height, width),
                first_seed=seed,
                on_clip=_progress("write"),
            )
        if pairs:
            size = (height, width)
            write_instruction_folder(
                folder / PAIRS, pairs=pairs, frames=1, size=size, first_seed=seed
            )
        return show_dataset(folder, samples, shuffle)


def data_folder(folder: str) -> Path:
    """A folder below ComfyUI's input folder, or a full path to one there or in the output folder.

    Raises InputError for one that lies elsewhere, for graphs come from other people too, or that
    is not there.
    """
    from ..vivid_core.errors import InputError
    from ..vivid_core.files.atomic import shown

    roots = [
        Path(root).absolute()
        for root in (folder_paths.get_input_directory(), folder_paths.get_output_directory())
    ]
    if not isinstance(folder, str):
        raise InputError("folder", f"must be a text, got a {type(folder).__name__}")
    if not folder.strip():
        raise InputError("folder", f"is empty: name a folder of clips in {roots[0]}")
    path = Path(os.path.normpath(roots[0] / folder))
    if not any(path != root and path.is_relative_to(root) for root in roots):
        raise InputError(
            "folder",
            f"{shown(Path(folder))} does not lie in ComfyUI's input folder: put the folder, or a "
            f"link to it, into {roots[0]}",
        )
    if not _is_folder(path):
        raise InputError("folder", f"there is no folder {shown(path)}: name one with clips")
    return path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no system has such a name
        return False


def check_folder(folder: str | None) -> str | None:
    """Why there is no such folder, or None; a linked value is not known yet (None)."""
    from ..vivid_core.errors import InputError

    if folder is None:
        return None
    try:
        data_folder(folder)
    except InputError as error:
        return str(error)
    return None


def shown_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "samples",
            default=SHOWN,
            min=1,
            max=100,
            tooltip="How many are shown, drawn at random.",
            **advanced(),
        ),
        io.Int.Input(
            "shuffle",
            default=0,
            min=0,
            max=1_000_000,
            tooltip="Another number shows others.",
            **advanced(),
        ),
    ]


def dataset_outputs() -> list[io.Output]:
    return [
        VividDataset.Output(
            "as_dataset",  # the oldest supported ComfyUI wants another id than an input's
            display_name="dataset",
            tooltip="For Vivid Train Adapter.",
        ),
        io.Image.Output(
            "sheet",
            display_name="sheet",
            tooltip="Some samples: frames, masks, and captions or 'delete'.",
        ),
        io.String.Output(
            "report", display_name="report", tooltip="How many clips and frames, and of what kind."
        ),
    ]


def show_dataset(folder: Path, samples: int, shuffle: int, *, report: str = "") -> io.NodeOutput:
    """A dataset with some of its samples on a sheet, and how it was made."""
    from ..vivid_core.data.opened import open_dataset
    from ..vivid_core.data.sheet import draw_samples

    dataset = open_dataset(folder, _progress("survey"))
    sheet = draw_samples(dataset, count=samples, seed=shuffle)
    report = "\n".join([_report(dataset), *([report] if report else [])])
    shown = previews.animation(sheet[None], longest=previews.LONGEST_SHEET) | previews.text(report)
    return io.NodeOutput(dataset, convert.to_socket(sheet[None]), report, ui=shown)


def _progress(stage: Literal["survey", "write"]) -> Callable[[int, int], None]:
    """The node's bar, and its stop button."""
    from ..vivid_core.runtime import Progress

    runtime = host.runtime()

    def on_one(done: int, total: int) -> None:
        runtime.advance(Progress(stage=stage, done=done, total=total, alone=True))

    return on_one


def _report(dataset: Dataset) -> str:
    samples = dataset.samples
    kinds = {
        "with captions": sum(sample.task == "edit" for sample in samples),
        "to delete": sum(sample.task == "delete" for sample in samples),
        "with instructions": sum(sample.task == "instruct" for sample in samples),
    }
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    frames = sorted(sample.frames for sample in samples)
    sizes = sorted({f"{sample.size[1]}x{sample.size[0]}" for sample in samples})
    listed = ", ".join(sizes[:3]) + (" and others" if len(sizes) > 3 else "")
    lengths = f"{frames[0]} to {frames[-1]} frames of {listed}"
    return f"{len(samples)} clips ({counted}), {lengths}\n{_place(dataset.folder)}"


def _place(folder: Path) -> str:
    """Where a folder is, as people see it beside ComfyUI."""
    base = Path(folder_paths.get_output_directory()).parent
    return folder.relative_to(base).as_posix() if folder.is_relative_to(base) else str(folder)
