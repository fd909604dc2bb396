"""Masks on the grid of a causal video VAE: a latent is edited if any pixel it stands for is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import SizeError


def causal_spans(count: int, frames: int) -> list[int]:
    """How many of `count` frames each latent frame holds: the first one, then `frames` each.

    Raises SizeError where the last group is not whole.
    """
    groups, left = divmod(count - 1, frames)
    if left:
        raise SizeError("frames", f"must be {frames}k+1 for this VAE, got {count}")
    return [1, *[frames] * groups]


def max_over_groups(mask: Float[Tensor, "t h w"], frames: int) -> Float[Tensor, "t2 h w"]:
    """`max_over_spans` of a causal VAE. Raises SizeError where the last group is not whole."""
    return max_over_spans(mask, causal_spans(len(mask), frames))


def max_over_spans(mask: Float[Tensor, "t h w"], spans: Sequence[int]) -> Float[Tensor, "t2 h w"]:
    """The largest value of each latent frame, where `spans` counts the frames that each holds."""
    _require_all_frames(len(mask), spans)
    return torch.stack([part.amax(dim=0) for part in torch.split(mask, list(spans))])


def loose_frames(mask: Float[Tensor, "t h w"], spans: Sequence[int]) -> list[int]:
    """Frames of which nothing is edited in latents of which something is.

    The first and the last of each such latent frame: they tell it where it comes from and goes to.
    """
    _require_all_frames(len(mask), spans)
    edited = [bool(frame.any()) for frame in mask]
    found: list[int] = []
    start = 0
    for span in spans:
        known = [number for number in range(start, start + span) if not edited[number]]
        if len(known) < span:
            found += sorted({*known[:1], *known[-1:]})
        start += span
    return found


def max_over_blocks(mask: Float[Tensor, "*n h w"], side: int) -> Float[Tensor, "*n h2 w2"]:
    """The largest value of each block of `side` x `side` pixels."""
    *lead, height, width = mask.shape
    blocks = mask.reshape(*lead, height // side, side, width // side, side)
    return blocks.amax(dim=(-1, -3))


def spread_spans(mask: Float[Tensor, "t2 h w"], spans: Sequence[int]) -> Float[Tensor, "t h w"]:
    """What each latent frame stands for: its value on each of the frames that `spans` counts."""
    return mask.repeat_interleave(torch.tensor(spans, device=mask.device), dim=0)


def spread_groups(mask: Float[Tensor, "t2 h w"], frames: int) -> Float[Tensor, "t h w"]:
    """`spread_spans` of a causal VAE: the first latent frame holds one, the others `frames`."""
    return spread_spans(mask, [1, *[frames] * (len(mask) - 1)])


def spread_blocks(mask: Float[Tensor, "t h2 w2"], side: int) -> Float[Tensor, "t h w"]:
    """What each latent stands for: its value on all of its `side` x `side` pixels."""
    return mask.repeat_interleave(side, dim=1).repeat_interleave(side, dim=2)


def fold_blocks(mask: Float[Tensor, "t h w"], side: int) -> Float[Tensor, "c t h2 w2"]:
    """Every pixel kept: those of each block of `side` x `side` pixels as channels, row by row."""
    t, height, width = mask.shape
    blocks = mask.view(t, height // side, side, width // side, side)
    return blocks.permute(2, 4, 0, 1, 3).reshape(side * side, t, height // side, width // side)


def fold_groups(mask: Float[Tensor, "t h w"], frames: int) -> Float[Tensor, "c t2 h w"]:
    """Every frame kept: those of each causal group as channels, the first frame in all of them."""
    first = mask[:1].expand(frames, -1, -1)
    groups = torch.cat([first, mask[1:]]).reshape(-1, frames, *mask.shape[1:])
    return groups.transpose(0, 1)


def _require_all_frames(count: int, spans: Sequence[int]) -> None:
    if sum(spans) != count:
        raise SizeError("frames", f"must be {sum(spans)} for these latents, got {count}")
