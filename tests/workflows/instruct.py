"""The bundled workflows of editing by instruction."""

from __future__ import annotations

from typing import Any

from .parts import CLIP, SWAP, clip, model
from .templates import Group, Node, Template

INSTRUCTION = "make the square orange"
SEED = 1000003  # of a clip that shows a square
TINY = {"steps": 16, "video_guidance": 0.0}  # what vivid-tiny was measured with
MODEL = "vivid-tiny by instruction (bundled)"
REAL = (
    "**Your footage** needs an InsViE model: `vivid convert` makes a safetensors file of its "
    "checkpoint; put it into *models/diffusion_models*, with CogVideoX-2B as base"
)


def look(name: str, edited: tuple[int, str]) -> Group:
    """Compare everywhere, and save with the rate, timing and sound of the source."""
    compare = Node(
        id=5,
        kind="Vivid_CompareEdit",
        values={"filename_prefix": f"vivid/{name}_compare"},
        links={"source": CLIP, "edit": edited},
    )
    save = Node(
        id=7,
        kind="SaveVideo",
        values={"filename_prefix": f"vivid/{name}"},
        links={"video": edited},
    )
    return Group(title="4 look", nodes=(compare, save))


def by_instruction(**values: Any) -> Node:
    settings = {"instruction": INSTRUCTION, "seed": 1, **TINY, "text_guidance": 2.0}
    links = {"model": (1, "model"), "video": CLIP}
    return Node(id=4, kind="Vivid_EditByInstruction", values=settings | values, links=links)


BY_INSTRUCTION = Template(
    name="vivid_edit_by_instruction",
    app_inputs=((2, "scene"), (2, "seed"), (4, "instruction")),
    app_outputs=(7,),
    note="## Edit by instruction: no mask\n"
    "1. Say in **Vivid Edit By Instruction** what to do: *make the square orange*, *remove the "
    "square*. Press **Run**.\n"
    "2. **text guidance** is how strongly that is followed, **video guidance** how closely the "
    "source is kept: 2 and 0 for vivid-tiny, 7.5 and 1.2 for InsViE. A mask on "
    "*mask* confines the edit.\n"
    "3. **Vivid Filter Edit** compares the motion with the source's; with a vision-language model "
    "as *judge* it scores the edit too.\n"
    f"4. {SWAP}. {REAL}.",
    groups=(
        Group(title="1 your clip", nodes=(clip(seed=SEED), model(model=MODEL))),
        Group(title="3 edit", nodes=(by_instruction(),)),
        Group(
            title="5 judge",
            nodes=(
                Node(
                    id=6,
                    kind="Vivid_FilterEdit",
                    values={"instruction": INSTRUCTION},
                    links={"source": CLIP, "edit": (4, "video")},
                ),
            ),
        ),
        look("edit_by_instruction", (4, "video")),
    ),
)

SWEEP = Template(
    name="vivid_sweep_and_screen",
    note="## Six strengths of guidance, the best one propagated\n"
    "1. **Vivid Sweep Guidance** edits the first frame six times, with text guidance from 0 to 2.5 "
    "(vivid-tiny; an InsViE model: 3 to 8).\n"
    "2. **Vivid Screen Edits** picks the best by figures, or by a vision-language model as "
    "*judge*; a number in **choice** is yours. Candidates of any other image editor go there too.\n"
    "3. **Vivid Propagate Edit** lets the clip follow it: here as the keyframe of vivid-tiny, with "
    "a caption of what the edited clip shows; a CogVideoX image-to-video model keeps the motion "
    "by inverting the source instead.\n"
    f"4. {SWAP}. {REAL}.",
    groups=(
        Group(
            title="1 your clip",
            nodes=(
                clip(seed=SEED),
                model(model=MODEL),
                Node(id=11, kind="Vivid_LoadModel", title="Model that propagates"),
            ),
        ),
        Group(
            title="2 six edits of a frame",
            nodes=(
                Node(
                    id=3,
                    kind="Vivid_SweepGuidance",
                    values={
                        "instruction": INSTRUCTION,
                        "seed": 1,
                        "steps": 16,
                        "text_from": 0.0,
                        "text_to": 2.5,
                        "video_from": 0.0,
                        "video_to": 0.0,
                    },
                    links={"model": (1, "model"), "video": CLIP},
                ),  # fmt: skip
            ),
        ),
        Group(
            title="3 the best one",
            nodes=(
                Node(
                    id=8,
                    kind="Vivid_ScreenEdits",
                    values={"instruction": INSTRUCTION},
                    links={"source": CLIP, "candidates": (3, "candidates")},
                ),
            ),
        ),
        Group(
            title="3 propagate",
            nodes=(
                Node(
                    id=4,
                    kind="Vivid_PropagateEdit",
                    values={"caption": "an orange square", "seed": 1, "steps": 20, "guidance": 3.0},
                    links={"model": (11, "model"), "video": CLIP, "keyframe": (8, "keyframe")},
                ),
            ),
        ),
        look("sweep_and_screen", (4, "video")),
    ),
)
