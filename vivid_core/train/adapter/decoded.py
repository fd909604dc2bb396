"""LPIPS on a few decoded frames, with the gradient through the VAE's decoder (InsViE, sec. 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ...cogvideox.vae import decode
from ...errors import InputError
from ...measure.perceptual import Perceptual, load_perceptual


def require_perceptual(weight: float) -> Perceptual | None:
    """LPIPS where it is asked for. Raises InputError that says why it cannot be had."""
    if not weight:
        return None
    loaded = load_perceptual()
    if isinstance(loaded, Perceptual):
        return loaded
    raise InputError("lpips_weight", f"is {weight:g}, and LPIPS {loaded}; or set it to 0")


def decoded_distance(
    vae: Any,
    predicted: Float[Tensor, "b t c h w"],
    clean: Float[Tensor, "b t c h w"],
    perceptual: Perceptual,
    *,
    latent_frames: int,
    generators: Sequence[torch.Generator],
) -> Float[Tensor, ""]:
    """The mean LPIPS between what predicted and clean latents show, over samples.

    Of each sample a stretch of `latent_frames` is decoded, drawn with its generator: both are
    decoded as if a clip began there, so that only what differs in the latents counts. One sample
    is decoded at a time, and again on the way back: memory is that of one stretch's decoder with
    all it keeps for its gradient, whatever the batch.
    """
    distances = []
    for guess, truth, generator in zip(predicted, clean, generators, strict=True):
        length = min(latent_frames, guess.shape[0])
        start = int(torch.randint(guess.shape[0] - length + 1, (), generator=generator))
        part = slice(start, start + length)
        with torch.no_grad():
            wanted = decode_frames(vae, truth[part])
        distances.append(
            checkpoint(_distance, vae, guess[part], wanted, perceptual, use_reentrant=False)
        )
    return torch.stack(distances).mean()


def _distance(vae: Any, latents: Tensor, wanted: Tensor, perceptual: Perceptual) -> Tensor:
    return perceptual.mean_distance(decode_frames(vae, latents), wanted)


def decode_frames(vae: Any, latents: Float[Tensor, "t c h w"]) -> Float[Tensor, "t2 3 h2 w2"]:
    """Pixels, about -1..1, of latents of one clip, with the gradient."""
    stretch = latents.transpose(0, 1)[None]
    count = (stretch.shape[2] - 1) * vae.config.temporal_compression_ratio + 1
    return decode(vae, stretch, frames=int(count))[0].transpose(0, 1)
