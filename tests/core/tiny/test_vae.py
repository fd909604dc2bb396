"""What the VAE is trained on: things of all sizes, their pixels counting more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vivid_core.tiny.recipe.vae import VaeConfig, VaeTask, shrink_things
from vivid_core.tiny.scenes.shapes import draw_scene

SMALL = VaeConfig(channels=(4, 4, 4), norm_groups=2, draws=((1, 2, 1.0),), bfloat16=False)


def test_things_shrink_within_the_share_given():
    scene = draw_scene(3)
    shares = [
        small.radius / thing.radius
        for seed in range(20)
        for small, thing in zip(
            shrink_things(scene, 0.6, np.random.default_rng(seed)).things, scene.things, strict=True
        )
    ]
    assert min(shares) >= 0.6
    assert max(shares) <= 1
    assert np.std(shares) > 0.05
    assert shrink_things(scene, 1.0, np.random.default_rng(0)) == scene


def test_an_error_on_a_thing_costs_more_than_one_on_the_ground():
    clip = VaeTask(SMALL)._draw(torch.Generator().manual_seed(0))
    losses = {}
    for weight in (1.0, 6.0):
        task = VaeTask(replace(SMALL, thing_weight=weight))
        posterior = task.vae.encode(clip.pixels).latent_dist
        for name, place in (("thing", clip.things), ("ground", 1 - clip.things)):
            wrong = clip.pixels + 0.1 * (place > 0.99)
            losses[name, weight] = float(task._losses(clip, wrong, posterior)["loss"].detach())
    assert losses["thing", 6.0] > losses["thing", 1.0]
    assert losses["ground", 6.0] < losses["ground", 1.0]


@pytest.mark.parametrize(
    ("name", "value"), [("thing_weight", 0), ("smallest_thing", 0), ("smallest_thing", 2)]
)
def test_impossible_values_are_refused(name: str, value: float):
    with pytest.raises(ValueError, match="smallest_thing"):
        VaeConfig(**{name: value})
