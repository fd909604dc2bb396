"""The bundled workflows of models that ComfyUI itself loads."""

from __future__ import annotations

from dataclasses import replace

from .keyframes import candidates, propagate
from .parts import SWAP, clip, edit, look, point, track
from .templates import Group, Node, Template

HOST = "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files"
FILES = (
    "**Files** (ComfyUI offers what is missing): `wan2.1_vace_1.3B_fp16.safetensors` in "
    "*models/diffusion_models* (or the 14B one, or a GGUF loader in its place), "
    "`umt5_xxl_fp8_e4m3fn_scaled.safetensors` in *models/text_encoders*, `wan_2.1_vae.safetensors` "
    "in *models/vae*. LoRAs go between *Load Diffusion Model* and *Vivid Use Core Model*."
)


def file(name: str, directory: str) -> dict[str, str]:
    return {"name": name, "url": f"{HOST}/{directory}/{name}", "directory": directory}


def loader(id: int, kind: str, widget: str, name: str, directory: str) -> Node:
    """One of ComfyUI's own, with the file that it names."""
    return Node(id=id, kind=kind, values={widget: name}, offers=(file(name, directory),))


def loaders() -> tuple[Node, ...]:
    """A Wan VACE model as ComfyUI loads it, made to edit, and a clip below."""
    model, text, vae = "diffusion_models", "text_encoders", "vae"
    return (
        loader(20, "UNETLoader", "unet_name", "wan2.1_vace_1.3B_fp16.safetensors", model),
        loader(21, "CLIPLoader", "clip_name", "umt5_xxl_fp8_e4m3fn_scaled.safetensors", text),
        loader(22, "VAELoader", "vae_name", "wan_2.1_vae.safetensors", vae),
        Node(
            id=1,
            kind="Vivid_UseCoreModel",
            links={"model": (20, "MODEL"), "vae": (22, "VAE"), "clip": (21, "CLIP")},
        ),
        replace(
            clip(scene="pond: a koi swims by", seed=7, width=480, height=320, length=49, fps=24),
            height=330,
        ),
    )


def koi() -> tuple[Node, ...]:
    """Track what a box on frame 0 holds."""
    box = point(size=(320, 480), box=[10, 188, 158, 258])
    return track(box, tracker=(8, "tracker")), Node(id=8, kind="Vivid_LoadTracker")


CORE_REMOVE = Template(
    name="vivid_core_model_remove",
    note="## Remove a thing with a model that ComfyUI loads\n"
    "1. **Load Diffusion Model**, **Load CLIP**, **Load VAE** as in any graph; **Vivid Use Core "
    "Model** makes them edit inside a mask. What the model can do is told by what it is.\n"
    "2. **Vivid Track Object** follows the koi. **Vivid Edit Video**: other frames fill what they "
    "show of the background, the model makes the rest; everything else stays exactly as it was.\n"
    f"3. {FILES}\n"
    "4. For VOID, which takes shadows away too: `void_pass1.safetensors`, "
    "`t5xxl_fp16.safetensors` (type *cogvideox*), `cogvideox_vae.safetensors`, guidance 1, and the "
    "shadow as **affected_mask**.\n"
    f"5. {SWAP}.",
    groups=(
        Group(title="1 model and clip", nodes=loaders()),
        Group(title="2 point", nodes=koi()),
        Group(
            title="3 edit",
            nodes=(
                edit(
                    (9, "mask"), "delete", "an empty pond, clear water", fill="auto", grow=14,
                    guidance=5.0,
                ),
            ),
        ),
        look("core_model_remove", (4, "video"), (4, "effective mask"), fps=24.0),
    ),
)  # fmt: skip

CORE_LOOP = Template(
    name="vivid_core_model_keyframe_loop",
    note="## Choose the look on one frame, with a model that ComfyUI loads\n"
    "1. Press **Run**: candidates of one frame, each as short as the model can. Nothing further "
    "runs yet.\n"
    "2. Click the one you like in **Vivid Pick Keyframe**, press **Run** again: the clip follows "
    "it, in windows of the model chained to any length.\n"
    f"3. {FILES}\n"
    "4. A picture of what shall appear: connect it to **reference** of *Vivid Use Core Model*.\n"
    f"5. {SWAP}.",
    groups=(
        Group(title="1 model and clip", nodes=loaders()),
        Group(
            title="2 point and choose",
            nodes=(
                koi()[0],
                Node(
                    id=4, kind="Vivid_PickKeyframe", links={"candidates": (3, "candidates")},
                    height=370,
                ),
                koi()[1],
            ),
        ),
        Group(
            title="3 edit one frame",
            nodes=(candidates("a golden carp\na small wooden boat", 0, 2),),
        ),
        Group(
            title="3 edit",
            nodes=(propagate("", keyframe=(4, "keyframe"), caption=(4, "caption")),),
        ),
        look("core_model_keyframe_loop", (6, "video"), (6, "effective mask"), fps=24.0),
    ),
)  # fmt: skip
