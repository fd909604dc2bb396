"""What a model makes depends on its weights, on how its VAE is tiled and on where it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from vivid_core.chain.digest import model_digest
from vivid_core.cogvideox.bundle import ModelBundle
from vivid_core.cogvideox.placement import enable_tiling

CPU = torch.device("cpu")


@pytest.fixture
def untiled(quick: ModelBundle) -> Iterator[ModelBundle]:
    yield quick
    quick.vae.disable_tiling()


def test_tiles_and_their_size_change_it(untiled):
    digests = [model_digest(untiled, CPU)]
    enable_tiling(untiled.vae)
    digests.append(model_digest(untiled, CPU))
    untiled.vae.enable_tiling(tile_sample_min_height=64)
    digests.append(model_digest(untiled, CPU))
    assert len(set(digests)) == 3


def test_sizes_of_tiles_that_are_not_used_do_not_count(untiled):
    before = model_digest(untiled, CPU)
    untiled.vae.enable_tiling(tile_sample_min_height=128)
    untiled.vae.disable_tiling()
    assert model_digest(untiled, CPU) == before


def test_another_kind_of_device_changes_it(quick):
    assert model_digest(quick, torch.device("meta")) != model_digest(quick, CPU)
    assert model_digest(quick, torch.device("cpu", 0)) == model_digest(quick, CPU)


def test_another_weight_changes_it(quick):
    before = model_digest(quick, CPU)
    weight = next(quick.transformer.parameters())
    with torch.no_grad():
        weight.add_(1)
        try:
            assert model_digest(quick, CPU) != before
        finally:
            weight.sub_(1)
