"""Shards hold what the recipe says: targets, conditions that fit them, captions, keyframes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivid_core.cogvideox.text import DELETE_CAPTION
from vivid_core.tiny.build import build_vae
from vivid_core.tiny.recipe.cache import VariantCache, VariantConfig, VariantEncoder


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return build_vae((4, 4, 4), norm_groups=2).requires_grad_(False)


def cache_of(vae, folder: Path, **options) -> VariantCache:
    config = VariantConfig(**options)
    VariantEncoder(vae, config).write_shard(folder / "a.safetensors", [3, 4])
    VariantEncoder(vae, config).write_shard(folder / "b.safetensors", [5])
    return VariantCache(folder)


def test_samples_point_at_their_own_scene(vae, tmp_path):
    cache = cache_of(vae, tmp_path, keyframe_shares={"none": 1.0})
    assert len(cache.targets) == 6  # each scene with and without its target
    assert cache.targets[0].shape == (16, 5, 16, 16)
    assert all(c.shape == (17, 5, 16, 16) for c in cache.conditions)
    used = [s for s in cache.samples if s.condition >= 0]
    assert [s.condition for s in used] == list(range(len(cache.conditions)))
    for sample in used:
        target, condition = cache.targets[sample.target], cache.conditions[sample.condition]
        known = condition[0] == condition[0].max()  # where the mask channel says "keep"
        far = known.clone()
        far[:, 1:-1, 1:-1] &= known[:, :-2, 1:-1] & known[:, 2:, 1:-1] & known[:, 1:-1, :-2]
        near = (condition[1:] - target).abs().float().mean(0)
        assert near[far].mean() < near[~known].mean()


def test_deletions_show_the_clean_background_under_the_fixed_caption(vae, tmp_path):
    cache = cache_of(vae, tmp_path)
    deletions = [s for s in cache.samples if s.task == "delete"]
    assert {c for s in deletions for c in s.captions} == {DELETE_CAPTION}
    assert {s.target % 2 for s in deletions} == {1}
    assert {s.target % 2 for s in cache.samples if s.task == "add"} == {0}


def test_a_known_first_frame_leaves_no_hole_in_the_first_latent(vae, tmp_path):
    cache = cache_of(vae, tmp_path, keyframe_shares={"first": 1.0})
    assert all(c[0, 0].min() == c[0].max() for c in cache.conditions)
    assert all(c[0, 1:].min() < c[0].max() for c in cache.conditions)


def test_images_are_one_latent_frame(vae, tmp_path):
    cache = cache_of(vae, tmp_path, frames=1)
    assert cache.targets[0].shape == (16, 1, 16, 16)
    assert all(c.shape == (17, 1, 16, 16) for c in cache.conditions)


def test_holes_of_another_outline_still_hold_the_thing(vae, tmp_path):
    """They are the union with the thing's own mask, so no part of it is given away outside."""
    own = cache_of(vae, tmp_path / "own", frames=1, delete_variants=0)
    foreign = cache_of(vae, tmp_path / "foreign", frames=1, delete_variants=0, foreign_share=1.0)
    for cache in (own, foreign):
        for sample in (s for s in cache.samples if s.task == "add"):
            with_thing, without = cache.targets[sample.target], cache.targets[sample.target + 1]
            changed = (with_thing - without).abs().float().mean(0)
            kept = cache.conditions[sample.condition][0] > 1.15 * 0.99
            assert changed[~kept].mean() > 2 * changed[kept].mean()
    assert _hole_area(foreign) > 1.1 * _hole_area(own)


def _hole_area(cache: VariantCache) -> float:
    return sum(float((c[0] < c[0].max()).sum()) for c in cache.conditions)
