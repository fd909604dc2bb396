"""What each family really makes of a mask, laid back over the frames that it was given for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...vivid_core.mask.causal import (
    max_over_blocks,
    max_over_spans,
    spread_blocks,
    spread_groups,
    spread_spans,
)
from .family import Contract


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What a latent of a VAE stands for: `side` x `side` pixels of at most `frames` frames.

    `spans_of` a count of frames tells how many of them each latent frame stands for.
    """

    side: int
    frames: int
    spans_of: Callable[[int], Sequence[int]]

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
    spans = steps.spans_of(len(edited))
    return spread_spans(max_over_spans(edited, spans), spans)


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


def in_blocks(edited: Tensor, steps: Steps) -> Tensor:
    """One value for the pixels and frames of a latent."""
    return in_time(in_space(edited, steps), steps)


def as_held(steps: Steps) -> str:
    return f"latents are held outside of it, in blocks of {steps.block} and {steps.frames} frames"


HELD = Reading(rule=as_held, seen=in_blocks)
IC_LORA = Reading(  # LTX is shown the rest beside what it makes
    rule=lambda steps: f"every frame whole where {steps.frames} frames show any of it",
    seen=lambda edited, steps: in_time(edited.amax(dim=(1, 2), keepdim=True), steps).expand_as(
        edited
    ),
)
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
    "noise_mask": HELD,
    "ltx": HELD,
    "minimax_h3": HELD,
}


def seen_mask(reading: Reading, hole: Tensor, steps: Steps, *, least: int) -> Tensor:
    """A region's hole [T, H, W] as it is read; shorter ones are held for `least` frames first."""
    edited = (hole > 0).to(hole)
    missing = max(0, least - len(hole))
    held = torch.cat([edited, edited[-1:].expand(missing, -1, -1)])
    return reading.seen(held, steps)[: len(hole)]
