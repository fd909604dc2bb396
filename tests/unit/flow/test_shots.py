"""Hard cuts are found; motion, fades and flashes are not cuts."""

from __future__ import annotations

import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.flow.shots import find_shots
from vivid_core.media import read_clip


def ranges(frames: torch.Tensor) -> list[tuple[int, int]]:
    return [(shot.start, shot.stop) for shot in find_shots(frames)]


@pytest.fixture(scope="module")
def two(make_world):
    return make_world("bricks", frames=9).frames, 1 - make_world("dots", frames=9).frames


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


def test_real_clips_are_one_shot_and_spliced_ones_two(clips_dir):
    clips = [read_clip(path).frames[::2, ::8, ::8] for path in sorted(clips_dir.glob("*.mp4"))]
    for clip in clips:
        assert ranges(clip) == [(0, len(clip))]
    for one, other in zip(clips, clips[1:], strict=False):
        assert ranges(torch.cat([one, other])) == [(0, len(one)), (len(one), len(one) + len(other))]
