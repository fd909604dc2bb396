"""Train the transformer: the text-to-video base, and the VIVID recipe on top of it."""

from __future__ import annotations

import re

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..edit.sampling import NoiseSchedule
from ..model.rotary import rotary_embedding
from .cache import VariantCache
from .sampler import Medium, RecipeConfig, draw_medium, draw_samples

_BLOCK_WEIGHT = re.compile(r"^transformer_blocks\.\d+\.(attn1|ff)\.")


class DiffusionTask:
    """Predict v for noised latents, given captions and (for VIVID) the conditioning channels.

    The target is v-prediction under zero terminal SNR (VIVID, app. B); plain MSE on v equals the
    1/(1-abar)-weighted loss on x0 of the public CogVideoX scripts. `trained` are the parameters
    this stage may change. `mask_level` is what the mask channel holds where pixels are kept.
    """

    def __init__(
        self,
        *,
        transformer: nn.Module,
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
        self._held_out_pools = {m: _pool(cache, conditioned) for m, cache in held_out.items()}

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

    def loss(self, generator: torch.Generator) -> dict[str, Tensor]:
        medium = draw_medium(self.recipe, generator)
        count = self.recipe.image_batch if medium == "image" else self.recipe.video_batch
        pool = self._pools[medium]
        tasks = [self.caches[medium].samples[i].task for i in pool]
        picked = [pool[i] for i in draw_samples(tasks, count, self.recipe, generator)]
        weight = self.recipe.hole_weight
        loss = self._velocity_loss(self.caches[medium], picked, generator, weight=weight)
        return {"loss": loss, medium: loss}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The unweighted loss on held-out scenes, with the same noise every time."""
        values = {}
        for medium, cache in self.held_out.items():
            pool, generator = self._held_out_pools[medium], torch.Generator().manual_seed(7)
            losses = [
                float(self._velocity_loss(cache, pool[i : i + 32], generator, weight=1))
                for i in range(0, min(128, len(pool)), 32)
            ]
            values[f"held_out_{medium}"] = sum(losses) / len(losses)
        return values

    def _velocity_loss(
        self, cache: VariantCache, picked: list[int], generator: torch.Generator, *, weight: float
    ) -> Tensor:
        """Mean squared error of v; the hole counts `weight` times as much as the rest."""
        samples = [cache.samples[i] for i in picked]
        clean = torch.stack([cache.targets[s.target] for s in samples]).float().transpose(1, 2)
        noise = torch.randn(clean.shape, generator=generator)
        t = torch.randint(len(self.schedule), (len(samples),), generator=generator)
        noisy = self.schedule.add_noise(clean, noise, t)
        inputs = noisy
        if self.conditioned:
            conditions = torch.stack([cache.conditions[s.condition] for s in samples])
            inputs = torch.cat([noisy, conditions.float().transpose(1, 2)], dim=2)
        predicted = self.transformer(
            hidden_states=inputs,
            encoder_hidden_states=self._embed(samples, generator),
            timestep=t,
            image_rotary_emb=rotary_embedding(
                self.transformer.config, (clean.shape[1], clean.shape[-2], clean.shape[-1])
            ),
            return_dict=False,
        )[0]
        squares = (predicted - self.schedule.velocity(clean, noise, t)).square()
        if not self.conditioned:
            return squares.mean()
        kept = inputs[:, :, clean.shape[2] : clean.shape[2] + 1] / self.mask_level
        return hole_weighted_mean(squares, kept, weight)

    def _embed(self, samples: list, generator: torch.Generator) -> Tensor:
        captions = []
        for sample in samples:
            choice = int(torch.randint(len(sample.captions), (), generator=generator))
            dropped = float(torch.rand((), generator=generator)) < self.recipe.caption_dropout
            captions.append("" if dropped else sample.captions[choice])
        ids = self.tokenizer(
            captions, padding="max_length", max_length=self.text_tokens, return_tensors="pt"
        ).input_ids
        return self.text_encoder(ids)[0]


def hole_weighted_mean(
    squares: Float[Tensor, "b t c h w"], kept: Float[Tensor, "b t 1 h w"], weight: float
) -> Float[Tensor, ""]:
    """The mean in which each latent of the hole (`kept` 0) counts `weight` times one outside it.

    Ours: a small model otherwise spends most of its training on pixels that are pasted back.
    """
    weights = 1 + (weight - 1) * (1 - kept).clamp(0, 1)
    return (weights * squares).mean() / weights.mean()


def _pool(cache: VariantCache, conditioned: bool) -> list[int]:
    return [i for i, s in enumerate(cache.samples) if (s.condition >= 0) == conditioned]
