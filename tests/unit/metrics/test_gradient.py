"""Gradient energy, and that the scenes' backgrounds are not too easy beside real clips."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, median

import pytest
import torch

from vivid_core.media import read_clip
from vivid_core.metrics.gradient import gradient_energy
from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED, draw_scene

SCENES = 64
CLIPS = ("horse", "kitten", "train_running", "hiker")


def test_a_flat_frame_has_none_and_a_step_has_its_square():
    frames = torch.zeros(1, 64, 64, 3)
    assert gradient_energy(frames) == 0
    frames[:, :, 32:] = 0.5
    assert gradient_energy(frames) == pytest.approx(0.25 / 63)


def test_the_size_of_the_frames_does_not_matter():
    frames = torch.zeros(1, 64, 64, 3)
    frames[:, 16:48, 16:48] = 1
    large = frames.repeat_interleave(5, 1).repeat_interleave(3, 2)
    assert gradient_energy(large) == pytest.approx(gradient_energy(frames), rel=1e-4)


def test_backgrounds_have_at_least_half_the_energy_of_real_clips(clips_dir: Path):
    clips = [gradient_energy(read_clip(clips_dir / f"{name}.mp4").frames) for name in CLIPS]
    scenes = [draw_scene(HELD_OUT_SEED + i, frames=2) for i in range(SCENES)]
    bare = [scene.render(without=tuple(range(len(scene.things)))) for scene in scenes]
    assert fmean(gradient_energy(torch.from_numpy(b)) for b in bare) >= 0.5 * median(clips)
