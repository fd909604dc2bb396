"""Train the transformer: the text-to-video base, and the VIVID recipe on top of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.amp import autocast

from ...cogvideox.rotary import rotary_embedding
from ...cogvideox.sampling import NoiseSchedule
from ..scenes.captions import without_color, without_shape
from .cache import Sample, VariantCache
from .sampler import Medium, RecipeConfig, SamplePool, draw_medium, draw_samples
from .window import window_around

_BLOCK_WEIGHT = re.compile(r"^transformer_blocks\.\d+\.(attn1|ff)\.")


class _Batch(NamedTuple):
    """Samples with their latents [b, t, c, h, w]; `conditions` are None for text to video."""

    samples: list[Sample]
    clean: Tensor
    conditions: Tensor | None


class DiffusionTask:
    """Predict v for noised latents, given captions and (for VIVID) the conditioning channels.

    The target is v-prediction under zero terminal SNR (VIVID, app. B); plain MSE on v equals the
    1/(1-abar)-weighted loss on x0 of the public CogVideoX scripts. `trained` are the parameters
    this stage may change. `mask_level` is what the mask channel holds where pixels are kept.
    """

    def __init__(
        self,
        *,
        transformer: Any,
        text_encoder: nn.Module,
        tokenizer,
        schedule: dict,
        caches: dict[Medium, VariantCache],
        held_out: dict[Medium, VariantCache],
        recipe: RecipeConfig,
        trained: list[nn.Parameter],
        conditioned: bool,
        text_tokens: int,
        mask_level: float,
    ) -> None:
        self.transformer, self.text_encoder = transformer.train(), text_encoder
        self.tokenizer, self.text_tokens = tokenizer, text_tokens
        self.schedule = NoiseSchedule.from_config(schedule)
        self.caches, self.held_out, self.recipe = caches, held_out, recipe
        self.trained, self.conditioned, self.mask_level = trained, conditioned, mask_level
        self._pools = {m: _pool(cache, conditioned) for m, cache in caches.items()}
        self._scene_pools = {m: _pool(cache, conditioned=False) for m, cache in caches.items()}
        self._held_out = {m: _indices(cache, conditioned) for m, cache in held_out.items()}

    def parameters(self) -> list[nn.Parameter]:
        return self.trained

    def matrices(self) -> list[nn.Parameter]:
        """Weights of attention and feed-forward layers, LoRA included."""
        trained = {id(p) for p in self.trained}
        return [
            p
            for name, p in self.transformer.named_parameters()
            if p.ndim == 2 and id(p) in trained and _BLOCK_WEIGHT.search(name)
        ]

    def slow(self) -> list[nn.Parameter]:
        """The text encoder, where it is trained."""
        trained = {id(p) for p in self.trained}
        return [p for p in self.text_encoder.parameters() if id(p) in trained]

    def loss(self, generator: torch.Generator) -> dict[str, Tensor]:
        recipe, medium = self.recipe, draw_medium(self.recipe, generator)
        cache = self.caches[medium]
        count = recipe.image_batch if medium == "image" else recipe.video_batch
        scenes = _happens(recipe.scene_share, generator)
        pool = (self._scene_pools if scenes else self._pools)[medium]
        picked = draw_samples(pool, count, recipe, generator)
        t = (_uniform((count,), generator) ** recipe.noise_power * len(self.schedule)).long()
        batch = self._batch(cache, picked)
        if recipe.window and not scenes and not _happens(recipe.whole_share, generator):
            batch = _around_holes(batch, recipe.window, self.mask_level, generator)
        loss = self._velocity_loss(batch, t, generator, weight=recipe.hole_weight)
        return {"loss": loss, medium: loss}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The unweighted loss on held-out scenes, with the same noise every time."""
        values = {}
        for medium, cache in self.held_out.items():
            pool, generator = self._held_out[medium], torch.Generator().manual_seed(7)
            losses = []
            for i in range(0, min(128, len(pool)), 32):
                batch = self._batch(cache, pool[i : i + 32])
                t = torch.randint(len(self.schedule), (len(batch.samples),), generator=generator)
                losses.append(float(self._velocity_loss(batch, t, generator, weight=1)))
            values[f"held_out_{medium}"] = sum(losses) / len(losses)
        return values

    def _batch(self, cache: VariantCache, picked: list[int]) -> _Batch:
        samples = [cache.samples[i] for i in picked]
        clean = torch.stack([cache.targets[s.target] for s in samples]).float().transpose(1, 2)
        if not self.conditioned:
            return _Batch(samples, clean, None)
        channels = self.transformer.config.in_channels - clean.shape[2]
        nothing = clean.new_zeros(channels, clean.shape[1], *clean.shape[3:])
        conditions = [
            cache.conditions[s.condition].float() if s.condition >= 0 else nothing for s in samples
        ]
        return _Batch(samples, clean, torch.stack(conditions).transpose(1, 2))

    def _velocity_loss(
        self, batch: _Batch, t: Tensor, generator: torch.Generator, *, weight: float
    ) -> Tensor:
        """Mean squared error of v; the hole counts `weight` times as much as the rest."""
        clean, noise = batch.clean, torch.randn(batch.clean.shape, generator=generator)
        inputs = self.schedule.add_noise(clean, noise, t)
        if batch.conditions is not None:
            inputs = torch.cat([inputs, batch.conditions], dim=2)
        with autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
            predicted = self.transformer(
                hidden_states=inputs,
                encoder_hidden_states=self._embed(batch.samples, generator),
                timestep=t,
                image_rotary_emb=self._positions(clean.shape[1], clean.shape[3]),
                return_dict=False,
            )[0]
        squares = (predicted.float() - self.schedule.velocity(clean, noise, t)).square()
        if batch.conditions is None:
            return squares.mean()
        return hole_weighted_mean(squares, batch.conditions[:, :, :1] / self.mask_level, weight)

    def _positions(self, frames: int, size: int) -> tuple[Tensor, Tensor] | None:
        """Rotary positions of a window: those of the first corner, for only distances count."""
        config = self.transformer.config
        sides = config.sample_height // config.patch_size, config.sample_width // config.patch_size
        whole = rotary_embedding(config, (frames, config.sample_height, config.sample_width))
        if whole is None or size == config.sample_height == config.sample_width:
            return whole
        n = size // config.patch_size
        cos, sin = (part.unflatten(0, (frames, *sides))[:, :n, :n].flatten(0, 2) for part in whole)
        return cos, sin

    def _embed(self, samples: list, generator: torch.Generator) -> Tensor:
        captions = [self._draw_caption(sample, generator) for sample in samples]
        ids = self.tokenizer(
            captions, padding="max_length", max_length=self.text_tokens, return_tensors="pt"
        ).input_ids
        return self.text_encoder(ids)[0]

    def _draw_caption(self, sample: Sample, generator: torch.Generator) -> str:
        recipe = self.recipe
        caption = sample.captions[int(torch.randint(len(sample.captions), (), generator=generator))]
        if _happens(recipe.caption_dropout, generator):
            return ""
        if sample.task == "add" and _happens(recipe.word_dropout, generator):
            caption = without_color(caption)
        if sample.task == "add" and _happens(recipe.word_dropout, generator):
            caption = without_shape(caption)
        return caption


def hole_weighted_mean(
    squares: Float[Tensor, "b t c h w"], kept: Float[Tensor, "b t 1 h w"], weight: float
) -> Float[Tensor, ""]:
    """The mean in which each latent of the hole (`kept` 0) counts `weight` times one outside it.

    Ours: a small model otherwise spends most of its training on pixels that are pasted back.
    """
    weights = 1 + (weight - 1) * (1 - kept).clamp(0, 1)
    return (weights * squares).mean() / weights.mean()


def _around_holes(
    batch: _Batch, side: int, mask_level: float, generator: torch.Generator
) -> _Batch:
    """Each sample cut to a window with its hole inside, or its middle where it is larger."""
    if batch.conditions is None:
        return batch
    clean, conditions = [], []
    for target, condition in zip(batch.clean, batch.conditions, strict=True):
        hole = (condition[:, 0] < mask_level * 0.99).any(dim=0)
        rows = window_around(hole.any(dim=1), side, generator)
        columns = window_around(hole.any(dim=0), side, generator)
        clean.append(target[:, :, rows, columns])
        conditions.append(condition[:, :, rows, columns])
    return _Batch(batch.samples, torch.stack(clean), torch.stack(conditions))


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator)


def _happens(share: float, generator: torch.Generator) -> bool:
    """Draws nothing where the share is 0."""
    return share > 0 and float(_uniform((), generator)) < share


def _pool(cache: VariantCache, conditioned: bool) -> SamplePool:
    return SamplePool.of([s.task for s in cache.samples], _indices(cache, conditioned))


def _indices(cache: VariantCache, conditioned: bool) -> list[int]:
    return [i for i, s in enumerate(cache.samples) if (s.condition >= 0) == conditioned]
