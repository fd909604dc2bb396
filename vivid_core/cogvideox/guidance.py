"""Classifier-free guidance around the transformer: the weighted sum of a few readings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..settings import GuidanceFormula
from .conditioning import pad_latent_frames

IMAGE_OFFSET = 2.0  # CogVideoX 1.5 I2V: the constant its pipelines pass as `ofs`
SWING_POWER = 5  # `exp` of InsViE's guider
Rotary = tuple[Tensor, Tensor]
Predict = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the transformer is given beside the noise: a text, and conditions."""

    text: Float[Tensor, "b n d"]
    conditioning: Float[Tensor, "b2 t c h w"]


def guided_predictor(
    transformer: nn.Module,
    conditioning: Float[Tensor, "b t c h w"],
    prompt_embeds: Float[Tensor, "b2 n d"],
    negative_embeds: Float[Tensor, "b3 n d"] | None,
    guidance: float,
    rotary: Rotary | None,
) -> Predict:
    """A function (noisy latents [b t 16 h w], timestep) -> guided prediction, float32.

    A guidance of 1 needs one pass only and no negative text. A batch of one in the conditions
    serves any batch of noise.
    """
    if negative_embeds is None:
        if guidance != 1.0:
            raise ValueError("guidance other than 1 needs negative_embeds")
        negative_embeds = prompt_embeds
    readings = [
        Reading(text=text, conditioning=conditioning) for text in (negative_embeds, prompt_embeds)
    ]
    weights = (1 - guidance, guidance)
    return weighted_predictor(transformer, readings, lambda _: weights, rotary)


def weighted_predictor(
    transformer: nn.Module,
    readings: Sequence[Reading],
    weights_at: Callable[[int], Sequence[float]],
    rotary: Rotary | None,
) -> Predict:
    """The same for any readings. `weights_at` a timestep gives one weight each, 1 in all.

    What has no weight is not read.
    """

    def predict(latents: Tensor, t: int) -> Tensor:
        weighed = [
            (reading, weight)
            for reading, weight in zip(readings, weights_at(t), strict=True)
            if weight != 0.0
        ]
        found = _forward(transformer, latents, [reading for reading, _ in weighed], t, rotary)
        first, *others = found
        guided = first
        for other, (_, weight) in zip(others, weighed[1:], strict=True):
            guided = guided + weight * (other - first)
        return guided

    return predict


def instruction_weights(
    formula: GuidanceFormula, text: float, video: float, *, t: int, steps: int
) -> tuple[float, float, float]:
    """Of what reads nothing (n), the source (s), and the source with the instruction (i).

    "released": n + video (s - n) + text (i - s), both scales swinging with the timestep `t`;
    "paper" (InsViE, eq. 2): n + video (s - n) + text (i - n).
    """
    if formula == "paper":
        return 1 - video - text, video, text
    text, video = (_swung(scale, t, steps) for scale in (text, video))
    return 1 - video, video - text, text


def _swung(scale: float, t: int, steps: int) -> float:
    """Between 1 and 1 + scale, as the guider of InsViE's sampler computes it.

    It was written to grow over the steps, but is given steps - t for the number of the step, t
    being the timestep (999 to 0): until t is near `steps` the cosine swings.
    """
    return 1 + scale * (1 - math.cos(math.pi * ((steps - t) / steps) ** SWING_POWER)) / 2


def _forward(
    transformer: Any,
    latents: Tensor,
    readings: Sequence[Reading],
    t: int,
    rotary: Rotary | None,
) -> list[Tensor]:
    """One prediction a reading, in one pass."""
    config, batch, frames = transformer.config, latents.shape[0], latents.shape[1]
    conditions = [
        reading.conditioning.to(latents).expand(batch, -1, -1, -1, -1) for reading in readings
    ]
    inputs = torch.cat([torch.cat([latents, condition], dim=2) for condition in conditions])
    inputs = pad_latent_frames(inputs, config.patch_size_t)
    embeds = torch.cat([reading.text.expand(batch, -1, -1) for reading in readings])
    ofs = None if config.ofs_embed_dim is None else latents.new_full((1,), IMAGE_OFFSET)
    cache_context = getattr(transformer, "cache_context", nullcontext)  # diffusers 0.35 and newer
    with cache_context("cond_uncond"):
        output = transformer(
            hidden_states=inputs.to(transformer.dtype),
            encoder_hidden_states=embeds.to(inputs.device, transformer.dtype),
            timestep=torch.full((len(inputs),), t, device=inputs.device),
            ofs=ofs,
            image_rotary_emb=rotary,
            return_dict=False,
        )[0]
    return list(output[:, :frames].float().chunk(len(readings)))
