"""The bundled workflows of models that ComfyUI itself loads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .keyframes import candidates, propagate
from .parts import SWAP, clip, edit, look, point, track
from .templates import NOTE_WIDTH, Group, Node, Template

HOST = "https://huggingface.co/"
WAN = "Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files"
VOID = "Comfy-Org/void-model/resolve/main"
FLUX = "comfyanonymous/flux_text_encoders/resolve/main"
MODELS, TEXTS, VAES = "diffusion_models", "text_encoders", "vae"  # folders below models/


def file(repository: str, name: str, directory: str, *, flat: bool = False) -> dict[str, str]:
    """A file as ComfyUI's own workflows offer it; `flat`: the repository has no such folder."""
    folder = repository if flat else f"{repository}/{directory}"
    return {"name": name, "url": f"{HOST}{folder}/{name}", "directory": directory}


VACE = file(WAN, "wan2.1_vace_1.3B_fp16.safetensors", MODELS)
VACE_14B = file(WAN, "wan2.1_vace_14B_fp16.safetensors", MODELS)
FUN_INP = file(WAN, "wan2.1_fun_inp_1.3B_bf16.safetensors", MODELS)
UMT5 = file(WAN, "umt5_xxl_fp8_e4m3fn_scaled.safetensors", TEXTS)
WAN_VAE = file(WAN, "wan_2.1_vae.safetensors", VAES)
VOID_MODEL = file(VOID, "void_pass1.safetensors", MODELS)
VOID_VAE = file(VOID, "cogvideox_vae.safetensors", VAES)
T5 = file(FLUX, "t5xxl_fp16.safetensors", TEXTS, flat=True)


def link(one: dict[str, str]) -> str:
    return f"[{one['name']}]({one['url']})"


FILES = (
    f"**Files** (ComfyUI offers what is missing): {link(VACE)} in *models/diffusion_models* (or "
    f"{link(VACE_14B)}, or a GGUF loader in its place), {link(UMT5)} in *models/text_encoders*, "
    f"{link(WAN_VAE)} in *models/vae*. LoRAs go between *Load Diffusion Model* and *Vivid Use Core "
    "Model*."
)


def loader(id: int, kind: str, widget: str, one: dict[str, str], **changes: Any) -> Node:
    """One of ComfyUI's own, with the file that it names."""
    values = {widget: one["name"]} | changes.pop("values", {})
    return Node(id=id, kind=kind, values=values, offers=(one,), **changes)


def another(id: int, kind: str, widget: str, one: dict[str, str], **values: Any) -> Node:
    """A loader of another model, to turn on and connect."""
    return loader(id, kind, widget, one, values=values, bypassed=True, width=NOTE_WIDTH)


def loaders() -> tuple[Node, ...]:
    """A Wan VACE model as ComfyUI loads it, made to edit, and a clip below."""
    return (
        loader(20, "UNETLoader", "unet_name", VACE),
        loader(21, "CLIPLoader", "clip_name", UMT5),
        loader(22, "VAELoader", "vae_name", WAN_VAE),
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
    "4. For VOID, which takes shadows away too: turn on the three loaders below (*Ctrl+B*), link "
    "them to *Vivid Use Core Model*; guidance 1, and the shadow as **affected_mask**.\n"
    f"5. {SWAP}.\n\n"
    "The picture of this workflow: other frames filled all of the mask, no model had to.",
    beside=(
        another(30, "UNETLoader", "unet_name", VOID_MODEL),
        another(31, "CLIPLoader", "clip_name", T5, type="cogvideox"),
        another(32, "VAELoader", "vae_name", VOID_VAE),
    ),
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
    "4. A picture of what shall appear: connect it to **reference** of *Vivid Use Core Model*. For "
    "Wan Fun-InP in the place of VACE, turn on the loader below (*Ctrl+B*).\n"
    f"5. {SWAP}.\n\n"
    "The picture of this workflow was made with vivid-tiny in the model's place: *a large purple "
    "square*.",
    beside=(another(30, "UNETLoader", "unet_name", FUN_INP),),
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
