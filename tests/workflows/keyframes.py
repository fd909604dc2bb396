"""The bundled workflows of keyframes and of long video."""

from __future__ import annotations

from typing import Any

from .parts import CLIP, SWAP, click, clip, look, model
from .templates import Group, Node, Template


def candidates(captions: str, frame: int, many: int) -> Node:
    values = {
        "frame": frame,
        "task": "modify",
        "captions": captions,
        "seed": 1,
        "candidates": many,
        "steps": 20,
        "guidance": 3.0,
        "grow": 3,
    }
    links = {"model": (1, "model"), "video": CLIP, "mask": (9, "mask")}
    return Node(id=3, kind="Vivid_EditKeyframe", values=values, links=links)


def propagate(words: str, **links: Any) -> Node:
    values = {"caption": words, "seed": 1, "steps": 20, "guidance": 3.0, "grow": 3}
    given = {"model": (1, "model"), "video": CLIP, "mask": (9, "mask")}
    return Node(id=6, kind="Vivid_PropagateKeyframes", values=values, links=given | links)


LOOP = Template(
    name="vivid_keyframe_loop",
    note="## Choose the look on one frame, then edit the clip\n"
    "1. Press **Run**: candidates of one frame, for a fraction of the whole edit. Nothing further "
    "runs yet.\n"
    "2. Click the candidate you like in **Vivid Pick Keyframe**, press **Run** again: every frame "
    "follows it.\n\n"
    "Not happy? Click another one, or change captions and seed: earlier candidates stay.\n"
    f"3. {SWAP} and real weights in the place of vivid-tiny.",
    groups=(
        Group(title="1 your clip", nodes=(clip(seed=1000029), model())),
        Group(
            title="2 point and choose",
            nodes=(
                click(41.5, 27.5),
                Node(id=4, kind="Vivid_PickKeyframe", links={"candidates": (3, "candidates")}),
            ),
        ),
        Group(
            title="3 edit one frame",
            nodes=(candidates("a large purple square\na large yellow circle", 0, 3),),
        ),
        Group(
            title="3 edit",
            nodes=(propagate("", keyframe=(4, "keyframe"), caption=(4, "caption")),),
        ),
        look("keyframe_loop", (6, "video"), (6, "effective mask")),
    ),
)

MIDDLE = Template(
    name="vivid_middle_keyframe",
    note="## A keyframe in the middle of the clip\n"
    "1. **Vivid Edit Keyframe** edits frame 8 of 17 here. Any picture of the clip's size will do "
    "instead: connect **Load Image**, painted by hand or from another model.\n"
    "2. **Vivid Use Keyframe** says which frame the picture stands for; chain several for more.\n"
    "3. **Vivid Propagate Keyframes** runs from it both ways in time.\n"
    f"4. {SWAP} and real weights in the place of vivid-tiny.",
    groups=(
        Group(title="1 your clip", nodes=(clip(seed=1000029), model())),
        Group(title="2 point", nodes=(click(41.5, 27.5),)),
        Group(
            title="3 edit one frame",
            nodes=(
                candidates("a red ring", 8, 1),
                Node(
                    id=4,
                    kind="Vivid_UseKeyframe",
                    values={"frame": 8},
                    links={"image": (3, "candidates")},
                ),
            ),
        ),
        Group(title="3 edit", nodes=(propagate("a red ring", keyframe=(4, "keyframe")),)),
        look("middle_keyframe", (6, "video"), (6, "effective mask")),
    ),
)

HOST = "https://huggingface.co/Comfy-Org"
FILL = "flux1-fill-dev.safetensors"
FLUX_FILL = f"[{FILL}]({HOST}/flux1-dev/resolve/main/split_files/diffusion_models/{FILL})"
EDIT_2511 = "qwen_image_edit_2511_bf16.safetensors"
QWEN = (
    f"[{EDIT_2511}]({HOST}/Qwen-Image-Edit_ComfyUI/resolve/main/split_files/diffusion_models/"
    f"{EDIT_2511})"
)
FROM_IMAGE_MODEL = Template(
    name="vivid_keyframe_from_image_model",
    note="## A keyframe from any image model\n"
    "1. **Vivid Frame for Editing** hands out frame 8: the part around the mask, at a size image "
    "models like (here 0.25 megapixels).\n"
    "2. **Your image model here**: core's own nodes paint the mask purple in its place, so that "
    "this runs with nothing downloaded. Put yours there: *image* and *mask* go in, the edited "
    "image goes to the *image* of 3. ComfyUI's own blueprints do (they offer their files): *Image "
    "Inpainting (Flux.1 Fill Dev)*, of "
    f"{FLUX_FILL}, takes both; *Image Edit (Qwen 2511)*, of {QWEN}, the image. Set **megapixels** "
    "to 1.\n"
    "3. **Vivid Use Keyframe**, with *crop*: the picture is back in its frame, and nothing outside "
    "the mask has changed.\n"
    "4. **Vivid Propagate Keyframes**: the clip follows it both ways in time.\n"
    f"5. {SWAP} and real weights in the place of vivid-tiny.",
    groups=(
        Group(title="1 your clip", nodes=(clip(seed=1000029), model())),
        Group(title="2 point", nodes=(click(41.5, 27.5),)),
        Group(
            title="3 edit one frame",
            nodes=(
                Node(
                    id=3,
                    kind="Vivid_FrameForEditing",
                    values={"frame": 8, "megapixels": 0.25, "grow": 3},
                    links={"video": CLIP, "mask": (9, "mask")},
                ),
                Node(
                    id=10,
                    kind="EmptyImage",
                    values={"color": 0x8000A0},
                    title="The colour to paint with",
                ),
                Node(
                    id=11,
                    kind="ImageCompositeMasked",
                    values={"resize_source": True},
                    links={
                        "destination": (3, "image"),
                        "source": (10, "IMAGE"),
                        "mask": (3, "mask"),
                    },
                    title="Your image model here",
                ),
                Node(
                    id=4,
                    kind="Vivid_UseKeyframe",
                    links={"image": (11, "IMAGE"), "crop": (3, "crop")},
                ),
            ),
        ),
        Group(
            title="3 edit",
            nodes=(propagate("a large purple square", keyframe=(4, "keyframe")),),
        ),
        look("keyframe_from_image_model", (6, "video"), (6, "effective mask")),
    ),
)

LONG = Template(
    name="vivid_long_video",
    note="## Edit a long video\n"
    "Windows of the model, chained: the last frame of each is the keyframe of the next. Memory "
    "does not grow with the length, and a run that was stopped goes on where it was.\n\n"
    "1. **Vivid Track Object** hands on its *mask track*, which lies on disk.\n"
    "2. **later_captions** changes the caption from a frame on: write `40: a red star`, run "
    "again, and only what follows is made again.\n"
    "3. The file is lossless here, so that the compare view can prove that nothing outside the "
    "mask changed; choose *mp4* to share it.\n"
    f"4. {SWAP}.",
    groups=(
        Group(title="1 your clip", nodes=(clip(seed=1000029, length=81), model())),
        Group(title="2 point", nodes=(click(41.5, 27.5),)),
        Group(
            title="3 edit",
            nodes=(
                Node(
                    id=4,
                    kind="Vivid_EditLongVideo",
                    values={
                        "caption": "a large purple square",
                        "seed": 1,
                        "steps": 8,
                        "guidance": 2.0,
                        "format": "mkv (lossless)",
                    },
                    links={"model": (1, "model"), "video": CLIP, "mask": (9, "mask track")},
                ),
            ),
        ),
        Group(
            title="4 look",
            nodes=(
                Node(
                    id=5,
                    kind="Vivid_CompareEdit",
                    values={"fps": 8.0, "filename_prefix": "vivid/long_compare"},
                    links={"source": CLIP, "edit": (4, "edit"), "mask": (9, "mask")},
                ),
            ),
        ),
    ),
)
