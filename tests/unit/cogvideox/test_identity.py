"""Networks that differ have different digests, and those that do not have the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX
from torch import nn

from vivid_core.cogvideox.identity import network_digest
from vivid_core.cogvideox.placement import enable_tiling
from vivid_core.tiny.build import build_vae


@pytest.fixture
def pair() -> tuple[AutoencoderKLCogVideoX, AutoencoderKLCogVideoX]:
    first, second = (build_vae((4, 4, 4), norm_groups=2) for _ in range(2))
    second.load_state_dict(first.state_dict())
    return first, second


def _scale_last(network: nn.Module) -> None:
    with torch.no_grad():
        list(network.parameters())[-1].add_(1)


@pytest.mark.parametrize("change", [_scale_last, nn.Module.bfloat16, enable_tiling])
def test_weights_precision_and_tiles_tell_networks_apart(
    pair: tuple[AutoencoderKLCogVideoX, AutoencoderKLCogVideoX], change: Callable
):
    first, second = pair
    assert network_digest(first) == network_digest(second)
    change(second)
    assert network_digest(first) != network_digest(second)


def test_options_tell_networks_apart(
    pair: tuple[AutoencoderKLCogVideoX, AutoencoderKLCogVideoX],
):
    first, second = pair
    second.register_to_config(scaling_factor=0.5)
    assert network_digest(first) != network_digest(second)
