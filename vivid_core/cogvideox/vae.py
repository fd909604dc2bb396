"""Pixels to latents and back, in the CogVideoX VAE's own frame order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLCogVideoX
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.upsampling import CogVideoXUpsample3D
from jaxtyping import Float
from torch import Tensor, nn

from .bundle import vae_factors

_SMALL_CLIP = 2**18  # frames x height x width, in pixels or latents


def encode(
    vae: AutoencoderKLCogVideoX,
    pixels: Float[Tensor, "b 3 t h w"],
    *,
    mode: bool = True,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "b c t2 h2 w2"]:
    """Scaled latents, float32, of pixels in -1..1.

    `mode` takes the most likely latent; otherwise one is drawn with `generator`.
    """
    expected = latent_shape(vae, pixels)
    clips = pixels.to(vae.device, vae.dtype)
    parameters = vae.encode(_paired(clips)).latent_dist.parameters[: len(clips)]
    posterior = DiagonalGaussianDistribution(parameters)
    latents = posterior.mode() if mode else posterior.sample(generator)
    _require_shape("latents", latents, expected)
    return latents.float() * vae.config.scaling_factor


def decode(
    vae: AutoencoderKLCogVideoX,
    latents: Float[Tensor, "b c t h w"],
    *,
    frames: int,
    first_frame_alone: bool = False,
) -> Float[Tensor, "b 3 frames h2 w2"]:
    """Pixels, float32, about -1..1, of scaled latents that stand for `frames` frames.

    An odd number of latent frames decodes as diffusers does: three, then pairs. For an even one
    that would make three frames too many, so the first is decoded alone, as CogVideoX-Fun and
    VOID do for every length; `first_frame_alone` asks for that on odd numbers too.
    """
    space, time = vae_factors(vae)
    b, _, t, h, w = latents.shape
    unscaled = (latents / vae.config.scaling_factor).to(vae.device, vae.dtype)
    alone = t % 2 == 0 or (first_frame_alone and t > 1)
    with _first_frame_alone(vae, t) if alone else nullcontext():
        pixels = vae.decode(_paired(unscaled)).sample[:b]
    _require_shape("pixels", pixels, (b, 3, (t - 1) * time + 1, h * space, w * space))
    if pixels.shape[2] != frames:
        raise RuntimeError(f"{t} latent frames decode to {pixels.shape[2]} frames, not {frames}")
    return pixels.float()


def _paired(clips: Tensor) -> Tensor:
    """A single small clip twice over, on a CPU.

    torch sends small 3D convolutions over a batch of one down a path several times slower than
    that for two (its rule for oneDNN asks for a batch or for size); the copy is dropped again.
    Sums may be taken in another order, so single bits can differ from the VAE's own.
    """
    slow = len(clips) == 1 and clips.device.type == "cpu" and clips[0, 0].numel() <= _SMALL_CLIP
    return clips.repeat(2, 1, 1, 1, 1) if slow else clips


def latent_shape(vae: AutoencoderKLCogVideoX, pixels: Tensor) -> tuple[int, int, int, int, int]:
    """Shape of the latents of these pixels. Raises RuntimeError where the VAE would drop some."""
    (space, time), (b, _, t, h, w) = vae_factors(vae), pixels.shape
    if h % space or w % space or t % time != 1:
        raise RuntimeError(
            f"the VAE reads {time}k+1 frames with sides in multiples of {space}, got {t} frames "
            f"of {w}x{h}: pad them first"
        )
    return b, vae.config.latent_channels, (t - 1) // time + 1, h // space, w // space


@contextmanager
def _first_frame_alone(vae: AutoencoderKLCogVideoX, frames: int) -> Iterator[None]:
    """Decode in chunks of 1, 2, 2, ... latent frames, tiled or not, with all of the VAE's hooks."""
    decoder, size = vae.decoder, vae.num_latent_frames_batch_size
    vae.decoder, vae.num_latent_frames_batch_size = _ChunkedDecoder(decoder, size), frames
    try:
        yield
    finally:
        vae.decoder, vae.num_latent_frames_batch_size = decoder, size


class _ChunkedDecoder(nn.Module):
    """Stands in for the decoder: takes the whole length, feeds it 1 and then `size` at a time."""

    def __init__(self, decoder: nn.Module, size: int) -> None:
        super().__init__()
        self.decoder, self.size = decoder, size

    def forward(self, latents: Tensor, conv_cache: None = None) -> tuple[Tensor, None]:
        first, rest = latents[:, :, :1], latents[:, :, 1:]
        pixels, cache = self.decoder(first, conv_cache=conv_cache)
        parts = [pixels]
        with _doubling_every_frame(self.decoder):
            for chunk in rest.split(self.size, dim=2):
                pixels, cache = self.decoder(chunk, conv_cache=cache)
                parts.append(pixels)
        return torch.cat(parts, dim=2), None


@contextmanager
def _doubling_every_frame(decoder: nn.Module) -> Iterator[None]:
    """Upsamplers in time double a lone frame too, which diffusers takes for the clip's first."""
    modules = [m for m in decoder.modules() if isinstance(m, CogVideoXUpsample3D)]
    modules = [m for m in modules if m.compress_time]
    before = [vars(m).get("forward") for m in modules]
    for module in modules:
        module.forward = partial(_upsample, module)
    try:
        yield
    finally:
        for module, forward in zip(modules, before, strict=True):
            del module.forward
            if forward is not None:
                module.forward = forward


def _upsample(module: CogVideoXUpsample3D, inputs: Tensor) -> Tensor:
    doubled = F.interpolate(inputs, scale_factor=2.0)
    convolved = module.conv(doubled.transpose(1, 2).flatten(0, 1))
    return convolved.unflatten(0, (inputs.shape[0], -1)).transpose(1, 2)


def _require_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise RuntimeError(f"the VAE made {name} of {tuple(tensor.shape)}, expected {shape}")
