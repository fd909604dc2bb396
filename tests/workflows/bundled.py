"""The bundled workflows, from the most convincing on."""

from __future__ import annotations

import json

from .building import BUILD, DELETION, INSTRUCTIONS
from .core_model import CORE_LOOP, CORE_REMOVE
from .instruct import BY_INSTRUCTION, SWEEP
from .keyframes import FROM_IMAGE_MODEL, LONG, LOOP, MIDDLE
from .parts import CLIP, SWAP, click, clip, edit, look, model, point, track
from .templates import Group, Node, Template
from .training import TRAIN

TRACK_AND_REMOVE = Template(
    name="vivid_track_and_remove",
    weights="void",
    note="## Track a thing, then remove it: no weights needed\n"
    "1. **Vivid Track Object** has a box round the koi on frame 0; its mask follows it.\n"
    "2. **Vivid Edit Video**: with **fill** on *auto*, what other frames show of the background "
    "goes into the mask; what no frame shows is filled classically (**rest**): no model runs. "
    "**grow** is 14, so that the soft shadow goes too.\n"
    f"3. {SWAP}, press **Run**: the frames appear in Track Object. *Start afresh*, click on the "
    "thing or drag a box round it, press **Run** again.\n"
    "4. For **rest** *model*, real weights: turn on the loader below this note (*Ctrl+B*), connect "
    "its *model*; ComfyUI offers what is missing.",
    groups=(
        Group(
            title="1 your clip",
            nodes=(
                clip(
                    scene="pond: a koi swims by", seed=7, width=480, height=320, length=49, fps=24
                ),
                model(),
            ),
        ),
        Group(
            title="2 point",
            nodes=(
                track(point(size=(320, 480), box=[10, 188, 158, 258]), tracker=(8, "tracker")),
                Node(id=8, kind="Vivid_LoadTracker"),
            ),
        ),
        Group(
            title="3 edit",
            nodes=(edit((9, "mask"), "delete", fill="auto", rest="classical", grow=14),),
        ),
        look("track_and_remove", (4, "video"), (4, "effective mask"), fps=24.0),
    ),
)

REMOVE = Template(
    name="vivid_remove_object",
    app_inputs=((2, "scene"), (2, "seed"), (9, "prompts_editor")),
    app_outputs=(7,),
    weights="void",
    note="## Remove an object with a model\n"
    "1. **Vivid Track Object** follows the triangle; **Vivid Overlay Mask** shows what is edited.\n"
    "2. **Vivid Edit Video** makes all of the background itself (**fill** is *off*): for a camera "
    "and a thing that stand still, where no frame shows what is behind. No caption is needed.\n"
    f"3. {SWAP}. Real weights: turn on the loader below this note (*Ctrl+B*), connect its *model*; "
    "ComfyUI offers what is missing.",
    groups=(
        Group(title="1 your clip", nodes=(clip(seed=1000014), model())),
        Group(
            title="2 point",
            nodes=(
                click(48.5, 38.5),
                Node(
                    id=3,
                    kind="Vivid_OverlayMask",
                    values={"color": "blue"},
                    links={"video": CLIP, "mask": (9, "mask")},
                ),
            ),
        ),
        Group(title="3 edit", nodes=(edit((9, "mask"), "delete", fill="off"),)),
        look("remove", (4, "video"), (4, "effective mask")),
    ),
)

CHANGE = Template(
    name="vivid_change_object",
    app_inputs=((2, "scene"), (2, "seed"), (9, "prompts_editor"), (4, "caption")),
    app_outputs=(7,),
    note="## Change an object\n"
    "1. **Vivid Track Object** follows it, **Vivid Augment Mask** gives the new thing room.\n"
    "2. **Vivid Load Model** and **Vivid Apply Adapter**: a plain text-to-video base, taught to "
    "edit inside a mask. **Vivid Estimate Cost** says what the edit takes before it runs.\n"
    "3. **Vivid Edit Video**: the caption says what it becomes. Another seed, another result.\n"
    "4. **Vivid Measure Edit** says in figures how good it is; with a CLIP model in more of them.\n"
    f"5. {SWAP} and real weights in the place of vivid-tiny.",
    groups=(
        Group(
            title="1 your clip",
            nodes=(
                clip(seed=1000029),
                model(model="vivid-tiny base (bundled)"),
                Node(
                    id=8,
                    kind="Vivid_ApplyAdapter",
                    values={"adapter": "vivid-tiny adapter (bundled)"},
                    links={"model": (1, "model")},
                ),
            ),
        ),
        Group(
            title="2 point",
            nodes=(
                click(41.5, 27.5),
                Node(
                    id=10,
                    kind="Vivid_AugmentMask",
                    values={"mode": "expand", "radius_min": 0.1, "radius_max": 0.1},
                    links={"mask": (9, "mask")},
                ),
            ),
        ),
        Group(
            title="3 edit",
            nodes=(
                Node(
                    id=3,
                    kind="Vivid_EstimateCost",
                    values={"width": 64, "height": 64, "length": 17, "steps": 20, "guidance": 3.0},
                    links={"model": (8, "model"), "mask": (10, "mask")},
                ),
                edit((10, "mask"), "modify", "a large purple square", model=(8, "model")),
            ),
        ),
        look("change", (4, "video"), (4, "effective mask")),
        Group(
            title="4 measure",
            nodes=(
                Node(
                    id=6,
                    kind="Vivid_MeasureEdit",
                    values={"task": "modify", "caption": "a large purple square"},
                    links={
                        "source": CLIP,
                        "edit": (4, "video"),
                        "mask": (4, "effective mask"),
                    },
                ),
            ),
        ),
    ),
)

ADD = Template(
    name="vivid_add_object",
    app_inputs=((2, "scene"), (2, "seed"), (3, "path_editor"), (4, "caption")),
    app_outputs=(7,),
    note="## Add an object\n"
    "1. **Vivid Animate Mask** draws where it shall be, on every frame: drag the points of its "
    "path. Size and length are the clip's.\n"
    "2. **Vivid Edit Video**: the caption says what appears there.\n"
    f"3. {SWAP} and real weights in the place of vivid-tiny.",
    groups=(
        Group(
            title="1 your clip",
            nodes=(clip(scene="moving shapes, target removed", seed=1000037), model()),
        ),
        Group(
            title="2 point",
            nodes=(
                Node(
                    id=3,
                    kind="Vivid_AnimateMask",
                    values={
                        "shape": "ellipse",
                        "size_x": 0.46,
                        "size_y": 0.46,
                        "path": json.dumps(
                            [
                                {"frame": 0, "x": 0.7, "y": 0.7},
                                {"frame": 8, "x": 0.68, "y": 0.64},
                                {"frame": 16, "x": 0.64, "y": 0.58},
                            ]
                        ),
                    },
                    links={"video": CLIP},
                ),
            ),
        ),
        Group(title="3 edit", nodes=(edit((3, "mask"), "add", "a purple ring"),)),
        look("add", (4, "video"), (4, "effective mask")),
    ),
)

STATIC = Template(
    name="vivid_static_patch",
    note="## Put something onto the background\n"
    "1. **Vivid Animate Mask** draws a patch on frame 0; a painted mask does as well.\n"
    "2. **Vivid Propagate Background Mask** keeps it where it is in the world while the camera "
    "moves, and says how sure it is.\n"
    "3. **Vivid Edit Video** adds what the caption says.\n"
    f"4. {SWAP}.",
    groups=(
        Group(
            title="1 your clip",
            nodes=(
                clip(scene="moving shapes, target removed", seed=1000023),
                model(),
                Node(id=13, kind="Vivid_LoadFlow"),
            ),
        ),
        Group(
            title="2 point",
            nodes=(
                Node(
                    id=10,
                    kind="Vivid_AnimateMask",
                    values={
                        "shape": "ellipse",
                        "size_x": 0.36,
                        "size_y": 0.36,
                        "path": json.dumps([{"frame": 0, "x": 0.35, "y": 0.4}]),
                    },
                    links={"video": CLIP},
                ),
                Node(
                    id=11,
                    kind="Vivid_PropagateBackgroundMask",
                    links={"video": CLIP, "mask": (10, "mask"), "flow": (13, "flow")},
                ),
            ),
        ),
        Group(title="3 edit", nodes=(edit((11, "mask"), "add", "a red circle"),)),
        look("static_patch", (4, "video"), (4, "effective mask")),
    ),
)


BACKGROUND = Template(
    name="vivid_inpaint_background",
    note="## Inpaint the background from other frames: no model\n"
    "1. **Vivid Track Object** follows the koi, **Vivid Augment Mask** widens its mask over the "
    "soft shadow.\n"
    "2. **Vivid Fill Background** copies into the mask what other frames show of it. What no frame "
    "shows comes out as *never seen*, for any inpainting model.\n"
    f"3. {SWAP}, then click on what shall go.",
    groups=(
        Group(
            title="1 your clip",
            nodes=(
                clip(
                    scene="pond: a koi swims by", seed=0, width=480, height=320, length=49, fps=24
                ),
            ),
        ),
        Group(
            title="2 point",
            nodes=(
                track(point(size=(320, 480), box=[11, 203, 159, 273])),
                Node(
                    id=10,
                    kind="Vivid_AugmentMask",
                    values={"mode": "expand", "radius_min": 14, "radius_max": 14, "unit": "pixels"},
                    links={"mask": (9, "mask")},
                ),
            ),
        ),
        Group(
            title="3 edit",
            nodes=(
                Node(
                    id=4,
                    kind="Vivid_FillBackground",
                    links={"video": CLIP, "mask": (10, "mask")},
                ),
            ),
        ),
        look("inpaint_background", (4, "video"), (10, "mask"), fps=24.0),
    ),
)

TEMPLATES = (
    TRACK_AND_REMOVE,
    BACKGROUND,
    LOOP,
    CHANGE,
    REMOVE,
    ADD,
    STATIC,
    MIDDLE,
    LONG,
    TRAIN,
    BUILD,
    DELETION,
    CORE_REMOVE,
    CORE_LOOP,
    FROM_IMAGE_MODEL,
    BY_INSTRUCTION,
    SWEEP,
    INSTRUCTIONS,
)
