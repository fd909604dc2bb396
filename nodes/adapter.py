"""Keep a trained adapter: as a file of its own, or merged into its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import folder_paths
import torch
from comfy_api.latest import io

from . import host, previews
from .memory import Hosted, normal_tensors, own_model
from .schema import VividNode, require_choices, schema
from .sockets import VividAdapter, VividModel
from .train import CATEGORY

if TYPE_CHECKING:
    from ..vivid_core.cogvideox.adapter import Adapter

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
LORAS, MODELS, DIFFUSERS = "loras", "diffusion_models", "diffusers"
SUFFIX = ".safetensors"
ONE_FILE, FOLDER = "one file (ComfyUI's names)", "diffusers folder"


class SaveAdapter(VividNode):
    """Vivid_SaveAdapter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_SaveAdapter",
            display_name="Vivid Save Adapter",
            category=CATEGORY,
            description="Writes an adapter into models/loras, where Vivid Apply Adapter finds it.",
            search_aliases=["save lora", "export lora"],
            is_output_node=True,
            inputs=[
                VividAdapter.Input("adapter", tooltip="The adapter to write."),
                io.String.Input(
                    "filename_prefix",
                    default="vivid/adapter",
                    tooltip="Folder and name below models/loras; a number is added, and no file "
                    "is ever replaced.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    default="bf16",
                    tooltip="Number format of the file. bf16 is half as large as fp32 and enough "
                    "for editing; fp32 keeps every bit, to train on from it.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "file",
                    display_name="file",
                    tooltip="The file as Vivid Apply Adapter lists it once R was pressed.",
                )
            ],
        )

    @classmethod
    def execute(cls, adapter: Adapter, filename_prefix: str, precision: str) -> io.NodeOutput:
        from ..vivid_core.cogvideox.adapter import load_adapter, save_adapter

        require_choices(cls, precision=precision)
        path, choice = _new_place(LORAS, filename_prefix, SUFFIX)
        save_adapter(path, adapter, dtype=PRECISIONS[precision])
        load_adapter(path)
        return io.NodeOutput(choice, ui=previews.text(f"written: models/{choice}"))


class MergeAdapter(VividNode):
    """Vivid_MergeAdapter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_MergeAdapter",
            display_name="Vivid Merge Adapter",
            category=CATEGORY,
            description="Writes a model with an adapter merged into it, for Vivid Load Model and "
            "other programs.",
            search_aliases=["merge lora", "bake lora", "save model"],
            is_output_node=True,
            inputs=[
                VividModel.Input("model", tooltip="The adapter's base, with no adapter on it."),
                VividAdapter.Input("adapter", tooltip="The adapter to merge."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="Strength of the LoRA: 1 as trained.",
                ),
                io.Combo.Input(
                    "format",
                    options=[ONE_FILE, FOLDER],
                    default=ONE_FILE,
                    tooltip="One file holds the transformer alone and goes to "
                    "models/diffusion_models. A folder holds all parts and goes to "
                    "models/diffusers.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="vivid/merged",
                    tooltip="Folder and name below the models folder; a number is added, and "
                    "nothing is ever replaced.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "file",
                    display_name="file",
                    tooltip="What was written, as Vivid Load Model lists it once R was pressed.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Hosted,
        adapter: Adapter,
        strength: float,
        format: str,
        filename_prefix: str,
    ) -> io.NodeOutput:
        from ..vivid_core.cogvideox.merge import merged_bundle, save_merged
        from ..vivid_core.cogvideox.save import save_bundle

        require_choices(cls, format=format)
        bundle = own_model(model, "merge LoRAs into it by ComfyUI's own nodes").bundle
        with normal_tensors():
            if format == FOLDER:
                path, choice = _new_place(DIFFUSERS, filename_prefix, "")
                save_bundle(merged_bundle(bundle, adapter, strength=strength), path)
            else:
                path, choice = _new_place(MODELS, filename_prefix, SUFFIX)
                save_merged(path, bundle, adapter, strength=strength)
        return io.NodeOutput(choice, ui=previews.text(f"written: models/{choice}"))


def _new_place(kind: str, prefix: str, suffix: str) -> tuple[Path, str]:
    """A new file or folder below one of ComfyUI's model folders, and how nodes list it."""
    roots = [Path(root) for root in folder_paths.get_folder_paths(kind)]
    root = next((root for root in roots if root.name == kind), roots[0])  # old names come first
    place = host.new_place(prefix, str(root))
    path = place.folder / f"{place.name}_{place.number:05}_{suffix}"
    return path, f"{kind}/{path.relative_to(root).as_posix()}"
