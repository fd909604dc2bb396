"""Tiny models with random weights that ComfyUI's own loaders take for the real ones.

Imports ComfyUI's modules inside its functions: they are there in ComfyUI's Python only.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

FRAMES, SIDE, WINDOW = 9, 64, 5
EDIT = {
    "task": "modify", "caption": "a red circle", "negative": "", "seed": 1, "steps": 2,
    "guidance": 3.0, "focus": "off", "fill": "off", "sampler": "ddim", "grow": -1, "feather": 2,
}  # fmt: skip
USE = {
    "sampler_name": "euler", "scheduler": "simple", "width": SIDE, "height": SIDE,
    "window": WINDOW, "strength": 1.0,
}  # fmt: skip
WAN_TEXT, COGVIDEOX_TEXT = 4096, 64  # widths of their text encoders
TOKENS = 4
WIDTH = 8  # of the Wan VAE; the real one has 96
SPREAD = 0.05  # of random weights
COGVIDEOX_GAIN = {"block_out_channels": (32,) * 4, "layers_per_block": 1}


def random_state(module: Any, seed: int = 0) -> dict[str, Tensor]:
    """Weights of a module: scales 1, the rest small random numbers."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, weight in module.state_dict().items():
        values = torch.randn(weight.shape, generator=generator) * SPREAD
        scale = name.endswith(("gamma", "norm_q.weight", "norm_k.weight"))
        state[name] = values + 1 if scale or ("norm" in name and "weight" in name) else values
    return state


def wan_state(
    *, channels: int = 16, vace: bool = False, layers: int = 2, seed: int = 0
) -> dict[str, Tensor]:
    """Weights of a Wan 2.1 transformer of one head."""
    import comfy.ldm.wan.model as wan
    import comfy.ops

    sizes: dict[str, Any] = {
        "dim": 128, "ffn_dim": 256, "num_heads": 1, "num_layers": layers, "in_dim": channels,
        "text_dim": WAN_TEXT, "operations": comfy.ops.disable_weight_init, "dtype": torch.float32,
    }  # fmt: skip
    if vace:
        return random_state(wan.VaceWanModel(vace_layers=1, vace_in_dim=96, **sizes), seed)
    return random_state(wan.WanModel(model_type="t2v", **sizes), seed)


def cogvideox_state(*, channels: int = 33, paired: bool = False) -> dict[str, Tensor]:
    """Weights of a CogVideoX transformer of one head; `paired` is version 1.5's way."""
    import comfy.ldm.cogvideo.model as cogvideo
    import comfy.ops

    return random_state(
        cogvideo.CogVideoXTransformer3DModel(
            num_attention_heads=1, in_channels=channels, time_embed_dim=32, num_layers=2,
            text_embed_dim=COGVIDEOX_TEXT, use_rotary_positional_embeddings=True,
            patch_size_t=2 if paired else None, patch_bias=not paired,
            operations=comfy.ops.disable_weight_init, dtype=torch.float32,
        )
    )  # fmt: skip


def wan_vae_state() -> dict[str, Tensor]:
    import comfy.ldm.wan.vae as wan

    return random_state(wan.WanVAE(dim=WIDTH, z_dim=16, temperal_downsample=[False, True, True]))


def load_model(state: dict[str, Tensor]) -> Any:
    """A MODEL, detected and loaded by ComfyUI."""
    import comfy.sd

    loaded = comfy.sd.load_diffusion_model_state_dict(dict(state), {"dtype": torch.float32})
    assert loaded is not None, "ComfyUI does not know this model"
    return loaded


def load_vae(state: dict[str, Tensor]) -> Any:
    import comfy.sd

    return comfy.sd.VAE(sd=dict(state), dtype=torch.float32)


@cache
def wan_vae() -> Any:
    """The oldest supported ComfyUI builds it at its full size only: there with fewer channels."""
    import comfy.ldm.wan.vae as wan

    state, whole = wan_vae_state(), wan.WanVAE
    if reads_width():
        return load_vae(state)
    with patch.object(wan, "WanVAE", lambda **config: whole(**(config | {"dim": WIDTH}))):
        return load_vae(state)


@cache
def reads_width() -> bool:
    """Whether ComfyUI loads a small Wan VAE."""
    try:
        return load_vae(wan_vae_state()) is not None
    except RuntimeError:
        return False


@cache
def cogvideox_vae() -> Any:
    """With fewer channels than ComfyUI builds."""
    import comfy.ldm.cogvideo.vae as cogvideo

    state = random_state(cogvideo.AutoencoderKLCogVideoX(**COGVIDEOX_GAIN))
    return cogvideox_vae_of(state, **COGVIDEOX_GAIN)


def cogvideox_vae_of(state: dict[str, Tensor], *, space: int = 8, **sizes: Any) -> Any:
    """ComfyUI builds this VAE at its full size only: here at these sizes."""
    from functools import partial

    import comfy.ldm.cogvideo.vae as cogvideo

    small = partial(cogvideo.AutoencoderKLCogVideoX, **sizes)
    with patch.object(cogvideo, "AutoencoderKLCogVideoX", small):
        vae = load_vae(state)
    vae.downscale_ratio = (vae.downscale_ratio[0], space, space)
    vae.upscale_ratio = (vae.upscale_ratio[0], space, space)
    return vae


def conditioning(width: int, seed: int = 1) -> list[Any]:
    """What a text encoder would make of some caption."""
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(1, TOKENS, width, generator=generator), {}]]


def quiet() -> None:
    """ComfyUI says much of every model that it loads."""
    logging.disable(logging.INFO)


class TinyClip:
    """A text encoder that knows words by their letters, with the face of ComfyUI's CLIP."""

    def __init__(self, width: int, seed: int = 3) -> None:
        from comfy.model_patcher import ModelPatcher

        self.table = torch.nn.Embedding(128, width)
        self.table.load_state_dict(random_state(self.table, seed))
        device = torch.device("cpu")
        self.patcher = ModelPatcher(self.table, load_device=device, offload_device=device)
        self.texts: list[str] = []

    def tokenize(self, text: str) -> list[int]:
        self.texts.append(text)
        return [ord(letter) % 128 for letter in text] or [0]

    def encode_from_tokens_scheduled(self, tokens: list[int]) -> list[Any]:
        return [[self.table(torch.tensor([tokens])).detach(), {}]]


def clip_and_mask(
    height: int = SIDE, width: int = SIDE, frames: int = FRAMES
) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames at 8 bits and a square that moves over them; empty on no frame."""
    generator = torch.Generator().manual_seed(7)
    pixels = torch.randint(0, 256, (frames, height, width, 3), generator=generator) / 255
    mask = torch.zeros(frames, height, width)
    for number in range(frames):
        mask[number, 16:40, 8 + 2 * number : 32 + 2 * number] = 1
    return pixels, mask


def use(nodes: Any, state: Any, vae: Any, text: int, **inputs: Any) -> Any:
    positive, negative = (conditioning(text, seed) for seed in (1, 2))
    given = {**USE, "positive": positive, "negative": negative, **inputs}
    if "model" not in given:
        given["model"] = load_model(state)
    return nodes.UseCoreModel.execute(vae=vae, **given).args[0]


def wan(nodes: Any, *, channels: int = 16, vace: bool = False, **inputs: Any) -> Any:
    state = wan_state(channels=channels, vace=vace)
    return use(nodes, state, wan_vae(), WAN_TEXT, **inputs)


def vace(nodes: Any, **inputs: Any) -> Any:
    return wan(nodes, vace=True, **inputs)


def cogvideox(nodes: Any, *, channels: int, paired: bool, **inputs: Any) -> Any:
    state = cogvideox_state(channels=channels, paired=paired)
    vae, window = cogvideox_vae(), {"window": 5 if paired else 9}
    given = {"sampler_name": "auto", "scheduler": "auto", **window, **inputs}
    return use(nodes, state, vae, COGVIDEOX_TEXT, **given)


def void(nodes: Any, **inputs: Any) -> Any:
    return cogvideox(nodes, channels=48, paired=True, **inputs)


def has_cogvideox() -> bool:
    return importlib.util.find_spec("comfy.ldm.cogvideo") is not None


def edit(nodes: Any, model: Any, frames: Any, mask: Any, **changes: Any) -> tuple[Any, ...]:
    return nodes.EditVideo.execute(model, frames, mask, **(EDIT | changes)).args


def as_run(node: Any) -> Any:
    """A node's class as ComfyUI runs it, with what is hidden."""
    return node.PREPARE_CLASS_CLONE({"hidden_inputs": {}})


def require_exact(edited: Any, effective: Any, frames: Any) -> None:
    assert edited.shape == frames.shape
    assert torch.equal(edited[effective == 0], frames[effective == 0])
    assert (edited[effective == 1] != frames[effective == 1]).float().mean() > 0.5


def refused(argument: str, *words: str, by: Callable[[], Any]) -> None:
    """Whether a call is refused with an error that names an input and says these words."""
    try:
        by()
    except Exception as error:  # whatever it is, it has to say this
        text = f"{error}"
        assert text.startswith(f"{argument}: ") and all(word in text for word in words), text
        return
    raise AssertionError(f"{argument} was not refused")


def pack_module(name: str) -> Any:
    return importlib.import_module(f"vivid_pack.vivid_core.{name}")
