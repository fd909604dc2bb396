"""Train a tiny CogVideoX VAE on procedural scenes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp import autocast

from ..build import LATENT_SCALE, build_vae
from ..scenes.shapes import HELD_OUT_SEED, Scene, draw_scene


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
    # Ours: things are small, and what tells a shape is a few pixels of its outline.
    thing_weight: float = 1.0  # of the loss on things, beside 1 for the ground
    smallest_thing: float = 1.0  # things are drawn at this share of their radius, up to all of it
    bfloat16: bool = True

    def __post_init__(self) -> None:
        if self.thing_weight <= 0 or not 0 < self.smallest_thing <= 1:
            raise ValueError("thing_weight must be above 0, smallest_thing above 0 and at most 1")


class _Clip(NamedTuple):
    """Clips [b, 3, t, h, w] in -1..1, and where they show a thing, [b, 1, t, h, w] in 0..1."""

    pixels: Tensor
    things: Tensor


def scene_pixels(scene: Scene) -> Tensor:
    """[3, T, H, W] in -1..1."""
    return torch.from_numpy(scene.render()).permute(3, 0, 1, 2) * 2 - 1


def shrink_things(scene: Scene, smallest: float, rng: np.random.Generator) -> Scene:
    """Each thing at `smallest` of its radius or more, at most all of it."""
    things = [
        replace(thing, radius=thing.radius * float(rng.uniform(smallest, 1)))
        for thing in scene.things
    ]
    return replace(scene, things=tuple(things))


def _thing_pixels(scene: Scene) -> Tensor:
    """Where any thing is seen, [1, T, H, W] in 0..1."""
    masks = [scene.mask(i, visible=False) for i in range(len(scene.things))]
    return torch.from_numpy(np.max(masks, axis=0))[None]


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
            [scene_pixels(self._scene(HELD_OUT_SEED + i, frames=17)) for i in range(8)]
        )

    def parameters(self) -> list[nn.Parameter]:
        return list(self.vae.parameters())

    def matrices(self) -> list[nn.Parameter]:
        return []

    def slow(self) -> list[nn.Parameter]:
        return []

    def loss(self, generator: torch.Generator) -> dict[str, Tensor]:
        clip = self._draw(generator)
        with autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            posterior = self.vae.encode(clip.pixels).latent_dist
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

    def _draw(self, generator: torch.Generator) -> _Clip:
        shares = torch.tensor([share for _, _, share in self.config.draws])
        frames, batch, _ = self.config.draws[int(torch.multinomial(shares, 1, generator=generator))]
        seeds = torch.randint(HELD_OUT_SEED, (batch,), generator=generator).tolist()
        scenes = [
            shrink_things(
                self._scene(seed, frames=frames),
                self.config.smallest_thing,
                np.random.default_rng([seed, 5]),
            )
            for seed in seeds
        ]
        return _Clip(
            pixels=torch.stack([scene_pixels(scene) for scene in scenes]),
            things=torch.stack([_thing_pixels(scene) for scene in scenes]),
        )

    def _scene(self, seed: int, *, frames: int) -> Scene:
        return draw_scene(seed, frames=frames, height=self.config.size, width=self.config.size)

    def _losses(self, clip: _Clip, decoded: Tensor, posterior) -> dict[str, Tensor]:
        c, error = self.config, decoded - clip.pixels
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        scale = (mean.std() - 1 / LATENT_SCALE).square()
        weight = 1 + (c.thing_weight - 1) * clip.things
        weight = weight / weight.mean()
        edges = (weight[..., 1:] * error.diff(dim=-1).abs()).mean()
        edges = edges + (weight[..., 1:, :] * error.diff(dim=-2).abs()).mean()
        loss = (weight * error.abs()).mean() + c.edge_weight * edges
        loss = loss + c.square_weight / 4 * (weight * error.square()).mean()
        loss = loss + c.kl_weight * kl + c.scale_weight * scale
        psnr = 10 * torch.log10(4 / error.detach().square().mean())
        return {"loss": loss, "psnr": psnr, "kl": kl, "latent_std": mean.std()}


def _psnr(a: Tensor, b: Tensor) -> float:
    """In dB, for pixels in -1..1."""
    return float(10 * torch.log10(4 / (a - b).square().mean()))
