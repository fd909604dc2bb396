"""The model's own work on one window of time: condition, denoise, decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ..inpainter import Draw, OnStage, Region
from ..settings import Sampler, Settings
from .bundle import ModelBundle
from .conditioning import REFERENCE_NOISE, build_conditioning, drop_source
from .guidance import Predict, Reading, guided_predictor, weighted_predictor
from .preview import LatentPreview
from .rotary import rotary_embedding
from .sampling import NoiseSchedule, OnStep, denoise, invert, timestep_pairs
from .text import EncodedCaption
from .vae import decode, encode
from .work import inverts, step_weights

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
        layout, frames = self.bundle.layout, len(region.pixels)
        pixels, before = self._pixels(region.pixels), self._pixels(region.before)
        hole = torch.ones(region.pixels.shape[:3]) if region.hole is None else region.hole
        mask = hole[None, None].to(self.device)
        condition = self._condition(before if layout.follows_instructions else pixels, mask, draws)
        held = self._first_latent(pixels) if self._holds_first(region) else None
        self.on_stage("encode", 1, 1, None)
        preview = LatentPreview(condition[0, :, -16:], pixels[0].transpose(0, 1))
        generators = [_generator(draw) for draw in draws]
        if inverts(layout, self.settings):
            start = self._inverted(before, mask, draws, preview)
        else:
            shape = (condition.shape[1], layout.noise_channels, *condition.shape[-2:])
            start = torch.stack([torch.randn(shape, generator=g) for g in generators])
        latents = denoise(
            self._predictor(condition, draws),
            start.to(condition.device),
            self._schedule,
            steps=self.settings.steps,
            sampler="dpm" if self.settings.sampler == "dpm" else DEFAULT_SAMPLER,
            generators=generators,
            on_step=self._shown(preview, after=self._inversion_steps),
            held=held,
        )
        self.on_stage("decode", 0, 1, None)
        edited = torch.stack([self._decode(one[None], frames) for one in latents])
        self.on_stage("decode", 1, 1, None)
        return edited

    def _pixels(self, frames: Float[Tensor, "t h w 3"]) -> Float[Tensor, "1 3 t h w"]:
        """In -1..1, on the device."""
        return (frames.permute(3, 0, 1, 2)[None] * 2 - 1).to(self.device)

    def _holds_first(self, region: Region) -> bool:
        """Models that read a mask know by it which frames are finished; these do not."""
        return self.bundle.layout.follows_instructions and region.starts_finished

    def _first_latent(self, pixels: Tensor) -> Float[Tensor, "1 1 c h w"]:
        """Of a finished first frame, encoded in its clip: alone it would have another one."""
        return encode(self.bundle.vae, pixels).transpose(1, 2)[:, :1]

    def _condition(
        self, pixels: Tensor, mask: Tensor, draws: Sequence[Draw]
    ) -> Float[Tensor, "b t c h w"]:
        """One for all draws, but where a layout draws noise of its own."""
        layout = self.bundle.layout
        noise = REFERENCE_NOISE if layout.version == "1.1" else 0.0
        parts = [
            build_conditioning(
                layout,
                self.bundle.vae,
                pixels,
                mask,
                reference_noise=noise,
                generator=None if layout.animates else _generator(draw, REFERENCE_STREAM),
            )
            for draw in (draws if noise else draws[:1])
        ]
        return torch.cat(parts)

    def _predictor(self, condition: Tensor, draws: Sequence[Draw]) -> Predict:
        """With the guidance that the settings ask for."""
        bundle, prompts = self.bundle, torch.cat([_embeds(draw.prompt.data) for draw in draws])
        negative = None if draws[0].negative is None else _embeds(draws[0].negative.data)
        rotary = self._rotary(condition)
        if not bundle.layout.follows_instructions:
            guidance = self.settings.guidance_scales[0]
            return guided_predictor(
                bundle.transformer, condition, prompts, negative, guidance, rotary
            )
        assert negative is not None, "models of instructions read the negative caption"
        pairs = timestep_pairs(self.settings.steps, self._schedule)
        weights = {t: step_weights(bundle.layout, self.settings, t) for t, _ in pairs}
        readings = (
            Reading(text=negative, conditioning=drop_source(condition)),
            Reading(text=negative, conditioning=condition),
            Reading(text=prompts, conditioning=condition),
        )
        return weighted_predictor(bundle.transformer, readings, weights.__getitem__, rotary)

    def _inverted(
        self, before: Tensor, mask: Tensor, draws: Sequence[Draw], preview: LatentPreview
    ) -> Float[Tensor, "b t 16 h w"]:
        """The noise from which the model makes the clip before the edit, for every draw."""
        negative = draws[0].negative
        assert negative is not None, "models that animate read the negative caption"
        condition = self._condition(before, mask, draws)
        predict = guided_predictor(
            self.bundle.transformer,
            condition,
            _embeds(negative.data),
            None,
            1.0,
            self._rotary(condition),
        )
        noise = invert(
            predict,
            encode(self.bundle.vae, before).transpose(1, 2),
            self._schedule,
            steps=self.settings.steps,
            on_step=self._shown(preview),
        )
        return noise.expand(len(draws), -1, -1, -1, -1)

    def _shown(self, preview: LatentPreview, *, after: int = 0) -> OnStep:
        """Tells steps of denoising, which come after others."""

        def on_step(done: int, total: int, clean: Tensor) -> None:
            shown = torch.cat([preview(one) for one in clean])
            self.on_stage("denoise", after + done, self._inversion_steps + total, shown)

        return on_step

    @property
    def _inversion_steps(self) -> int:
        return self.settings.steps if inverts(self.bundle.layout, self.settings) else 0

    @cached_property
    def _schedule(self) -> NoiseSchedule:
        return NoiseSchedule.from_config(self.bundle.schedule)

    def _decode(self, latents: Float[Tensor, "1 t 16 h w"], frames: int) -> Tensor:
        decoded = decode(self.bundle.vae, latents.transpose(1, 2), frames=frames)
        return ((decoded[0].permute(1, 2, 3, 0) + 1) / 2).cpu()

    def _rotary(self, condition: Float[Tensor, "b t c h w"]) -> tuple[Tensor, Tensor] | None:
        frames = max(condition.shape[1], self.bundle.geometry.patch_time or 1)
        size = (frames, condition.shape[-2], condition.shape[-1])
        return rotary_embedding(self.bundle.transformer.config, size, device=self.device)


def _embeds(caption: EncodedCaption) -> Tensor:
    return caption.embeds


def _generator(draw: Draw, stream: int = 0) -> torch.Generator:
    """Random numbers of one purpose: the same whatever ran before."""
    return torch.Generator().manual_seed((draw.seed + STREAM_STRIDE * stream) % 2**63)
