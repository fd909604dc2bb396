"""The recogniser names what held-out scenes show, and says nothing about nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivid_core.mask.augment import MaskMode, augment_mask
from vivid_core.tiny.scenes.recognise import nearest_colors, recognise
from vivid_core.tiny.scenes.shapes import COLORS, HELD_OUT_SEED, draw_scene

SCENES = 64
LOOKED_AT = (0, 8, 16)  # of the 17 frames: those that it reads
MODES: tuple[MaskMode, ...] = ("expand", "hull", "box")


def words(seed: int, *, noise: float = 0.0) -> tuple[str, str]:
    """What is recognised in a scene and what is there."""
    scene = draw_scene(seed)
    mask = torch.from_numpy(scene.mask(times=LOOKED_AT))
    hole = augment_mask(mask, mode=MODES[seed % len(MODES)], seed=seed).numpy()
    grain = np.random.default_rng(seed).normal(0, noise, (len(LOOKED_AT), 64, 64, 3))
    frames = np.clip(scene.render(times=LOOKED_AT) + grain, 0, 1).astype(np.float32)
    target = scene.target_thing
    return recognise(frames, hole).words, f"{target.color} {target.shape}"


def test_it_agrees_with_at_least_98_percent_of_held_out_scenes():
    answers = [words(HELD_OUT_SEED + i) for i in range(SCENES)]
    wrong = [answer for answer in answers if answer[0] != answer[1]]
    assert len(wrong) <= 0.02 * SCENES, wrong


def test_noise_of_a_soft_model_hardly_confuses_it():
    answers = [words(seed, noise=0.06) for seed in range(24)]
    assert sum(seen == true for seen, true in answers) >= 23, answers


@pytest.mark.parametrize("size", [48, 96])
def test_it_works_at_other_sizes(size):
    scene = draw_scene(5, frames=3, height=size, width=size)
    target = scene.target_thing
    seen = recognise(scene.render(), scene.mask())
    assert seen.words == f"{target.color} {target.shape}"
    assert seen.score > 0.8


def test_an_empty_background_is_nothing():
    scene = draw_scene(HELD_OUT_SEED)
    bare = scene.render(without=tuple(range(len(scene.things))))
    seen = recognise(bare, scene.mask())
    assert (seen.color, seen.shape, seen.score) == (None, None, 0.0)
    assert recognise(scene.render(), np.zeros((17, 64, 64), np.float32)).color is None


def test_only_what_the_mask_holds_counts():
    frames = np.full((3, 64, 64, 3), 0.4, np.float32)
    frames[:, 10:26, 8:24] = np.array(COLORS["red"], np.float32) / 255
    frames[:, 36:54, 36:54] = np.array(COLORS["blue"], np.float32) / 255
    for name, window in {"red": np.s_[:, :32, :32], "blue": np.s_[:, 32:, 32:]}.items():
        mask = np.zeros((3, 64, 64), np.float32)
        mask[window] = 1
        assert recognise(frames, mask).words == f"{name} square"


def test_palette_colours_are_known_under_their_shading():
    for index, rgb in enumerate(COLORS.values()):
        for shading in (0.8, 0.95, 1.2):
            pixel = np.clip(np.array(rgb, np.float32) / 255 * np.float32(shading), 0, 1)
            assert nearest_colors(pixel[None, None, None])[0, 0, 0] == index
