"""Paste an edit into its source: outside the effective mask the source stays exactly as it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..mask.grow import feather_inside, grow_mask

UNCHANGED = 1 / 255  # an edit that moves no masked pixel further than this changed nothing
SURROUNDINGS = 8  # pixels around the mask whose colours are compared, ours


@dataclass(frozen=True, kw_only=True)
class Change:
    """How much an edit changed. Values in 0..1; `outside` must be 0."""

    outside: float
    inside_mean: float
    inside_max: float

    @property
    def nothing_changed(self) -> bool:
        return self.inside_max <= UNCHANGED


def composite(
    source: Float[Tensor, "t h w c"],
    edit: Float[Tensor, "t h w c"],
    effective: Float[Tensor, "t h w"],
    *,
    feather: int,
) -> Float[Tensor, "t h w c"]:
    """Source where `effective` is 0, edit where it is 1, softened over `feather` pixels inside."""
    alpha = feather_inside(effective, feather)[..., None]
    mixed = torch.lerp(source, edit, alpha)  # exact at both ends
    return torch.where(effective[..., None] > 0, mixed, source)


def match_surroundings(
    edit: Float[Tensor, "t h w 3"],
    source: Float[Tensor, "t h w 3"],
    effective: Float[Tensor, "t h w"],
) -> Float[Tensor, "t h w 3"]:
    """The model's own pixels, shifted so that those just outside the mask match the source's.

    What a model and its VAE do to colours they do on both sides of the mask's border, and outside
    the truth is known. One shift a channel for all frames: a shift a frame would flicker.
    """
    around = (grow_mask(effective, SURROUNDINGS) > 0) & (effective == 0)
    if not around.any():
        return edit
    shift = (source[around] - edit[around]).mean(dim=0)
    return (edit + shift).clamp(0, 1)


def measure_change(
    source: Float[Tensor, "t h w c"],
    edit: Float[Tensor, "t h w c"],
    effective: Float[Tensor, "t h w"],
) -> Change:
    """Largest difference outside the effective mask; mean and largest inside."""
    difference = (edit - source).abs().amax(dim=-1)
    inside = effective > 0
    outside = difference[~inside]
    return Change(
        outside=float(outside.max()) if outside.numel() else 0.0,
        inside_mean=float(difference[inside].mean()),
        inside_max=float(difference[inside].max()),
    )
