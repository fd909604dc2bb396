"""What tells networks apart: options, and names, shapes, precisions and some values of weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from ..files.digest import digest_of

THOROUGH = 1024  # values of each weight where a network is looked at once


def network_digest(network: nn.Module) -> str:
    """Stands for what a network computes. Those that differ in other values only are the same."""
    options = {"config": str(getattr(network, "config", "")), "tiling": tiling_of(network)}
    return digest_of(options, list(sampled_weights(network, THOROUGH)))


def sampled_weights(network: nn.Module, count: int) -> Iterator[list[Any]]:
    """Of each weight: its name, shape, precision and `count` of its values."""
    for name, weight in network.named_parameters():
        flat = weight.detach().flatten()
        picked = flat[:: max(1, flat.numel() // count)][:count].float().cpu()
        yield [name, list(weight.shape), str(weight.dtype), picked.tolist()]


def tiling_of(network: nn.Module) -> dict[str, Any]:
    """In which tiles a VAE works, if it does."""
    if not getattr(network, "use_tiling", False):
        return {}
    return {name: value for name, value in vars(network).items() if name.startswith("tile_")}
