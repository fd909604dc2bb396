"""Scenes: masks, clean backgrounds, flow and captions are exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.tiny.scenes.captions import local_caption, scene_caption, vocabulary, words_of
from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED, draw_scene, is_held_out

seeds = st.integers(0, 2 * HELD_OUT_SEED)
some = settings(max_examples=12)


@some
@given(seeds)
def test_the_same_seed_gives_the_same_scene(seed):
    assert np.array_equal(draw_scene(seed).render(), draw_scene(seed).render())


@some
@given(seeds)
def test_removing_the_target_changes_its_mask_only(seed):
    scene = draw_scene(seed)
    changed = np.abs(scene.render() - scene.background()).max(axis=-1) > 0
    assert not (changed & (scene.mask() == 0)).any()
    assert changed[scene.mask() > 0.5].mean() > 0.9


@some
@given(seeds)
def test_the_target_is_seen_from_first_to_last_frame(seed):
    masks = draw_scene(seed).mask()
    assert (masks.reshape(len(masks), -1).sum(axis=1) > 20).all()


@some
@given(seeds)
def test_held_out_pairs_appear_only_from_the_held_out_seeds_on(seed):
    scene = draw_scene(seed)
    for index, thing in enumerate(scene.things):
        expected = seed >= HELD_OUT_SEED and index == scene.target
        assert is_held_out(thing.color, thing.shape) == expected


@some
@given(seeds)
def test_flow_finds_each_pixel_in_the_next_frame(seed):
    scene = draw_scene(seed, height=96, width=128)
    frames, flow = torch.from_numpy(scene.render()), torch.from_numpy(scene.flow())
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(128.0), indexing="ij")
    target = torch.stack([x, y], -1) + flow[0]
    grid = (target + 0.5) / torch.tensor([128.0, 96.0]) * 2 - 1
    later = F.grid_sample(
        frames[1].permute(2, 0, 1)[None], grid[None], align_corners=False, padding_mode="border"
    )[0].permute(1, 2, 0)
    inside = (grid.abs() < 0.97).all(-1)
    error = (later - frames[0]).abs().amax(-1)[inside]
    assert error.median() < 0.02
    assert (error < 0.15).float().mean() > 0.9  # the rest: what gets covered or is resampled


@pytest.mark.parametrize("size", [(64, 64), (48, 80), (120, 64)])
@pytest.mark.parametrize("frames", [1, 5, 33])
def test_any_size_and_length(size, frames):
    scene = draw_scene(3, frames=frames, height=size[0], width=size[1])
    assert scene.render().shape == (frames, *size, 3)
    assert scene.mask().shape == (frames, *size)
    assert scene.flow().shape == (frames - 1, *size, 2) if frames > 1 else True


@some
@given(seeds, st.booleans())
def test_captions_use_known_words(seed, name_color):
    scene, known = draw_scene(seed), set(vocabulary())
    caption = local_caption(scene, np.random.default_rng(seed), name_color=name_color)
    assert set(words_of(caption)) | set(words_of(scene_caption(scene))) <= known
    assert (scene.target_thing.color in words_of(caption)) >= name_color
    assert scene.target_thing.shape in words_of(caption)


def test_the_camera_moves_in_every_scene():
    for seed in range(40):
        poses = np.array([draw_scene(seed).camera.pose(t)[:2] for t in range(17)])
        assert np.hypot(*np.diff(poses, axis=0).T).sum() > 1.0
