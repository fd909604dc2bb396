"""What a model reads beside the noise: masks and masked video as latents, per layout.

Sampling and training both come through here, so that they cannot drift apart.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLCogVideoX
from jaxtyping import Float
from torch import Tensor

from .layout import Layout
from .vae import encode, latent_shape

REFERENCE_NOISE = 0.0563  # CogVideoX-Fun: noise_aug_strength of its inpainting pipeline
# VOID's predict_v2v: three levels; its quadmask's overlap (192/255) lands on the upper one.
THREE_LEVELS = (0.25, 0.75)
MIDDLE_LEVEL = 127 / 255


@torch.no_grad()
def build_conditioning(
    layout: Layout,
    vae: AutoencoderKLCogVideoX,
    pixels: Float[Tensor, "b 3 t h w"],
    mask: Float[Tensor, "b 1 t h w"],
    *,
    reference_noise: float = 0.0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "b t2 c h2 w2"]:
    """The latents that follow the noise along the channel axis, float32.

    `pixels` in -1..1, `mask` in 0..1, 1 = edit. Keyframes are pixels with a zero mask. Where a
    layout draws (reference noise; the first frame of i2v), `generator` on the CPU feeds it;
    without one, i2v takes the most likely latent.
    """
    levels = edit_mask(layout, mask)
    b, _, t, h, w = latent_shape(vae, pixels)
    parts = [torch.zeros(b, 0, t, h, w, device=vae.device)]
    for channel in layout.channels:
        if channel == "mask":
            parts.append(_mask_latents(layout, vae, levels))
        elif channel == "video":
            video = fill_hole(pixels, levels, layout.hole_fill)
            video = add_reference_noise(video, reference_noise, generator)
            parts.append(encode(vae, video))
        elif channel == "first_frame":
            parts.append(_first_frame_latents(vae, pixels, generator))
    conditioning = torch.cat(parts, dim=1)
    if layout.mask_encoding == "resized":
        conditioning = conditioning * (~_all_masked(levels)).to(conditioning)
    return conditioning.transpose(1, 2)


def drop_source(conditioning: Float[Tensor, "*b t c h w"]) -> Float[Tensor, "*b t c h w"]:
    """What stands for no source at all, in training (InsViE, 4.2) and in guidance."""
    return torch.zeros_like(conditioning)


def edit_mask(layout: Layout, mask: Tensor) -> Tensor:
    """The mask at the levels the layout knows, 1 = edit."""
    if layout.mask_threshold is not None:
        return (mask >= layout.mask_threshold).to(mask.dtype)
    if layout.mask_encoding != "vae":
        return mask
    low, high = THREE_LEVELS
    middle = torch.where(mask < low, 0.0, MIDDLE_LEVEL)
    return torch.where(mask > high, 1.0, middle).to(mask.dtype)


def mask_to_latent(
    mask: Float[Tensor, "b 1 t h w"], latent_size: tuple[int, int, int]
) -> Float[Tensor, "b 1 t2 h2 w2"]:
    """A mask on the latent grid: the first frame alone, the others blended over time.

    The first latent frame stands for one frame, each later one for four.
    """
    t, h, w = latent_size
    first = _resize(mask[:, :, :1], (1, h, w))
    if t == 1:
        return first
    return torch.cat([first, _resize(mask[:, :, 1:], (t - 1, h, w))], dim=2)


def fill_hole(pixels: Tensor, mask: Tensor, value: float | None) -> Tensor:
    """Pixels with the masked ones replaced by `value`, or as they are without one."""
    if value is None:
        return pixels
    return torch.where(mask > 0.5, value, pixels)


def add_reference_noise(
    pixels: Tensor, strength: float, generator: torch.Generator | None
) -> Tensor:
    """Noise on every pixel value that is not exactly -1 (CogVideoX-Fun)."""
    if strength == 0.0:
        return pixels
    noise = torch.randn(pixels.shape, generator=generator).to(pixels) * strength
    return torch.where(pixels == -1, pixels, pixels + noise)


def pad_latent_frames(
    latents: Float[Tensor, "b t c h w"], patch_time: int | None
) -> Float[Tensor, "b t2 c h w"]:
    """A single latent frame with zero frames appended up to the temporal patch."""
    missing = (patch_time or 1) - latents.shape[1]
    if missing <= 0:
        return latents
    return F.pad(latents, (0, 0, 0, 0, 0, 0, 0, missing))


def _mask_latents(layout: Layout, vae: AutoencoderKLCogVideoX, levels: Tensor) -> Tensor:
    values = 1 - levels if layout.mask_polarity == "keep" else levels
    values = values.to(vae.device, torch.float32)
    if layout.mask_encoding == "vae":
        return encode(vae, values.expand(-1, 3, -1, -1, -1))
    return mask_to_latent(values, latent_shape(vae, levels)[2:]) * vae.config.scaling_factor


def _first_frame_latents(
    vae: AutoencoderKLCogVideoX, pixels: Tensor, generator: torch.Generator | None
) -> Tensor:
    """The first frame's latent, followed by zeros (CogVideoX image-to-video)."""
    first = encode(vae, pixels[:, :, :1], mode=generator is None, generator=generator)
    if vae.config.invert_scale_latents:  # CogVideoX 1.5 I2V was trained on latents / factor
        first = first / vae.config.scaling_factor**2
    frames = latent_shape(vae, pixels)[2]
    return F.pad(first, (0, 0, 0, 0, 0, frames - 1))


def _resize(mask: Tensor, size: tuple[int, int, int]) -> Tensor:
    return F.interpolate(mask, size=size, mode="trilinear", align_corners=False)


def _all_masked(mask: Tensor) -> Tensor:
    """Per sample: nothing of the video is given, which these models know as all zeros."""
    return (mask > 0.5).flatten(1).all(1).view(-1, 1, 1, 1, 1)
