"""Edit by instruction with a model that is being trained, to see what it can do so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...cogvideox.bundle import ModelBundle
from ...cogvideox.conditioning import build_conditioning
from ...cogvideox.guidance import guided_predictor
from ...cogvideox.rotary import rotary_embedding
from ...cogvideox.sampling import NoiseSchedule, denoise
from ...cogvideox.text import encode_caption
from ...cogvideox.vae import decode
from .config import EditsShown


def _ignore() -> None:
    return None


@torch.no_grad()
def edit_by_words(
    bundle: ModelBundle,
    pixels: Float[Tensor, "t h w 3"],
    instruction: str,
    shown: EditsShown,
    *,
    seed: int,
    device: torch.device,
    check: Callable[[], object] = _ignore,
) -> Float[Tensor, "t h w 3"]:
    """Pixels in 0..1, of legal size and length, after the instruction; nothing is pasted back.

    Guidance is over the words alone: the source is in both passes. `check` may raise to stop.
    """
    transformer: Any = bundle.transformer
    signed = pixels.permute(3, 0, 1, 2)[None].to(device) * 2 - 1
    given = build_conditioning(bundle.layout, bundle.vae, signed, torch.ones_like(signed[:, :1]))
    words, none = (
        encode_caption(bundle, text, argument="instruction").embeds.to(device)
        for text in (instruction, "")
    )
    _, frames, _, height, width = given.shape
    rotary = rotary_embedding(transformer.config, (frames, height, width), device=device)
    noise = torch.randn(given.shape, generator=torch.Generator().manual_seed(seed)).to(device)
    latents = denoise(
        guided_predictor(transformer, given, words, none, shown.guidance, rotary),
        noise,
        NoiseSchedule.from_config(bundle.schedule),
        steps=shown.steps,
        on_step=lambda *_: check(),
    )
    decoded = decode(bundle.vae, latents.transpose(1, 2), frames=len(pixels))
    return ((decoded[0].permute(1, 2, 3, 0) + 1) / 2).clamp(0, 1)
