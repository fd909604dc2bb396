"""What each family really makes of a mask, laid back over the frames that it was given for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...vivid_core.mask.causal import (
    max_over_blocks,
    max_over_groups,
    spread_blocks,
    spread_groups,
)
from .family import Contract


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What a latent of a VAE stands for: `side` x `side` pixels of `frames` frames."""

    side: int
    frames: int

    @property
    def block(self) -> str:
        return f"{self.side}x{self.side} pixels"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a contract reads masks: in words, and as a mask [T, H, W] of 0 and 1."""

    rule: Callable[[Steps], str]
    seen: Callable[[Tensor, Steps], Tensor]


def in_time(edited: Tensor, steps: Steps) -> Tensor:
    """Every pixel of its own, one value for the frames of a latent."""
    return spread_groups(max_over_groups(edited, steps.frames), steps.frames)


def in_space(edited: Tensor, steps: Steps) -> Tensor:
    """Every frame of its own, one value for the pixels of a latent."""
    return spread_blocks(max_over_blocks(edited, steps.side), steps.side)


def blended(edited: Tensor, steps: Steps) -> Tensor:
    """As the mask comes to CogVideoX Fun-InP, between 0 and 1 where a latent is edited in part."""
    from ...vivid_core.cogvideox.conditioning import mask_to_latent

    frames, height, width = edited.shape
    size = ((frames - 1) // steps.frames + 1, height // steps.side, width // steps.side)
    small = mask_to_latent(edited[None, None], size)[0, 0]
    return spread_groups(spread_blocks(small, steps.side), steps.frames)


READINGS: dict[Contract, Reading] = {
    "vace": Reading(
        rule=lambda steps: f"every pixel, one value for {steps.frames} frames",
        seen=in_time,
    ),
    "wan_inpaint": Reading(
        rule=lambda steps: f"one value for {steps.block}, every frame",
        seen=in_space,
    ),
    "cogvideox_inpaint": Reading(
        rule=lambda steps: f"one value for {steps.block} and {steps.frames} frames",
        seen=blended,
    ),
    "void": Reading(
        rule=lambda _: "the mask goes through the VAE like a video",
        seen=lambda edited, _: edited,
    ),
    "noise_mask": Reading(
        rule=lambda steps: (
            f"latents are held outside of it, in blocks of {steps.block} and {steps.frames} frames"
        ),
        seen=lambda edited, steps: in_time(in_space(edited, steps), steps),
    ),
}


def seen_mask(contract: Contract, hole: Tensor, steps: Steps, *, least: int) -> Tensor:
    """A region's hole [T, H, W] as it is read; shorter ones are held for `least` frames first."""
    edited = (hole > 0).to(hole)
    missing = max(0, least - len(hole))
    held = torch.cat([edited, edited[-1:].expand(missing, -1, -1)])
    return READINGS[contract].seen(held, steps)[: len(hole)]
