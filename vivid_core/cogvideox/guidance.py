"""Classifier-free guidance around the transformer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .conditioning import pad_latent_frames

IMAGE_OFFSET = 2.0  # CogVideoX 1.5 I2V: the constant its pipelines pass as `ofs`
Rotary = tuple[Tensor, Tensor]


def guided_predictor(
    transformer: nn.Module,
    conditioning: Float[Tensor, "b t c h w"],
    prompt_embeds: Float[Tensor, "b2 n d"],
    negative_embeds: Float[Tensor, "b3 n d"] | None,
    guidance: float,
    rotary: Rotary | None,
) -> Callable[[Tensor, int], Tensor]:
    """A function (noisy latents [b t 16 h w], timestep) -> guided prediction, float32.

    A guidance of 1 needs one pass only and no negative text. A batch of one in the conditions
    serves any batch of noise.
    """
    single = guidance == 1.0
    if not single and negative_embeds is None:
        raise ValueError("guidance other than 1 needs negative_embeds")

    def predict(latents: Tensor, t: int) -> Tensor:
        if single:
            return _forward(transformer, latents, conditioning, [prompt_embeds], t, rotary)[0]
        texts = [negative_embeds, prompt_embeds]
        uncond, cond = _forward(transformer, latents, conditioning, texts, t, rotary)
        return uncond + guidance * (cond - uncond)

    return predict


def _forward(
    transformer: Any,
    latents: Tensor,
    conditioning: Tensor,
    texts: list[Tensor],
    t: int,
    rotary: Rotary | None,
) -> list[Tensor]:
    """One prediction a text, in one pass."""
    config, batch, frames = transformer.config, latents.shape[0], latents.shape[1]
    expanded = conditioning.to(latents).expand(batch, -1, -1, -1, -1)
    inputs = pad_latent_frames(torch.cat([latents, expanded], dim=2), config.patch_size_t)
    embeds = torch.cat([text.expand(batch, -1, -1) for text in texts])
    ofs = None if config.ofs_embed_dim is None else latents.new_full((1,), IMAGE_OFFSET)
    cache_context = getattr(transformer, "cache_context", nullcontext)  # diffusers 0.35 and newer
    with cache_context("cond_uncond"):
        output = transformer(
            hidden_states=inputs.repeat(len(texts), 1, 1, 1, 1).to(transformer.dtype),
            encoder_hidden_states=embeds.to(inputs.device, transformer.dtype),
            timestep=torch.full((batch * len(texts),), t, device=inputs.device),
            ofs=ofs,
            image_rotary_emb=rotary,
            return_dict=False,
        )[0]
    return list(output[:, :frames].float().chunk(len(texts)))
