"""Train an adapter on one's own clips, and keep it as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, host, previews
from .dataset import check_folder, data_folder
from .memory import Hosted, HostedModel, load_device, own_model
from .schema import VividNode, require_choices, schema
from .sockets import VividAdapter, VividDataset, VividModel
from .train_inputs import basic_inputs, memory_inputs, recipe_inputs
from .waiting import wait

if TYPE_CHECKING:
    from ..vivid_core.cogvideox.adapter import Adapter
    from ..vivid_core.data.samples import Dataset
    from ..vivid_core.train.adapter.config import AdapterConfig

CATEGORY = "VIVID/8 Train"
_RECIPE = (
    "images_per_video",
    "edits_per_deletion",
    "keyframe_share",
    "caption_dropout",
    "weight_inside",
    "weight_outside",
)
_OPTIMIZATION = (
    "steps",
    "batch",
    "learning_rate",
    "ema_decay",
    "accumulate",
    "warmup",
    "optimizer",
)
_MEMORY = ("gradient_checkpointing", "base_fp8", "latent_cache", "tensorboard")


class TrainAdapter(VividNode):
    """Vivid_TrainAdapter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_TrainAdapter",
            display_name="Vivid Train Adapter",
            category=CATEGORY,
            description="Trains an adapter (LoRA and patch embedder) on a folder of clips with "
            "masks and captions. Cancel saves; the same graph run again goes on.",
            search_aliases=["train lora", "lora training", "finetune", "cogvideox training"],
            is_output_node=True,
            inputs=[
                VividModel.Input(
                    "model",
                    tooltip="The model to train on. It stays as it is; apply the adapter to it.",
                ),
                io.String.Input(
                    "folder",
                    default="",
                    placeholder="my_clips",
                    tooltip="Where no dataset is connected: a folder below ComfyUI's input folder "
                    "(a link to one elsewhere is followed) with clips, masks and captions.txt. "
                    "The help page shows how it looks.",
                ),
                io.String.Input(
                    "name",
                    default="my_adapter",
                    tooltip="Of the training. Its checkpoints, curves and adapter are kept in "
                    "output/vivid/training/NAME, from where it goes on. A new name begins anew.",
                ),
                *basic_inputs(),
                *memory_inputs(),
                *recipe_inputs(),
                VividDataset.Input(
                    "dataset",
                    optional=True,
                    tooltip="What to train on, of Vivid Load Dataset. Then the folder's name is "
                    "not used.",
                ),
                VividAdapter.Input(
                    "start",
                    optional=True,
                    tooltip="An adapter to go on from, in place of an empty one. It sets the rank.",
                ),
            ],
            outputs=[
                VividAdapter.Output(
                    "adapter",
                    display_name="adapter",
                    tooltip="The trained adapter, for Vivid Apply Adapter.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Steps, loss, speed, and where the files are.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, folder: str | None = None, **_: Any) -> str:
        if not folder or check_folder(folder):
            return ""
        return host.path_fingerprint(data_folder(folder))

    @classmethod
    def execute(
        cls,
        model: Hosted,
        dataset: Dataset | None = None,
        start: Adapter | None = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.errors import InputError
        from ..vivid_core.train.adapter.memory import training_memory
        from ..vivid_core.train.adapter.run import CURVES, train_adapter

        require_choices(cls, optimizer=settings["optimizer"])
        if not settings["name"].strip():
            raise InputError("name", "is empty: name the training")
        model = own_model(model, "train with a model that this pack loads")
        config = _configuration(settings, model, _data(settings["folder"], dataset), start)
        if settings["estimate_only"]:
            return wait(cls, _estimate(model, config), {})
        memory = training_memory(model.bundle, config)
        if model.patchers and not config.base_fp8:
            model.prepare(memory.beside_weights)
        else:  # the training brings its own copy of the base
            model.prepare(memory.base + memory.beside_weights, transformer=False)
        training = train_adapter(model.bundle, config, host.runtime(), start=start)
        shown = previews.text(training.report)
        if (config.out / CURVES).is_file():
            shown |= _picture(config.out / CURVES)
        return io.NodeOutput(training.adapter, training.report, ui=shown)


class PlotTraining(VividNode):
    """Vivid_PlotTraining."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_PlotTraining",
            display_name="Vivid Plot Training",
            category=CATEGORY,
            description="Draws the loss curves of a training, running, stopped or done.",
            search_aliases=["loss curve", "loss graph"],
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "name", default="my_adapter", tooltip="Of the training, as on its node."
                ),
                VividAdapter.Input(
                    "adapter",
                    optional=True,
                    tooltip="Connect the training's adapter to draw once it is done.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "curves",
                    display_name="curves",
                    tooltip="Loss over steps on a logarithmic scale: of images, of video, and of "
                    "single frames with noise that is always the same.",
                )
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, name: str | None = None, **_: Any) -> str:
        folder = training_folder(name or "")
        return host.path_fingerprint(folder) if folder.is_dir() else ""

    @classmethod
    def execute(cls, name: str, adapter: Adapter | None = None) -> io.NodeOutput:
        from ..vivid_core.errors import InputError
        from ..vivid_core.train.adapter.run import draw_training

        curves = draw_training(training_folder(name))
        if curves is None:
            raise InputError("name", f"there is nothing to draw of a training '{name}' yet")
        return io.NodeOutput(convert.to_socket(curves[None]), ui=previews.animation(curves[None]))


def training_folder(name: str) -> Path:
    """A folder of its own for each name, whatever its letters."""
    from ..vivid_core.files.digest import digest_of

    folder = host.work_folder("training", name)
    return folder if folder.name == name else folder.with_name(f"{folder.name}_{digest_of(name)}")


def _estimate(model: HostedModel, config: AdapterConfig) -> str:
    """What it would take on this machine."""
    from ..vivid_core.edit.speed import matmul_speed
    from ..vivid_core.train.adapter.cost import training_cost

    speed = matmul_speed(load_device(), model.bundle.dtype)
    return training_cost(model.bundle, config, speed=speed).text


def _configuration(
    settings: dict[str, Any], model: HostedModel, data: Path, start: Adapter | None
) -> AdapterConfig:
    """The node's values as the trainer's; everything else is as the paper has it.

    A folder of clips with edits is for a model that follows instructions; either of its conditions
    is left out as often.
    """
    from ..vivid_core.data.pairs import is_pairs
    from ..vivid_core.files.parse import build_config
    from ..vivid_core.train.adapter.config import AdapterConfig

    recipe = {name: settings[name] for name in _RECIPE} | {"size": _size(settings, model)}
    instructs = is_pairs(data)
    if instructs:
        recipe["source_dropout"] = settings["caption_dropout"]
    optimization = {name: settings[name] for name in _OPTIMIZATION}
    values = {
        "data": str(data),
        "out": str(training_folder(settings["name"])),
        "start_from": None if start is None else start.name,
        "seed": settings["seed"],
        **{name: settings[name] for name in _MEMORY},
        "lora": _lora(settings["rank"], start),
        "layout": "insvie" if instructs else "vivid",
        "recipe": recipe,
        "optimization": optimization | {"clip": settings["clip"] or None},
        "saving": {"every": settings["save_every"]},
    }
    return build_config(AdapterConfig, values, where="Vivid Train Adapter")


def _lora(rank: int, start: Adapter | None) -> dict[str, Any]:
    """Of the rank asked for, or like the one to go on from."""
    from ..vivid_core.cogvideox.adapter import lora_targets, trained_scale

    if start is None:
        return {"rank": rank}
    of_start, alpha = trained_scale(start, argument="start")
    return {"rank": of_start, "alpha": alpha, "targets": lora_targets(start)}


def _size(settings: dict[str, Any], model: HostedModel) -> list[int]:
    """Frames, height, width; the model's where nothing is asked."""
    asked = (settings["length"], settings["height"], settings["width"])
    return [a or own for a, own in zip(asked, model.bundle.train_size, strict=True)]


def _data(folder: str, dataset: Dataset | None) -> Path:
    """Where the clips are."""
    from ..vivid_core.errors import InputError

    if dataset is not None:
        return dataset.folder
    if not folder:
        raise InputError("folder", "is empty: name a folder of clips, or connect a dataset")
    return data_folder(folder)


def _picture(path: Path) -> dict[str, Any]:
    from ..vivid_core.media import load_image

    return previews.animation(load_image(path)[None], longest=previews.LONGEST_SHEET)
