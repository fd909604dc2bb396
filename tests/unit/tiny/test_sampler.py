"""The recipe's ratios come out of the draws."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.tiny.recipe.sampler import (
    RecipeConfig,
    SamplePool,
    draw_medium,
    draw_samples,
)

DRAWS = 3000


@settings(max_examples=10)
@given(st.floats(0, 20), st.integers(0, 1000))
def test_images_per_video(ratio, seed):
    config, generator = RecipeConfig(images_per_video=ratio), torch.Generator().manual_seed(seed)
    images = sum(draw_medium(config, generator) == "image" for _ in range(DRAWS)) / DRAWS
    assert abs(images - ratio / (ratio + 1)) < 0.05


@settings(max_examples=10)
@given(st.floats(0, 9), st.integers(0, 1000), st.integers(1, 30), st.integers(1, 30))
def test_deletions_are_one_in_ratio_plus_one(ratio, seed, additions, deletions):
    tasks = ["add"] * additions + ["delete"] * deletions
    config = RecipeConfig(draws_per_deletion=ratio)
    pool = SamplePool.of(tasks, range(len(tasks)))
    picked = draw_samples(pool, DRAWS, config, torch.Generator().manual_seed(seed))
    share = sum(tasks[i] == "delete" for i in picked) / DRAWS
    assert abs(share - 1 / (ratio + 1)) < 0.05


def test_a_pool_without_deletions_still_serves():
    pool = SamplePool.of(["scene"] * 3, range(3))
    picked = draw_samples(pool, 50, RecipeConfig(), torch.Generator().manual_seed(0))
    assert set(picked) == {0, 1, 2}


def test_samples_come_from_those_named_only():
    pool = SamplePool.of(["add", "delete", "add", "delete"], [1, 2])
    picked = draw_samples(pool, 50, RecipeConfig(), torch.Generator().manual_seed(0))
    assert set(picked) == {1, 2}
