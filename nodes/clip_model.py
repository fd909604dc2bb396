"""The CLIP models of the models folder, for figures."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import host, memory


def clip_model_input() -> io.Input:
    return io.Combo.Input(
        "clip_model",
        options=[host.NO_WEIGHTS, *host.choices("clip_model")],
        default=host.NO_WEIGHTS,
        tooltip="For the figures of CLIP: a folder in models/clip_vision, such as "
        "openai/clip-vit-base-patch32. Without one figures cannot tell whether the "
        "instruction was followed.",
    )


def clip_encoder(clip_model: str) -> Any:
    """The CLIP model of a choice, under ComfyUI's memory; None where none is chosen."""
    from ..vivid_core.measure.encoder import load_clip_model

    if clip_model == host.NO_WEIGHTS:
        return None
    device = memory.waiting_device()
    encoder = load_clip_model(host.find("clip_model", clip_model), device=device)
    return memory.engine_on_demand(memory.HostedEngine.hold(encoder))
