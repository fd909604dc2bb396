"""The CLIP models of the models folder, for figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import host, memory
from .schema import weights_input

if TYPE_CHECKING:
    from .host import Kind


def clip_model_input() -> io.Input:
    return weights_input(
        "clip_model",
        "clip_model",
        tooltip="For the figures of CLIP: a folder in models/clip_vision, such as "
        "openai/clip-vit-base-patch32. Without one figures cannot tell whether the "
        "instruction was followed.",
    )


def clip_encoder(clip_model: str) -> Any:
    """The CLIP model of a choice, under ComfyUI's memory; None where none is chosen."""
    from ..vivid_core.measure.encoder import load_clip_model

    return load_chosen("clip_model", clip_model, load_clip_model)


def load_chosen(kind: Kind, choice: str, load: Callable[..., Any]) -> Any:
    """What `load` makes of a chosen file or folder, under ComfyUI's memory.

    None where none is chosen, words where it says why there is no model.
    """
    if choice == host.NO_WEIGHTS:
        return None
    made = load(host.find(kind, choice), device=memory.waiting_device())
    if isinstance(made, str):
        return made
    return memory.engine_on_demand(memory.HostedEngine.hold(made))
