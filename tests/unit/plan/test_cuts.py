"""Hard cuts are found between scenes; motion, flashes and fades to nothing are not cuts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.media import read_clip
from vivid_core.plan.cuts import CutFinder, find_shots, survey_frames
from vivid_core.tiny.scenes.shapes import draw_scene


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    """Four scenes of 10 frames."""
    drawn = (draw_scene(seed, frames=10, height=48, width=64) for seed in (3, 4, 5, 6))
    return [(scene.render() * 255).astype(np.uint8) for scene in drawn]


@pytest.fixture(scope="module")
def two(make_world):
    """Two clips of 9 frames, float in 0..1."""
    return make_world("bricks", frames=9).frames, 1 - make_world("dots", frames=9).frames


def starts(frames) -> list[int]:
    return [shot.start for shot in survey_frames(frames).shots]


def ranges(frames: torch.Tensor) -> list[tuple[int, int]]:
    """The shots of a clip, which are those of its 8-bit frames one by one."""
    shots = find_shots(frames)
    assert survey_frames((frames * 255).round().byte().numpy()).shots == shots
    return [(shot.start, shot.stop) for shot in shots]


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


def test_frames_that_are_all_unlike_are_no_cuts():
    noise = np.random.default_rng(0).integers(0, 256, (9, 48, 64, 3), np.uint8)
    assert starts(noise) == [0]
    assert starts(np.concatenate([noise, np.zeros_like(noise)])) == [0, 9]


def test_a_cut_with_a_flash_between(scenes):
    flash = np.full_like(scenes[0][:1], 255)
    assert starts(np.concatenate([scenes[0], flash, scenes[1]])) == [0, 10, 11]


def test_one_frame(scenes):
    assert starts(scenes[0][:1]) == [0]


def test_the_digest_stands_for_the_pixels(scenes):
    changed = scenes[0].copy()
    changed[9, 0, 0, 0] ^= 1
    digest = survey_frames(scenes[0]).digest
    assert survey_frames(scenes[0].copy()).digest == digest
    assert survey_frames(changed).digest != digest
    assert survey_frames(scenes[0][:9]).digest != digest


def test_the_digest_is_the_one_that_stored_tracks_name():
    frames = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    assert survey_frames(frames).digest == "e28638fa69d2717ab26df167a0400b33"
    mirrored = survey_frames(frames[:, :, ::-1])  # not contiguous
    assert mirrored.digest == "00d68f65d50faa76e9604a50a20846a0"


def test_a_clip_without_cuts_is_one_shot(two):
    assert ranges(two[0]) == [(0, 9)]
    assert ranges(two[0][:1]) == [(0, 1)]


@pytest.mark.parametrize("at", [1, 4, 8])
def test_a_cut_is_found_where_it_is(two, at):
    assert ranges(torch.cat([two[0][:at], two[1]])) == [(0, at), (at, at + 9)]


def test_several_cuts_and_a_clip_of_two_frames(two):
    first, second = two
    clip = torch.cat([first[:4], second[:5], first[:3]])
    assert ranges(clip) == [(0, 4), (4, 9), (9, 12)]
    assert ranges(torch.stack([first[0], second[0]])) == [(0, 1), (1, 2)]


def test_a_flash_a_fade_and_fast_motion_are_no_cuts(two):
    first = two[0]
    flash = first.clone()
    flash[4] = 1
    assert ranges(flash) == [(0, 9)]
    fade = first * torch.linspace(1, 0, 9)[:, None, None, None]
    assert ranges(fade) == [(0, 9)]
    fast = torch.stack([torch.roll(first[0], 30 * t, 1) for t in range(9)])
    assert ranges(fast) == [(0, 9)]


def test_no_frames_are_refused():
    with pytest.raises(InputError, match="there are none"):
        find_shots(torch.zeros(0, 8, 8, 3))
    with pytest.raises(InputError, match="there are none"):
        survey_frames([])


def test_frames_can_be_added_one_by_one_in_either_depth(scenes):
    shallow, deep = CutFinder(), CutFinder()
    for count, frame in enumerate(np.concatenate(scenes[:2]), start=1):
        shallow.add(frame)
        deep.add(frame.astype(np.uint16) * 257)
        assert shallow.shots[-1].stop == count
        assert deep.shots == shallow.shots
    assert [shot.start for shot in shallow.shots] == [0, 10]


def test_real_clips_are_one_shot_and_spliced_ones_two(clips_dir):
    clips = [read_clip(path).frames[::2, ::8, ::8] for path in sorted(clips_dir.glob("*.mp4"))]
    for clip in clips:
        assert ranges(clip) == [(0, len(clip))]
    for one, other in itertools.permutations(clips, 2):
        assert ranges(torch.cat([one, other])) == [(0, len(one)), (len(one), len(one) + len(other))]


def test_a_cut_is_found_after_fast_motion(clips_dir):
    fast = read_clip(clips_dir / "train_running.mp4").frames[::4, ::8, ::8]
    calm = read_clip(clips_dir / "hiker.mp4").frames[::4, ::8, ::8]
    assert ranges(torch.cat([fast, calm])) == [(0, 13), (13, 26)]
