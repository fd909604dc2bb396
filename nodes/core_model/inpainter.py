"""A MODEL of ComfyUI as an inpainter: a window of pixels in, pixels out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...vivid_core.errors import InputError, ModelError
from ...vivid_core.inpainter import Draw, Limits, OnStage, Painted, Prompt, Region, Work
from ...vivid_core.settings import Settings
from .contracts import Sampled, Span, condition
from .family import Family, group_frames, latent_spans
from .identity import model_digest
from .reading import IC_LORA, READINGS, Reading, Steps, seen_mask
from .sampling import Schedule, Stage, colors_of, sample
from .texts import NEGATIVE, POSITIVE, Conditions, Texts

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import VAE


@dataclass(frozen=True, kw_only=True)
class CoreModel:
    """A model that ComfyUI loaded, with its patches, and what it is sampled with.

    `longest` and `train_size` (height, width) are the window that it sees at most. `strength` and
    `reference` [1, H, W, 3] are VACE's, `iclora` is what is known of LTX's IC-LoRA. `low_noise`
    takes over after half of the steps.
    """

    model: ModelPatcher
    vae: VAE
    family: Family
    texts: Texts
    schedule: Schedule
    longest: int
    train_size: tuple[int, int]
    strength: float = 1.0
    reference: Tensor | None = None
    iclora: dict[str, Any] | None = None
    low_noise: ModelPatcher | None = None

    @property
    def models(self) -> tuple[ModelPatcher, ...]:
        """In the order in which they sample."""
        return (self.model,) if self.low_noise is None else (self.model, self.low_noise)

    @property
    def name(self) -> str:
        return self.family.name

    @property
    def limits(self) -> Limits:
        return Limits(
            grid=self.family.grid,
            longest=self.longest,
            train_size=self.train_size,
            tasks=self.family.tasks,
            samplers=(),  # chosen where the model was connected
            known_ends=self.family.known_ends,
            least=self.family.least,
            reads_affected=self.family.affected,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        found = [self.family.caution] if self.family.caution else []
        if not self.texts.reads:
            found.append(
                "the caption is not read: Vivid Use Core Model was given finished conditioning, "
                "connect a CLIP there to have captions read"
            )
        if self.schedule.sigmas is not None:
            found.append("steps are those of the connected sigmas")
        if self.schedule.guider is not None:
            found.append("guidance is that of the connected guider")
        return tuple(found)

    def check(self, settings: Settings) -> None:
        """Raise InputError for guidance away from a negative caption that nobody can read."""
        self.limits.check(settings, self.name)
        unread = not self.texts.reads and not self.texts.given.get(NEGATIVE)
        if unread and self.schedule.guider is None and settings.guidance_scales[0] != 1.0:
            raise InputError(
                "guidance",
                f"{settings.guidance_scales[0]:g} steers away from a negative that is not there: "
                "connect negative or a CLIP to Vivid Use Core Model, or set guidance to 1",
            )

    def digest(self, device: torch.device) -> str:
        return model_digest(self, device)

    def reads_caption(self, settings: Settings) -> bool:
        return self.texts.reads

    def read(self, text: str, settings: Settings) -> Prompt:
        """A deletion without a caption reads VIVID's fixed one."""
        from ...vivid_core.cogvideox.text import DELETE_CAPTION

        fixed = settings.task == "delete" and not text.strip()
        return Prompt(data=self.texts.read(DELETE_CAPTION if fixed else text, POSITIVE))

    def read_negative(self, settings: Settings) -> Prompt | None:
        """None at guidance 1, unless a guider decides itself what it reads."""
        guided = self.schedule.guider is not None
        if settings.guidance_scales[0] == 1.0 if not guided else NEGATIVE not in self.texts.given:
            return None
        return Prompt(data=self.texts.read(settings.negative, NEGATIVE))

    @torch.no_grad()
    def inpaint(
        self,
        region: Region,
        draws: Sequence[Draw],
        settings: Settings,
        *,
        device: torch.device,
        on_stage: OnStage,
    ) -> Painted:
        span = self._span(region)
        told = condition(span, [self._told(draw) for draw in draws])
        on_stage("encode", 1, 1, None)
        made = []
        for number, (draw, conditions) in enumerate(zip(draws, told.conditions, strict=True)):

            def on_step(done: int, steps: int, clean: Tensor, before: int = number) -> None:
                shown = colors_of(self._latent_format, told.clip_of(clean))
                on_stage("denoise", before * steps + done, steps * len(draws), shown)

            guidance = settings.guidance_scales[0]
            stages = self.schedule.stages(self.models, conditions, guidance, settings.steps)
            made.append(self._sample(stages, told, draw.seed, on_step))
        on_stage("decode", 0, 1, None)
        whole = torch.stack(
            [self._decode(one, span, draw.seed) for one, draw in zip(made, draws, strict=True)]
        )
        on_stage("decode", 1, 1, None)
        return Painted(pixels=whole[:, : len(region.pixels)])

    def work(
        self, windows: Sequence[tuple[int, tuple[int, int]]], settings: Settings
    ) -> Work | None:
        return None

    @property
    def mask_rule(self) -> str:
        return self._reading.rule(self._steps)

    def seen_mask(self, hole: Tensor) -> Tensor:
        """A hole of a legal size and length as it is read: 0..1, 1 = made."""
        return seen_mask(self._reading, hole, self._steps, least=self.family.least)

    @property
    def _reading(self) -> Reading:
        return READINGS[self.family.contract] if self.iclora is None else IC_LORA

    @property
    def _steps(self) -> Steps:
        return Steps(
            side=int(self.vae.spacial_compression_encode()),
            frames=max(self.family.chunk) if self.family.chunk else group_frames(self.vae),
            spans_of=partial(latent_spans, self.family, self.vae),
        )

    @cached_property
    def _latent_format(self) -> Any:
        return self.model.get_model_object("latent_format")

    def _told(self, draw: Draw) -> Conditions:
        negative = None if draw.negative is None else draw.negative.data
        return self.texts.conditions(draw.prompt.data, negative)

    def _span(self, region: Region) -> Span:
        """At the family's shortest length where there are fewer frames: a still is held."""
        pixels = region.pixels
        hole = torch.ones(pixels.shape[:3]) if region.hole is None else region.hole
        missing = self.family.least - len(pixels)
        if missing > 0:
            pixels = torch.cat([pixels, pixels[-1:].expand(missing, -1, -1, -1)])
            hole = torch.cat([hole, hole[-1:].expand(missing, -1, -1)])
        return Span(
            family=self.family,
            vae=self.vae,
            pixels=pixels,
            hole=hole,
            strength=self.strength,
            reference=self.reference,
            iclora=self.iclora,
        )

    def _sample(self, stages: Sequence[Stage], told: Sampled, seed: int, on_step: Any) -> Tensor:
        latents = sample(
            stages,
            self.schedule.chosen_sampler,
            told.latents,
            noise_mask=told.noise_mask,
            seed=seed,
            on_step=on_step,
        )
        return told.clip_of(latents)

    def _decode(self, latents: Tensor, span: Span, seed: int) -> Tensor:
        """The frames of a span, [T, H, W, 3] on the CPU.

        ComfyUI's CogVideoX VAE makes four frames of the first latent too, where their number is
        even: it stands for the last of these.
        """
        frames = len(span.hole)
        with _drawing(seed, self.vae.device):
            pixels = self.vae.decode(latents)[0].float().cpu()
        if len(pixels) < frames:
            raise ModelError(
                f"the VAE made {len(pixels)} frames of a window of {frames}: load the VAE that "
                f"belongs to {self.name}"
            )
        return pixels[-frames:, ..., :3]


@contextmanager
def _drawing(seed: int, device: torch.device) -> Iterator[None]:
    """LTX's VAE adds noise of PyTorch's own generator, which others find as they left it."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
