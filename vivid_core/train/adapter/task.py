"""The loss of an adapter: predict v for noised latents of what a hole hides, or an edit shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ...cogvideox.bundle import ModelBundle
from ...cogvideox.conditioning import (
    REFERENCE_NOISE,
    build_conditioning,
    mask_to_latent,
    pad_latent_frames,
)
from ...cogvideox.identity import network_digest
from ...cogvideox.rotary import rotary_embedding
from ...cogvideox.sampling import NoiseSchedule
from ...cogvideox.text import encode_caption
from ...cogvideox.vae import encode, latent_shape
from ...data.frames import FrameStore
from ...files.digest import digest_of
from ..processes import Processes, compute_dtype
from .ahead import ReadAhead
from .cache import TensorCache
from .config import AdapterConfig
from .decoded import decoded_distance, require_perceptual
from .draws import Batch, draw_batch, possible_captions, sample_generator
from .model import TrainedModel
from .order import Order
from .rest import RestingEncoder

CACHE = "cache"  # in the training's folder
FIXED_SAMPLES = 4  # that the loss with fixed noise is measured on
FIXED_TIMES = (0.125, 0.375, 0.625, 0.875)  # of the schedule
FIXED_SEED = 7


class AdapterTask:
    """Losses of a training, one part of a batch after the other.

    `position` counts parts: `accumulate` of them make a step. It is all there is to resume, for
    each sample is drawn from the seed, the step and its place in the whole batch.
    """

    def __init__(
        self,
        model: TrainedModel,
        order: Order,
        config: AdapterConfig,
        *,
        size: tuple[int, int, int],
        device: torch.device,
        processes: Processes,
    ) -> None:
        self.model, self.order, self.config, self.size = model, order, config, size
        self.device, self.processes = device, processes
        self._distributed = processes.distribute(model.transformer)
        self.position = 0
        self.on_validate: Callable[[int], object] = _ignore  # is told the step
        self.schedule = NoiseSchedule.from_config(model.bundle.schedule)
        self.store, self._texts = FrameStore(), dict[str, Tensor]()
        self._encoder = RestingEncoder(model.bundle)
        self._perceptual = require_perceptual(config.recipe.lpips_weight)
        self._captions = possible_captions(order.samples, config.recipe)
        self._cache = TensorCache(
            config.out / CACHE if config.latent_cache else None,
            limit=config.latent_cache_bytes,
            writers=processes.count,
        )
        chosen = config.optimization
        self._ahead = ReadAhead(self._draw, end=chosen.steps * chosen.accumulate)

    @property
    def _bundle(self) -> ModelBundle:
        return self.model.bundle

    def parameters(self) -> list[nn.Parameter]:
        return self.model.parameters

    def matrices(self) -> list[nn.Parameter]:
        """The LoRA's. The papers train all with Adam, and so does a training without their rate."""
        return self.model.matrices

    def slow(self) -> list[nn.Parameter]:
        """None: the paper has one rate."""
        return []

    def loss(self, _: torch.Generator, /) -> dict[str, Tensor]:
        batch = self._ahead.take(self.position)
        t = [self._draw_time(g) for g in batch.generators]
        loss = self._velocity_loss(self._distributed, batch, torch.stack(t))
        medium = self.order.medium(self.position // self.config.optimization.accumulate)
        self.position += 1
        return {"loss": loss, medium: loss, "wait": torch.tensor(self._ahead.share)}

    def _draw_time(self, generator: torch.Generator) -> Int[Tensor, ""]:
        power = self.config.recipe.noise_power
        if power == 1:
            return torch.randint(len(self.schedule), (), generator=generator)
        return (torch.rand((), generator=generator) ** power * len(self.schedule)).long()

    @property
    def waited(self) -> float:
        """Seconds that the device had nothing to do for want of pixels."""
        return self._ahead.waited

    def close(self) -> None:
        """Stop reading ahead, and leave the model as it was."""
        self._ahead.close()
        self._encoder.close()

    def _draw(self, position: int) -> Batch:
        """This process's share of a part of a step."""
        chosen, processes = self.config.optimization, self.processes
        step, part = divmod(position, chosen.accumulate)
        count = chosen.batch // (chosen.accumulate * processes.count)
        first = (part * processes.count + processes.index) * count
        places = range(first, first + count)
        picked = self.order.picked(step)
        return draw_batch(
            [picked[i] for i in places],
            self.store,
            self.config.recipe,
            size=self.order.size(step),
            keyframe=self.order.knows_keyframe(step),
            generators=[sample_generator(self.config.seed, step, i) for i in places],
        )

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The loss on single frames with the same masks, times and noise whenever it is asked."""
        t = torch.tensor([int(share * len(self.schedule)) for share in FIXED_TIMES])
        losses = []
        for i, sample in enumerate(self.order.samples[:FIXED_SAMPLES]):
            one = draw_batch(
                [sample] * len(t),
                self.store,
                self.config.recipe,
                size=(1, *self.size[1:]),
                keyframe=False,
                generators=[sample_generator(FIXED_SEED, i, j) for j in range(len(t))],
            )
            losses.append(float(self._velocity_loss(self.model.transformer, one, t)))
        self.on_validate(self.position // self.config.optimization.accumulate)
        self._rest()
        return {"fixed_noise": sum(losses) / len(losses)}

    def _velocity_loss(
        self, transformer: Any, batch: Batch, t: Int[Tensor, " b"]
    ) -> Float[Tensor, ""]:
        """Squared error of v, weighted inside and outside of the hole, or of what changes.

        VIVID, app. B: v-prediction with zero terminal SNR. Plain MSE on v equals the
        1/(1-abar)-weighted loss on x0 of the public CogVideoX scripts.
        """
        clean, conditions, kept = self._latents(batch)
        noise = torch.stack(
            [
                torch.randn(c.shape, generator=g)
                for c, g in zip(clean, batch.generators, strict=True)
            ]
        ).to(clean)
        noisy = self.schedule.add_noise(clean, noise, t)
        inputs = torch.cat([noisy, conditions], dim=2)
        predicted = self._predict(transformer, inputs, batch.captions, t)
        squares = (predicted - self.schedule.velocity(clean, noise, t)).square()
        recipe = self.config.recipe
        loss = weighted_mean(squares, kept, recipe.weight_inside, recipe.weight_outside)
        if self._perceptual is None:
            return recipe.latent_weight * loss
        guess = self.schedule.clean(noisy, predicted, t)
        distance = decoded_distance(
            self._bundle.vae,
            guess,
            clean,
            self._perceptual,
            latent_frames=recipe.decoded_frames,
            generators=batch.generators,
        )
        return recipe.latent_weight * loss + recipe.lpips_weight * distance

    @torch.no_grad()
    def _latents(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Clean latents, condition channels and where pixels are kept, [b, t, c, h, w] float32.

        Each sample goes through the VAE alone: a batch may round differently.
        """
        if batch.source is not None:
            return self._pair_latents(batch, batch.source)
        vae, layout = self._bundle.vae, self.model.layout
        noise = REFERENCE_NOISE if layout.version == "1.1" else 0.0
        clean, conditions = [], []
        for i, generator in enumerate(batch.generators):
            pixels, hole = (part[i : i + 1].to(self.device) for part in (batch.pixels, batch.hole))
            clean.append(self._clean(batch.digests[i], pixels).transpose(1, 2))
            conditions.append(
                build_conditioning(
                    layout, vae, pixels, hole, reference_noise=noise, generator=generator
                )
            )
        read = torch.cat(conditions).to(self.device)
        kept = read[:, :, :1] / self._bundle.scaling_factor
        return torch.cat(clean).to(self.device), read, kept

    def _pair_latents(self, batch: Batch, sources: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same of clips and their edits. A source that is not shown is zeros."""
        clean, conditions, kept = [], [], []
        for i, digest in enumerate(batch.digests):
            edited, source, changed = (
                part[i : i + 1].to(self.device) for part in (batch.pixels, sources, batch.hole)
            )
            latents = self._clean(digest, edited)
            clean.append(latents)
            given = self._source(digest, source, changed)
            conditions.append(torch.zeros_like(given) if batch.blind[i] else given)
            _, _, t, h, w = latents.shape
            kept.append(1 - mask_to_latent(changed, (t, h, w)))
        read, target, same = (
            torch.cat(part).transpose(1, 2).to(self.device) for part in (conditions, clean, kept)
        )
        return target, read, same

    def _source(
        self, digest: str, source: Float[Tensor, "1 3 t h w"], mask: Float[Tensor, "1 1 t h w"]
    ) -> Tensor:
        """What the model reads of a source, [1, c, t, h, w]. Kept like the clean latents."""
        vae, layout = self._bundle.vae, self.model.layout
        kept = self._cache.get(
            "sources",
            digest_of(self._networks["vae"], digest),
            latent_shape(vae, source),
            lambda: build_conditioning(layout, vae, source, mask).transpose(1, 2).contiguous(),
        )
        return kept.to(self.device)

    def _clean(self, digest: str, pixels: Float[Tensor, "1 3 t h w"]) -> Tensor:
        """Kept where a cache is asked for; in float32, as it was made."""
        vae = self._bundle.vae
        key = digest_of(self._networks["vae"], digest)
        kept = self._cache.get(
            "latents", key, latent_shape(vae, pixels), lambda: encode(vae, pixels)
        )
        return kept.to(self.device)

    @cached_property
    def _networks(self) -> dict[str, str]:
        """Digests of what is cached from; none where nothing is."""
        if self._cache.folder is None:
            return {"vae": "", "text": ""}
        bundle = self._bundle
        text = [network_digest(bundle.text_encoder), bundle.max_text_tokens, str(bundle.dtype)]
        words = None if bundle.known_words is None else sorted(bundle.known_words)
        return {"vae": network_digest(bundle.vae), "text": digest_of(text, words)}

    def _predict(
        self, transformer: Any, inputs: Tensor, captions: tuple[str, ...], t: Tensor
    ) -> Tensor:
        config, frames = self.model.transformer.config, inputs.shape[1]
        padded = pad_latent_frames(inputs, config.patch_size_t)
        latents = (padded.shape[1], padded.shape[3], padded.shape[4])
        with self.processes.autocast(self.device, compute_dtype(self._bundle.dtype)):
            predicted: Any = transformer(
                hidden_states=padded,
                encoder_hidden_states=torch.cat([self._embed(text) for text in captions]),
                timestep=t.to(self.device),
                image_rotary_emb=rotary_embedding(config, latents, device=self.device),
                return_dict=False,
            )[0]
        return predicted[:, :frames].float()

    def _embed(self, caption: str) -> Float[Tensor, "1 n d"]:
        """Kept: a training has few captions, and a text encoder may be large.

        Once there are all, it leaves the device until edits are shown.
        """
        if caption not in self._texts:
            bundle, key = self._bundle, digest_of(self._networks["text"], caption)
            shape = (1, bundle.max_text_tokens, int(bundle.text_encoder.config.d_model))
            self._texts[caption] = self._cache.get(
                "captions",
                key,
                shape,
                lambda: encode_caption(bundle, caption, argument="caption").embeds.cpu(),
            )
            self._rest()
        return self._texts[caption].to(self.device)

    def _rest(self) -> None:
        if self._captions <= self._texts.keys():
            self._encoder.rest()


def _ignore(step: int) -> None:
    return None


def weighted_mean(
    squares: Float[Tensor, "b t c h w"],
    kept: Float[Tensor, "b t 1 h w"],
    inside: float,
    outside: float,
) -> Float[Tensor, ""]:
    """The mean over samples, in each of which a latent of the hole (`kept` 0) counts `inside` and
    one beside it `outside`.

    Each sample counts the same whatever the size of its hole, so that the mean does not depend on
    how a batch is shared out. At 1 and 1 it is the paper's plain mean.
    """
    weights = inside + (outside - inside) * kept.clamp(0, 1)
    each = (weights * squares).flatten(1).mean(dim=1)
    return (each / weights.flatten(1).mean(dim=1).clamp_min(1e-8)).mean()
