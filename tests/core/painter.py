"""A small inpainter that is no neural network: what the engine may ask of any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from vivid_core.errors import CaptionError
from vivid_core.files.digest import digest_of
from vivid_core.inpainter import (
    Draw,
    Grid,
    Limits,
    Memory,
    OnStage,
    Painted,
    Prompt,
    Region,
    Work,
)
from vivid_core.settings import Settings

LONGEST_CAPTION = 40  # letters


@dataclass(frozen=True, kw_only=True)
class Painter:
    """Fills the hole with noise of the seed, tinted by the caption and by what is known.

    Its lengths are 3k+1 and its sizes multiples of 4: like no other model here.
    """

    both_ends: bool = False
    counts: bool = True  # whether it knows its work
    tint: float = 0.1
    name: str = "painter"
    warnings: tuple[str, ...] = ()
    seen: list[Region] = field(default_factory=list)

    @property
    def limits(self) -> Limits:
        return Limits(
            grid=Grid(size_step=4, frame_step=3, shortest_video=4),
            longest=10,
            train_size=(24, 32),
            samplers=("brush",),
            known_ends="both" if self.both_ends else "first",
        )

    def check(self, settings: Settings) -> None:
        self.limits.check(settings, self.name)

    def digest(self, device: torch.device) -> str:
        return digest_of(self.name, self.tint, self.both_ends, device.type)

    def reads_caption(self, settings: Settings) -> bool:
        return True

    def read(self, text: str, settings: Settings) -> Prompt:
        if len(text) > LONGEST_CAPTION:
            raise CaptionError("caption", f"has {len(text)} letters: shorten it")
        return Prompt(data=sum(map(ord, text)) % 100 / 100)

    def read_negative(self, settings: Settings) -> Prompt | None:
        return None

    def inpaint(
        self,
        region: Region,
        draws: Sequence[Draw],
        settings: Settings,
        *,
        device: torch.device,
        on_stage: OnStage,
    ) -> Painted:
        self.seen.append(region)
        made = []
        for draw in draws:
            noise = torch.rand(
                region.pixels.shape, generator=torch.Generator().manual_seed(draw.seed)
            )
            known = region.pixels[0].mean() + region.pixels[-1].mean()
            made.append(0.6 * noise + self.tint * draw.prompt.data + 0.1 * known)
        for step in range(settings.steps):
            on_stage("denoise", step + 1, settings.steps, made[0][:, ::4, ::4].clamp(0, 1))
        return Painted(
            pixels=torch.stack(made),
            pflops=float(len(region.pixels)) if self.counts else None,
        )

    def work(
        self, windows: Sequence[tuple[int, tuple[int, int]]], settings: Settings
    ) -> Work | None:
        if not self.counts:
            return None
        return Work(
            denoise_pflops=float(sum(frames for frames, _ in windows)),
            codec_pflops=0.0,
            text_pflops=0.0,
            tokens=max((frames for frames, _ in windows), default=0),
            passes=1,
            memory=Memory(needed=1, activations=1, most=1, least=1),
        )
