"""The workflows that build datasets."""

from __future__ import annotations

from dataclasses import replace

from .parts import CLIP, SWAP, click, clip, edit, look, model
from .templates import Group, Node, Template

NAME = "built_shapes"
TRAINED = (12, "adapter")
compare, _ = look("build_dataset", (4, "video"), (4, "effective mask")).nodes
BUILD = Template(
    name="vivid_build_dataset",
    note="## Build a dataset from videos, and train on it\n"
    "1. **Vivid Sample Dataset** writes procedural clips. For **your own**: a folder of videos in "
    "ComfyUI's *input* folder, named in *Build Dataset*, and engines with weights.\n"
    "2. **Vivid Build Dataset** finds what is in them, masks, follows and describes it, and pastes "
    "masks onto background: samples to add, change and delete. *Cancel* keeps what is done, "
    "**Run** goes on. Look at the sheet before you train.\n"
    "3. **Vivid Train Adapter** learns from it; 60 steps show that it runs, not more.\n"
    f"4. {SWAP}.",
    groups=(
        Group(
            title="1 your videos",
            nodes=(
                replace(model(model="vivid-tiny base (bundled)"), width=360),
                Node(
                    id=10,
                    kind="Vivid_SampleDataset",
                    width=360,
                    height=540,
                    title="Your videos here",
                    values={"clips": 12, "samples": 3},
                ),
                Node(
                    id=8,
                    kind="Vivid_ApplyAdapter",
                    width=360,
                    values={"adapter": "none"},
                    links={"model": (1, "model"), "trained": TRAINED},
                ),
            ),
        ),
        Group(
            title="2 build",
            nodes=(
                Node(
                    id=20,
                    kind="Vivid_BuildDataset",
                    values={
                        "name": NAME,
                        "min_seconds": 1.0,
                        "min_side": 64,
                        "lossless": True,
                        "samples": 4,
                    },
                    links={"dataset": (10, "dataset")},
                ),
            ),
        ),
        Group(
            title="3 train",
            nodes=(
                Node(
                    id=12,
                    kind="Vivid_TrainAdapter",
                    values={
                        "name": NAME,
                        "steps": 60,
                        "batch": 8,
                        "learning_rate": 3e-3,
                        "ema_decay": 0.9,
                        "images_per_video": 3.0,
                        "warmup": 10,
                        "clip": 1.0,
                    },
                    links={"model": (1, "model"), "dataset": (20, "dataset")},
                ),
            ),
        ),
        Group(
            title="4 a clip to try it on",
            nodes=(clip(seed=1000029), replace(click(41.5, 27.5), width=420)),
        ),
        Group(
            title="5 edit, and look",
            nodes=(
                replace(edit((9, "mask"), "delete", fill="off", model=(8, "model")), height=650),
                replace(compare, height=510),
            ),
        ),
    ),
)

INSTRUCTIONS = Template(
    name="vivid_build_instruction_dataset",
    note="## Build a dataset of editing by instruction\n"
    "1. **Vivid Sample Dataset** writes procedural clips, and pairs of pictures. For **your own**: "
    "folders in ComfyUI's *input* folder, named in *Build Instruction Dataset*, and a vision-"
    "language model as *writer* and *judge* (**Vivid Load Engine**).\n"
    "2. **Vivid Build Instruction Dataset** writes instructions, edits first frames, lets clips "
    "follow, makes clips of pairs and moves a camera over stills; what is not good enough is left "
    "out, with its reason. *Cancel* keeps what is done, **Run** goes on.\n"
    "3. Look at the sheet, source and edit side by side, before **Vivid Train Adapter** learns "
    "from it.",
    groups=(
        Group(
            title="1 your videos and pictures",
            nodes=(
                Node(
                    id=10,
                    kind="Vivid_SampleDataset",
                    width=360,
                    height=560,
                    title="Your videos here",
                    values={"clips": 2, "samples": 2, "pairs": 2, "seed": 3},
                ),
            ),
        ),
        Group(
            title="1 models",
            nodes=(
                model(model="vivid-tiny by instruction (bundled)"),
                Node(id=11, kind="Vivid_LoadModel", title="Model that animates"),
            ),
        ),
        Group(
            title="2 build",
            nodes=(
                Node(
                    id=20,
                    kind="Vivid_BuildInstructionDataset",
                    width=560,
                    values={
                        "name": "built_instructions",
                        "sweep": 3,
                        "candidates": 2,
                        "steps": 10,
                        "guidance": 4.0,
                        "length": 9,
                        "min_side": 64,
                        "lossless": True,
                        "samples": 6,
                    },
                    links={
                        "editor": (1, "model"),
                        "dataset": (10, "dataset"),
                        "animator": (11, "model"),
                    },
                ),
            ),
        ),
    ),
)

DELETION = Template(
    name="vivid_build_deletion",
    note="## A sample of deletion, step by step\n"
    "A model learns to delete from clips in which nothing is deleted: a mask lies on background, "
    "and the clip itself is the truth (VIVID, section 3.2).\n"
    "1. **Vivid Track Object** follows what is there, so that nothing covers it.\n"
    "2. **Vivid Animate Mask** stands for the mask of another clip; **Vivid Paste Mask** finds a "
    "free place and keeps its path, or moves it as the background moves.\n"
    "3. **Vivid Filter Sample** says whether it is good enough, **Vivid Write Samples** adds it to "
    "a dataset: run again with another seed for another one.\n"
    f"4. {SWAP}. **Vivid Build Dataset** does all of it for whole folders.",
    groups=(
        Group(
            title="1 your clip, and what is there", nodes=(clip(seed=1000029), click(41.5, 27.5))
        ),
        Group(
            title="2 paste",
            nodes=(
                Node(
                    id=3,
                    kind="Vivid_AnimateMask",
                    values={"shape": "ellipse", "size_x": 0.22, "size_y": 0.22},
                    links={"video": CLIP},
                ),
                Node(
                    id=4,
                    kind="Vivid_PasteMask",
                    values={"motion": "background"},
                    links={"video": CLIP, "mask": (3, "mask"), "things": (9, "mask")},
                ),
            ),
        ),
        Group(
            title="3 look",
            nodes=(
                Node(
                    id=5,
                    kind="Vivid_OverlayMask",
                    links={"video": CLIP, "mask": (4, "mask")},
                ),
                Node(
                    id=6,
                    kind="Vivid_FilterSample",
                    links={"video": CLIP, "mask": (4, "mask")},
                ),
            ),
        ),
        Group(
            title="4 keep",
            nodes=(
                Node(
                    id=7,
                    kind="Vivid_WriteSamples",
                    values={
                        "name": "deletions",
                        "task": "delete",
                        "label": "background",
                        "lossless": True,
                    },
                    links={"video": CLIP, "mask": (4, "mask"), "passed": (6, "passed")},
                ),
            ),
        ),
    ),
)
