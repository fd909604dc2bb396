"""The workflow that trains."""

from __future__ import annotations

from dataclasses import replace

from .parts import SWAP, click, clip, edit, look, model
from .templates import Group, Node, Template

NAME = "shapes"
TRAINED = (12, "adapter")
PLOT = Node(
    id=13,
    kind="Vivid_PlotTraining",
    values={"name": NAME},
    links={"adapter": TRAINED},
    height=390,
    width=440,
)
SAVE = Node(
    id=14,
    kind="Vivid_SaveAdapter",
    values={"filename_prefix": "vivid/shapes"},
    links={"adapter": TRAINED},
    height=120,
)
MERGE = Node(
    id=15,
    kind="Vivid_MergeAdapter",
    bypassed=True,
    height=150,
    values={"filename_prefix": "vivid/shapes"},
    links={"model": (1, "model"), "adapter": TRAINED},
)
compare, _ = look("train", (4, "video"), (4, "effective mask")).nodes
TRAIN = Template(
    name="vivid_train_adapter",
    note="## Train an adapter\n"
    "1. **Vivid Sample Dataset** writes a folder of clips, masks and captions, and shows some. "
    "For **your own**: a folder like it in ComfyUI's *input* folder, and *Load Dataset* (bypassed "
    "below it; *Ctrl+B*) in its place.\n"
    "2. **Vivid Train Adapter** teaches a plain text-to-video base to edit inside a mask. It shows "
    "curves, edits, speed and time left; *Cancel* saves, **Run** goes on. These 300 steps of 8 are "
    "a demonstration: vivid-tiny's own adapter took thousands.\n"
    "3. The adapter is tried on a clip that it never saw. **Vivid Save Adapter** puts it among the "
    "LoRAs; **Merge Adapter** (bypassed) writes a model that needs no adapter.\n"
    f"4. {SWAP}.",
    groups=(
        Group(
            title="1 your dataset",
            nodes=(
                replace(model(model="vivid-tiny base (bundled)"), width=360),
                Node(
                    id=10,
                    kind="Vivid_SampleDataset",
                    width=360,
                    height=540,
                    title="Your dataset here",
                    values={"clips": 96, "samples": 6},
                ),
                Node(id=11, kind="Vivid_LoadDataset", width=360, height=120, bypassed=True),
                Node(
                    id=16,
                    kind="Vivid_LoadAdapter",
                    title="To go on from an adapter",
                    width=360,
                    bypassed=True,
                ),
            ),
        ),
        Group(
            title="2 train",
            nodes=(
                Node(
                    id=12,
                    kind="Vivid_TrainAdapter",
                    values={
                        "name": NAME,
                        "steps": 300,
                        "batch": 8,
                        "learning_rate": 3e-3,
                        "ema_decay": 0.98,
                        "images_per_video": 3.0,
                        "warmup": 20,
                        "clip": 1.0,
                    },
                    links={"model": (1, "model"), "dataset": (10, "dataset")},
                ),
            ),
        ),
        Group(
            title="3 a clip to try it on",
            nodes=(clip(seed=1000029), replace(click(41.5, 27.5), width=420)),
        ),
        Group(
            title="4 edit",
            nodes=(
                Node(
                    id=8,
                    kind="Vivid_ApplyAdapter",
                    width=360,
                    values={"adapter": "none"},
                    links={"model": (1, "model"), "trained": TRAINED},
                ),
                replace(edit((9, "mask"), "delete", fill="off", model=(8, "model")), width=360),
                MERGE,
            ),
        ),
        Group(title="5 look, and keep", nodes=(replace(compare, width=440), PLOT, SAVE)),
    ),
)
