"""Hard cuts: found between scenes, not at flashes, motion or fades."""

from __future__ import annotations

import numpy as np
import pytest

from vivid_core.tiny.scenes.shapes import draw_scene
from vivid_core.track.shots import survey_frames


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    """Four scenes of 10 frames."""
    drawn = (draw_scene(seed, frames=10, height=48, width=64) for seed in (3, 4, 5, 6))
    return [(scene.render() * 255).astype(np.uint8) for scene in drawn]


def starts(frames) -> list[int]:
    return [shot.start for shot in survey_frames(frames).shots]


def test_cuts_between_scenes(scenes):
    assert starts(np.concatenate(scenes)) == [0, 10, 20, 30]
    survey = survey_frames(np.concatenate(scenes))
    assert [shot.stop for shot in survey.shots] == [10, 20, 30, 40]


def test_a_flash_is_no_cut(scenes):
    frames = scenes[0].copy()
    frames[4] = 255
    assert starts(frames) == [0]


def test_a_cut_from_black(scenes):
    frames = np.concatenate([np.zeros_like(scenes[0][:4]), scenes[0]])
    assert starts(frames) == [0, 4]


def test_fast_motion_is_no_cut(scenes):
    wide = np.concatenate(list(scenes[0][:1].repeat(4, 0)), axis=1)
    frames = np.stack([wide[:, 9 * t : 9 * t + 64] for t in range(20)])
    assert starts(frames) == [0]


def test_a_fade_is_no_cut(scenes):
    a, b = scenes[0][0].astype(float), scenes[1][0].astype(float)
    frames = np.stack([(a * (1 - t / 15) + b * t / 15) for t in range(16)]).astype(np.uint8)
    assert starts(frames) == [0]


def test_one_frame(scenes):
    assert starts(scenes[0][:1]) == [0]


def test_the_digest_stands_for_the_pixels(scenes):
    changed = scenes[0].copy()
    changed[9, 0, 0, 0] ^= 1
    digest = survey_frames(scenes[0]).digest
    assert survey_frames(scenes[0].copy()).digest == digest
    assert survey_frames(changed).digest != digest
    assert survey_frames(scenes[0][:9]).digest != digest
