"""CogVideoX and what people made of it, as an inpainter: all that only this family knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..files.digest import digest_of
from ..inpainter import Draw, Limits, OnStage, Painted, Prompt, Region, Work
from ..settings import Sampler, Settings
from .bundle import ModelBundle
from .identity import sampled_weights, tiling_of
from .masks import MaskReading
from .meter import counted_passes
from .render import Renderer
from .tasks import require_task
from .text import DELETE_CAPTION, encode_caption, require_readable
from .work import PETA, Span, plan_work

SAMPLES = 8  # values of each weight that tell models apart


@dataclass(frozen=True, kw_only=True)
class CogVideoX(ModelBundle):
    """A loaded model that edits."""

    @property
    def limits(self) -> Limits:
        return replace(
            self.reading.limits,
            samplers=("ddim",) if self.layout.animates else get_args(Sampler),
            guidance=("caption",) if self.layout.video_guidance is None else ("caption", "video"),
            known_ends="both" if self.knows_last_frame else "first",
            demo_of=self.demo_of,
            reads_affected=self.layout.mask_encoding == "vae",
        )

    @property
    def reading(self) -> MaskReading:
        """How masks are read."""
        return MaskReading(layout=self.layout, geometry=self.geometry, train_size=self.train_size)

    @property
    def mask_rule(self) -> str:
        return self.reading.mask_rule

    def seen_mask(self, hole: Float[Tensor, "t h w"]) -> Float[Tensor, "t h w"]:
        """What the model makes of a hole: 1 = made."""
        return self.reading.seen_mask(hole)

    def check(self, settings: Settings) -> None:
        """Raise InputError for a task this model does not know, CaptionError for long captions."""
        require_task(self.name, self.layout.name, settings.task)
        self.limits.check(settings, self.name)
        for text in settings.captions:
            caption = self.caption_for(text, settings)
            require_readable(self, caption, argument=settings.caption_argument)
        if self._reads_negative(settings):
            require_readable(self, settings.negative, argument="negative")

    def digest(self, device: torch.device) -> str:
        """Stands for weights, schedule, strengths of adapters, tiling and device."""
        facts: dict[str, Any] = {
            "layout": self.layout.name,
            "version": self.layout.version,
            "train_size": self.train_size,
            "knows_last_frame": self.knows_last_frame,
            **({"blank_is_zeros": True} if self.blank_is_zeros else {}),
            "schedule": {key: repr(value) for key, value in self.schedule.items()},
            "lora_scales": list(_lora_scales(self.transformer)),
            "tiling": tiling_of(self.vae),
            "device": device.type,
        }
        return digest_of(
            facts, *(list(sampled_weights(part, SAMPLES)) for part in self.parts.values())
        )

    def reads_caption(self, settings: Settings) -> bool:
        """Deletions have one caption, but for models that are told what is left behind."""
        return settings.task != "delete" or self._reads_what_is_left

    @property
    def _reads_what_is_left(self) -> bool:
        return self.layout.text_describes == "scene after removal"

    def caption_for(self, text: str, settings: Settings) -> str:
        """What the model reads: the fixed caption for a delete, unless it takes the user's."""
        if settings.task != "delete" or (self._reads_what_is_left and text.strip()):
            return text
        return DELETE_CAPTION

    def read(self, text: str, settings: Settings) -> Prompt:
        """Raises CaptionError for a caption longer than the text encoder reads."""
        return self._prompt(self.caption_for(text, settings), settings.caption_argument)

    def read_negative(self, settings: Settings) -> Prompt | None:
        """None at guidance 1, but for models that read without a caption all the same."""
        if not self._reads_negative(settings):
            return None
        return self._prompt(settings.negative, "negative")

    def _reads_negative(self, settings: Settings) -> bool:
        return not self.layout.needs_mask or settings.guidance_scales[0] != 1.0

    def _prompt(self, text: str, argument: str) -> Prompt:
        with torch.no_grad():
            encoded = encode_caption(self, text, argument=argument)
        return Prompt(data=encoded, unknown_words=encoded.unknown_words)

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
        if self.layout.animates and not region.starts_finished:
            raise InputError(
                "keyframe",
                f"is missing: {self.name} makes a clip of its edited first frame; give one for "
                "every shot",
            )
        renderer = Renderer(bundle=self, settings=settings, device=device, on_stage=on_stage)
        with counted_passes(self.transformer) as passes:
            pixels = renderer.render(region, draws)
        frames, height, width = region.pixels.shape[:3]
        codec = plan_work(self, [(frames, (height, width))], settings).codec_pflops
        return Painted(pixels=pixels, pflops=passes.flops / PETA + codec)

    def work(self, windows: Sequence[Span], settings: Settings) -> Work:
        return plan_work(self, windows, settings)


def _lora_scales(module: Any) -> Iterator[str]:
    """At which strength each layer adds its adapters."""
    for name, layer in module.named_modules():
        scaling = getattr(layer, "scaling", None)
        if isinstance(scaling, dict):
            yield f"{name} {scaling}"
