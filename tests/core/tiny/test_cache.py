"""Shards hold what the recipe says: targets, conditions that fit them, captions, keyframes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivid_core.cogvideox.text import DELETE_CAPTION
from vivid_core.tiny.build import LATENT_SCALE, build_vae
from vivid_core.tiny.recipe.cache import VariantCache, VariantConfig, VariantEncoder
from vivid_core.tiny.scenes.captions import words_of
from vivid_core.tiny.scenes.shapes import draw_scene


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


def test_a_foreign_hole_holds_other_shapes_in_turn(vae, tmp_path):
    """One condition for all of them, and outside it every target shows the scene without them."""
    options = {"frames": 1, "draw_variants": 0, "delete_variants": 0, "uncolored_share": 0.0}
    cache = cache_of(vae, tmp_path, foreign_holes=1, fitted_targets=3, **options)
    used = [s for s in cache.samples if s.condition >= 0]
    assert [s.condition for s in used] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len({s.target for s in used}) == 9
    assert {s.task for s in used} == {"add"}
    for i, seed in enumerate((3, 4, 5)):
        background = cache.targets[5 * i + 1]
        words = {word for s in used[3 * i : 3 * i + 3] for c in s.captions for word in words_of(c)}
        assert draw_scene(seed).target_thing.shape not in words
        for sample in used[3 * i : 3 * i + 3]:
            changed = (cache.targets[sample.target] - background).abs().float().mean(0)
            kept = cache.conditions[sample.condition][0] > LATENT_SCALE * 0.99
            assert changed[~kept].mean() > 2 * changed[kept].mean()


def test_a_keyframe_is_of_the_one_shape_in_its_hole(vae):
    """Its frame has no hole, and shows the new shape where the others have one."""
    options = {"draw_variants": 0, "delete_variants": 0, "keyframe_shares": {"first": 1.0}}
    config = VariantConfig(foreign_holes=1, fitted_targets=3, **options)
    for seed in (3, 4, 5):
        drawn = VariantEncoder(vae, config)._draw(seed)
        assert [record["condition"] for record in drawn.records] == [-1, -1, 0]
        (clip, hole), background = drawn.holes[0], drawn.clips[1]
        assert not hole[0].any()
        assert hole[1:].flatten(1).any(dim=1).all()
        changed = (drawn.clips[clip] - background).abs().amax(dim=(0, 2, 3))
        assert (changed > 0.1).all()


def test_bfloat16_gives_about_the_same_latents(vae, tmp_path):
    exact = cache_of(vae, tmp_path / "a", frames=1).targets
    rounded = cache_of(vae, tmp_path / "b", frames=1, bfloat16=True).targets
    difference = (torch.stack(exact) - torch.stack(rounded)).float().std()
    assert 0 < difference < 0.05 * torch.stack(exact).float().std()
