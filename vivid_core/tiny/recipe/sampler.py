"""Which batch comes next: images or video, which task. The ratios of VIVID, sec. 4.4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

Medium = Literal["image", "video"]


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """Ratios and batch sizes. A batch is all images or all video (VIVID, sec. 4.4)."""

    images_per_video: float = 10.0
    draws_per_deletion: float = 3.0  # addition and modification samples for each deletion
    image_batch: int = 16
    video_batch: int = 16
    caption_dropout: float = 0.1  # for classifier-free guidance
    hole_weight: float = 1.0  # of the loss inside the mask; 1 is the paper's plain mean
    # Ours, the paper's at the defaults:
    scene_share: float = 0.0  # batches of plain text to video, condition channels 0 (joint stage)
    window: int = 0  # latents a side of a window around each hole to train on; 0: whole frames
    whole_share: float = 0.0  # batches of whole frames all the same
    word_dropout: float = 0.0  # additions that name no colour, and no shape ("object")
    noise_power: float = 1.0  # timesteps are drawn as u ** power of the schedule: below 1 noisier
    bfloat16: bool = False

    def __post_init__(self) -> None:
        if min(self.images_per_video, self.draws_per_deletion) < 0:
            raise ValueError("ratios must be 0 or more")
        if self.hole_weight <= 0:
            raise ValueError("hole_weight must be above 0")
        shares = self.scene_share, self.whole_share, self.word_dropout, self.caption_dropout
        if not 0 <= min(shares) <= max(shares) <= 1 or self.noise_power <= 0:
            raise ValueError("shares and dropouts must be 0 to 1, noise_power above 0")
        if self.window < 0 or self.window % 2:
            raise ValueError("window must be an even number of latents, or 0")


def draw_medium(config: RecipeConfig, generator: torch.Generator) -> Medium:
    """Image with probability r / (r + 1)."""
    share = config.images_per_video / (config.images_per_video + 1)
    return "image" if float(torch.rand((), generator=generator)) < share else "video"


@dataclass(frozen=True, kw_only=True)
class SamplePool:
    """Indices of the samples that a batch may be drawn from, by task."""

    draws: tuple[int, ...]
    deletions: tuple[int, ...]

    @classmethod
    def of(cls, tasks: Sequence[str], among: Sequence[int]) -> SamplePool:
        """The samples of `among`, whose tasks are tasks[i]."""
        return cls(
            draws=tuple(i for i in among if tasks[i] != "delete"),
            deletions=tuple(i for i in among if tasks[i] == "delete"),
        )


def draw_samples(
    pool: SamplePool, count: int, config: RecipeConfig, generator: torch.Generator
) -> list[int]:
    """Indices of `count` samples: each is a deletion with probability 1 / (r + 1)."""
    share = 1 / (config.draws_per_deletion + 1)
    picked = []
    for _ in range(count):
        wants_deletion = float(torch.rand((), generator=generator)) < share
        first, second = pool.draws, pool.deletions
        if wants_deletion:
            first, second = second, first
        indices = first or second
        picked.append(indices[int(torch.randint(len(indices), (), generator=generator))])
    return picked
