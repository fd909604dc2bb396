"""Train a tiny CogVideoX VAE on procedural scenes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.amp import autocast

from ..build import LATENT_SCALE, build_vae
from ..scenes.shapes import HELD_OUT_SEED, draw_scene


@dataclass(frozen=True, kw_only=True)
class VaeConfig:
    """A CogVideoX VAE of three levels: 4x4 in space, 4x in time, 16 latent channels."""

    channels: tuple[int, ...] = (16, 32, 48)
    layers_per_block: int = 1
    norm_groups: int = 4
    size: int = 64
    # (frames, batch, share of the steps)
    draws: tuple[tuple[int, int, float], ...] = ((17, 2, 0.4), (9, 4, 0.4), (1, 16, 0.2))
    edge_weight: float = 0.5
    square_weight: float = 5.0
    kl_weight: float = 2e-4
    scale_weight: float = 0.05
    bfloat16: bool = True


def scene_pixels(seed: int, *, frames: int, size: int) -> Tensor:
    """One scene as [3, T, H, W] in -1..1."""
    pixels = torch.from_numpy(draw_scene(seed, frames=frames, height=size, width=size).render())
    return pixels.permute(3, 0, 1, 2) * 2 - 1


class VaeTask:
    """L1 + edges + squares + KL, on fresh scenes every step."""

    def __init__(self, config: VaeConfig) -> None:
        self.config = config
        self.vae = build_vae(
            config.channels,
            layers_per_block=config.layers_per_block,
            norm_groups=config.norm_groups,
        ).train()
        self._held_out = torch.stack(
            [scene_pixels(HELD_OUT_SEED + i, frames=17, size=config.size) for i in range(8)]
        )

    def parameters(self) -> list[nn.Parameter]:
        return list(self.vae.parameters())

    def matrices(self) -> list[nn.Parameter]:
        return []

    def loss(self, generator: torch.Generator) -> dict[str, Tensor]:
        clip = self._draw(generator)
        with autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            posterior = self.vae.encode(clip).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator)
            decoded = self.vae.decode(posterior.mean + posterior.std * noise).sample
        return self._losses(clip, decoded.float(), posterior)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        decoded = torch.cat([self._round_trip(clip[None]) for clip in self._held_out])
        first = torch.cat([self._round_trip(clip[None, :, :1]) for clip in self._held_out])
        return {
            "psnr": _psnr(decoded, self._held_out),
            "psnr_image": _psnr(first, self._held_out[:, :, :1]),
        }

    def _round_trip(self, clip: Tensor) -> Tensor:
        return self.vae.decode(self.vae.encode(clip).latent_dist.mode()).sample.clamp(-1, 1)

    def _draw(self, generator: torch.Generator) -> Tensor:
        shares = torch.tensor([share for _, _, share in self.config.draws])
        frames, batch, _ = self.config.draws[int(torch.multinomial(shares, 1, generator=generator))]
        seeds = torch.randint(HELD_OUT_SEED, (batch,), generator=generator).tolist()
        clips = [scene_pixels(seed, frames=frames, size=self.config.size) for seed in seeds]
        return torch.stack(clips)

    def _losses(self, clip: Tensor, decoded: Tensor, posterior) -> dict[str, Tensor]:
        c, error = self.config, decoded - clip
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        scale = (mean.std() - 1 / LATENT_SCALE).square()
        loss = error.abs().mean() + c.edge_weight * edges
        loss = loss + c.square_weight / 4 * error.square().mean()
        loss = loss + c.kl_weight * kl + c.scale_weight * scale
        psnr = 10 * torch.log10(4 / error.detach().square().mean())
        return {"loss": loss, "psnr": psnr, "kl": kl, "latent_std": mean.std()}


def _psnr(a: Tensor, b: Tensor) -> float:
    """In dB, for pixels in -1..1."""
    return float(10 * torch.log10(4 / (a - b).square().mean()))
