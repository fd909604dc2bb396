"""The model's own work on one window of time: condition, denoise, decode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..edit.focus import FocusPlan
from ..edit.request import EditRequest
from ..runtime import Stage
from .bundle import ModelBundle
from .conditioning import REFERENCE_NOISE, build_conditioning
from .guidance import guided_predictor
from .preview import LatentPreview
from .rotary import rotary_embedding
from .sampling import NoiseSchedule, denoise
from .text import EncodedCaption
from .vae import decode

SEED_STRIDE = 1_000_003  # a prime: windows of neighbouring seeds never share their noise
STREAM_STRIDE, REFERENCE_STREAM = 2**40, 1  # noise of other purposes is drawn apart

OnStage = Callable[[Stage, int, int, Tensor | None], None]  # stage, done, total, preview frames


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One result to make: what it shows, and the seed of its noise."""

    caption: EncodedCaption
    seed: int


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """Runs a model on windows of one clip, all of them seen through the same focus plan.

    `request` says how the model samples; `negative` is None where its guidance is 1.
    """

    bundle: ModelBundle
    plan: FocusPlan
    request: EditRequest
    negative: EncodedCaption | None
    device: torch.device

    def render(
        self,
        pixels: Float[Tensor, "t h w 3"],
        hole: Float[Tensor, "t h w"],
        times: Sequence[int],
        draws: Sequence[Draw],
        *,
        on_stage: OnStage,
        window: int = 0,
    ) -> Float[Tensor, "b t h2 w2 3"]:
        """One result a draw: the model's pixels of the focus window, on the CPU, in 0..1.

        `pixels` (0..1, known frames in place) and `hole` (1 = generate) hold whole frames, of
        which the model sees `times`; the first len(pixels) of what it makes come back, in its
        order. `window` counts the windows of a clip: each has its own noise.
        """
        small, mask = self._model_input(pixels, hole, times)
        condition = self._condition(small, mask, draws, window)
        on_stage("encode", 1, 1, None)
        latents = self._denoise(condition, small, draws, window, on_stage)
        on_stage("decode", 0, 1, None)
        edited = torch.stack([self._decode(one[None], len(times)) for one in latents])
        on_stage("decode", 1, 1, None)
        return edited[:, : len(pixels)]

    def _model_input(
        self, pixels: Tensor, hole: Tensor, times: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Pixels [1, 3, T, H, W] in -1..1 and mask [1, 1, T, H, W] at the model's size."""
        seen = list(times)
        small = self.plan.crop(pixels)[seen].permute(0, 3, 1, 2) * 2 - 1
        mask = self.plan.crop(hole)[seen][:, None]
        small, mask = self.plan.to_model(small), self.plan.to_model(mask, mask=True)
        if self.plan.scale != 1:
            mask = (mask > 0).float()
        device = self.device
        return small.transpose(0, 1)[None].to(device), mask.transpose(0, 1)[None].to(device)

    def _condition(
        self, pixels: Tensor, mask: Tensor, draws: Sequence[Draw], window: int
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
                generator=_generator(draw, window, REFERENCE_STREAM),
            )
            for draw in (draws if noise else draws[:1])
        ]
        return torch.cat(parts)

    def _denoise(
        self,
        condition: Tensor,
        pixels: Tensor,
        draws: Sequence[Draw],
        window: int,
        on_stage: OnStage,
    ) -> Float[Tensor, "b t 16 h w"]:
        """Latents sampled from noise, one row a draw."""
        generators = [_generator(draw, window) for draw in draws]
        shape = (condition.shape[1], self.bundle.layout.noise_channels, *condition.shape[-2:])
        noise = torch.stack([torch.randn(shape, generator=g) for g in generators])
        predict = guided_predictor(
            self.bundle.transformer,
            condition,
            torch.cat([draw.caption.embeds for draw in draws]),
            self.negative.embeds if self.negative else None,
            guidance=self.request.guidance,
            rotary=self._rotary(shape),
        )
        preview = LatentPreview(condition[0, :, -16:], pixels[0].transpose(0, 1))

        def on_step(done: int, total: int, clean: Tensor) -> None:
            on_stage("denoise", done, total, torch.cat([preview(one) for one in clean]))

        return denoise(
            predict,
            noise.to(condition.device),
            NoiseSchedule.from_config(self.bundle.schedule),
            steps=self.request.steps,
            sampler=self.request.sampler,
            generators=generators,
            on_step=on_step,
        )

    def _decode(self, latents: Float[Tensor, "1 t 16 h w"], frames: int) -> Tensor:
        decoded = decode(self.bundle.vae, latents.transpose(1, 2), frames=frames).float()
        edited = self.plan.from_model(decoded[0].transpose(0, 1))
        return ((edited + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).cpu()

    def _rotary(self, shape: tuple[int, ...]) -> tuple[Tensor, Tensor] | None:
        frames = max(shape[0], self.bundle.geometry.patch_time or 1)
        size = (frames, shape[-2], shape[-1])
        return rotary_embedding(self.bundle.transformer.config, size, device=self.device)


def _generator(draw: Draw, window: int, stream: int = 0) -> torch.Generator:
    """Random numbers of one window: the same whatever ran before it."""
    seed = draw.seed + SEED_STRIDE * window + STREAM_STRIDE * stream
    return torch.Generator().manual_seed(seed % 2**63)
