"""The model's own work on one window of time: condition, denoise, decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..inpainter import Draw, OnStage, Region
from ..settings import Sampler, Settings
from .bundle import ModelBundle
from .conditioning import REFERENCE_NOISE, build_conditioning
from .guidance import guided_predictor
from .preview import LatentPreview
from .rotary import rotary_embedding
from .sampling import NoiseSchedule, denoise
from .text import EncodedCaption
from .vae import decode

STREAM_STRIDE, REFERENCE_STREAM = 2**40, 1  # noise of other purposes is drawn apart
DEFAULT_SAMPLER: Sampler = "ddim"


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """Runs a CogVideoX model on windows."""

    bundle: ModelBundle
    settings: Settings
    device: torch.device
    on_stage: OnStage

    def render(self, region: Region, draws: Sequence[Draw]) -> Float[Tensor, "b t h w 3"]:
        """One result a draw, on the CPU, about 0..1."""
        pixels, hole = self._input(region)
        condition = self._condition(pixels, hole, draws)
        self.on_stage("encode", 1, 1, None)
        latents = self._denoise(condition, pixels, draws)
        self.on_stage("decode", 0, 1, None)
        edited = torch.stack([self._decode(one[None], pixels.shape[2]) for one in latents])
        self.on_stage("decode", 1, 1, None)
        return edited

    def _input(self, region: Region) -> tuple[Tensor, Tensor]:
        """Pixels [1, 3, T, H, W] in -1..1 and mask [1, 1, T, H, W]."""
        pixels = region.pixels.permute(3, 0, 1, 2)[None] * 2 - 1
        hole = torch.ones(pixels.shape[2:]) if region.hole is None else region.hole
        return pixels.to(self.device), hole[None, None].to(self.device)

    def _condition(
        self, pixels: Tensor, mask: Tensor, draws: Sequence[Draw]
    ) -> Float[Tensor, "b t c h w"]:
        """One for all draws, but where a layout draws noise of its own."""
        noise = REFERENCE_NOISE if self.bundle.layout.version == "1.1" else 0.0
        parts = [
            build_conditioning(
                self.bundle.layout,
                self.bundle.vae,
                pixels,
                mask,
                reference_noise=noise,
                generator=_generator(draw, REFERENCE_STREAM),
            )
            for draw in (draws if noise else draws[:1])
        ]
        return torch.cat(parts)

    def _denoise(
        self, condition: Tensor, pixels: Tensor, draws: Sequence[Draw]
    ) -> Float[Tensor, "b t 16 h w"]:
        """Latents sampled from noise, one row a draw."""
        generators = [_generator(draw) for draw in draws]
        shape = (condition.shape[1], self.bundle.layout.noise_channels, *condition.shape[-2:])
        noise = torch.stack([torch.randn(shape, generator=g) for g in generators])
        negative = draws[0].negative
        predict = guided_predictor(
            self.bundle.transformer,
            condition,
            torch.cat([_embeds(draw.prompt.data) for draw in draws]),
            None if negative is None else _embeds(negative.data),
            guidance=self.settings.guidance_scales[0],
            rotary=self._rotary(shape),
        )
        preview = LatentPreview(condition[0, :, -16:], pixels[0].transpose(0, 1))

        def on_step(done: int, total: int, clean: Tensor) -> None:
            self.on_stage("denoise", done, total, torch.cat([preview(one) for one in clean]))

        return denoise(
            predict,
            noise.to(condition.device),
            NoiseSchedule.from_config(self.bundle.schedule),
            steps=self.settings.steps,
            sampler="dpm" if self.settings.sampler == "dpm" else DEFAULT_SAMPLER,
            generators=generators,
            on_step=on_step,
        )

    def _decode(self, latents: Float[Tensor, "1 t 16 h w"], frames: int) -> Tensor:
        decoded = decode(self.bundle.vae, latents.transpose(1, 2), frames=frames)
        return ((decoded[0].permute(1, 2, 3, 0) + 1) / 2).cpu()

    def _rotary(self, shape: tuple[int, ...]) -> tuple[Tensor, Tensor] | None:
        frames = max(shape[0], self.bundle.geometry.patch_time or 1)
        size = (frames, shape[-2], shape[-1])
        return rotary_embedding(self.bundle.transformer.config, size, device=self.device)


def _embeds(caption: EncodedCaption) -> Tensor:
    return caption.embeds


def _generator(draw: Draw, stream: int = 0) -> torch.Generator:
    """Random numbers of one purpose: the same whatever ran before."""
    return torch.Generator().manual_seed((draw.seed + STREAM_STRIDE * stream) % 2**63)
