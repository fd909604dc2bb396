"""Pairs of clips and instructions, collected into a dataset of instruction editing."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import convert, host
from .dataset import CATEGORY, dataset_outputs, show_dataset, shown_inputs
from .schema import VividNode, schema
from .sockets import FRAMES


class WritePair(VividNode):
    """Vivid_WritePair."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_WritePair",
            display_name="Vivid Write Pair",
            category=CATEGORY,
            description="Adds a clip, its edit and the instruction that leads from one to the "
            "other to a dataset, and shows what is in it. The same pair is added once.",
            search_aliases=["save dataset", "instruction dataset", "insvie", "add triplet"],
            is_output_node=True,
            inputs=[
                io.MultiType.Input("source", types=FRAMES, tooltip="The clip before the edit."),
                io.MultiType.Input(
                    "edited", types=FRAMES, tooltip="After it: of the same size and length."
                ),
                io.String.Input(
                    "instructions",
                    multiline=True,
                    default="",
                    tooltip="What leads from one to the other, such as 'make the fox red'. Several "
                    "wordings of the same: one a line.",
                ),
                io.String.Input(
                    "name",
                    default="my_pairs",
                    tooltip="Of the dataset, which lies in output/vivid/datasets/NAME.",
                ),
                io.Boolean.Input(
                    "passed",
                    default=True,
                    tooltip="Off: it is left out. Connect Vivid Filter Edit.",
                ),
                *shown_inputs(),
            ],
            outputs=dataset_outputs(),
        )

    @classmethod
    def execute(
        cls,
        source: Any,
        edited: Any,
        instructions: str,
        name: str,
        passed: bool,
        samples: int,
        shuffle: int,
    ) -> io.NodeOutput:
        from ..vivid_core.data.pairs import add_pair, is_pairs
        from ..vivid_core.errors import InputError

        if not name.strip():
            raise InputError("name", "is empty: name the dataset")
        out, report = host.work_folder("datasets", name), "left out: it did not pass"
        if passed:
            clips = convert.to_clip(source, "source"), convert.to_clip(edited, "edited")
            report = f"{add_pair(out, *clips, instructions.splitlines())} pairs"
        elif not is_pairs(out):
            raise InputError("passed", f"is off, and {name} holds nothing yet: add one that passes")
        return show_dataset(out, samples, shuffle, report=report)
