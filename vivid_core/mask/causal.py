"""Masks on the grid of a causal video VAE: a latent is edited if any pixel it stands for is."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import SizeError


def max_over_groups(mask: Float[Tensor, "t h w"], frames: int) -> Float[Tensor, "t2 h w"]:
    """The largest value of each causal group: the first frame alone, then `frames` at a time.

    Raises SizeError where the last group is not whole.
    """
    if (len(mask) - 1) % frames:
        raise SizeError("frames", f"must be {frames}k+1 for this VAE, got {len(mask)}")
    later = mask[1:].unflatten(0, (-1, frames)) if len(mask) > 1 else mask[:0, None]
    return torch.cat([mask[:1], later.amax(dim=1)])


def max_over_blocks(mask: Float[Tensor, "*n h w"], side: int) -> Float[Tensor, "*n h2 w2"]:
    """The largest value of each block of `side` x `side` pixels."""
    return mask.unflatten(-1, (-1, side)).unflatten(-3, (-1, side)).amax(dim=(-1, -3))


def fold_blocks(mask: Float[Tensor, "t h w"], side: int) -> Float[Tensor, "c t h2 w2"]:
    """Every pixel kept: those of each block of `side` x `side` pixels as channels, row by row."""
    t, height, width = mask.shape
    blocks = mask.view(t, height // side, side, width // side, side)
    return blocks.permute(2, 4, 0, 1, 3).reshape(side * side, t, height // side, width // side)


def fold_groups(mask: Float[Tensor, "t h w"], frames: int) -> Float[Tensor, "c t2 h w"]:
    """Every frame kept: those of each causal group as channels, the first frame in all of them."""
    first = mask[:1].expand(frames, -1, -1)
    return torch.cat([first, mask[1:]]).unflatten(0, (-1, frames)).transpose(0, 1)
