"""Keep the colours of an edited region where its first frame had them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..mask.grow import feather_inside

# No true change of a region is undone by more than this, ours.
LARGEST_GAIN, LARGEST_SHIFT = 1.25, 0.1


@dataclass(frozen=True, kw_only=True)
class ColorStats:
    """Mean and spread of each channel, in 0..1."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]

    @classmethod
    def of(cls, frames: Float[Tensor, "t h w 3"], selected: Bool[Tensor, "t h w"]) -> ColorStats:
        """Of the selected pixels."""
        pixels = frames[selected].double()
        mean, spread = pixels.mean(dim=0), pixels.std(dim=0, correction=0)
        return cls(mean=tuple(map(float, mean)), spread=tuple(map(float, spread)))


def pull_colors(
    frames: Float[Tensor, "t h w 3"],
    source: Float[Tensor, "t h w 3"],
    effective: Float[Tensor, "t h w"],
    target: ColorStats,
    *,
    feather: int,
) -> Float[Tensor, "t h w 3"]:
    """An edited window whose region gets the mean and spread of `target`.

    One change a channel for all frames, so that nothing flickers; bounded, so that what truly
    changes is not undone. At the feathered border only the edit's share of a pixel changes.
    """
    selected = effective > 0
    if not selected.any():
        return frames
    found = ColorStats.of(frames, selected)
    gain, shift = _change(found, target)
    alpha = feather_inside(effective, feather)[..., None]
    mean = torch.tensor(found.mean, dtype=torch.float32)
    edit = alpha * source + (frames - source)  # alpha times the edit before it was mixed in
    pulled = source - alpha * source + gain * (edit - alpha * mean) + alpha * (mean + shift)
    return torch.where(selected[..., None], pulled.clamp(0, 1), frames)


def _change(found: ColorStats, target: ColorStats) -> tuple[Tensor, Tensor]:
    """Gain about the mean and shift of the mean, a channel each."""
    spread, wanted = torch.tensor(found.spread), torch.tensor(target.spread)
    gain = (wanted.clamp(min=1 / 255) / spread.clamp(min=1 / 255)).float()
    shift = (torch.tensor(target.mean) - torch.tensor(found.mean)).float()
    return (
        gain.clamp(1 / LARGEST_GAIN, LARGEST_GAIN),
        shift.clamp(-LARGEST_SHIFT, LARGEST_SHIFT),
    )
