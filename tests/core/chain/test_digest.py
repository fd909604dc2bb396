"""What a model makes depends on its weights, on how its VAE is tiled and on where it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.cogvideox.placement import enable_tiling

CPU = torch.device("cpu")


@pytest.fixture
def untiled(quick: CogVideoX) -> Iterator[CogVideoX]:
    yield quick
    quick.vae.disable_tiling()


def test_tiles_and_their_size_change_it(untiled):
    digests = [untiled.digest(CPU)]
    enable_tiling(untiled.vae)
    digests.append(untiled.digest(CPU))
    untiled.vae.enable_tiling(tile_sample_min_height=64)
    digests.append(untiled.digest(CPU))
    assert len(set(digests)) == 3


def test_sizes_of_tiles_that_are_not_used_do_not_count(untiled):
    before = untiled.digest(CPU)
    untiled.vae.enable_tiling(tile_sample_min_height=128)
    untiled.vae.disable_tiling()
    assert untiled.digest(CPU) == before


def test_another_kind_of_device_changes_it(quick):
    assert quick.digest(torch.device("meta")) != quick.digest(CPU)
    assert quick.digest(torch.device("cpu", 0)) == quick.digest(CPU)


def test_another_weight_changes_it(quick):
    before = quick.digest(CPU)
    weight = next(quick.transformer.parameters())
    with torch.no_grad():
        weight.add_(1)
        try:
            assert quick.digest(CPU) != before
        finally:
            weight.sub_(1)
