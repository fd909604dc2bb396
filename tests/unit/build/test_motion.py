"""Camera motions over stills: equal steps, the same for every picture, nothing made up."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.build.motion import CameraMotion, crop_path, follow_path
from vivid_core.errors import InputError

motions = st.sampled_from(get_args(CameraMotion))
lengths = st.integers(2, 40)
crops = st.floats(0.1, 0.99)
OPPOSITE: dict[CameraMotion, CameraMotion] = {
    "zoom in": "zoom out",
    "move left": "move right",
    "move up": "move down",
}


def picture(seed: int, height: int = 9, width: int = 14) -> torch.Tensor:
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))


@given(motion=motions, frames=lengths, smallest=crops)
def test_crops_stay_in_the_picture_and_go_in_equal_steps(
    motion: CameraMotion, frames: int, smallest: float
):
    path = crop_path(motion, frames, smallest)
    for start in (path.left, path.top):
        assert bool((start >= -1e-9).all()) and bool((start + path.side <= 1 + 1e-9).all())
    assert float(path.side.min()) == pytest.approx(smallest)
    for values in (path.left, path.top, path.side):
        steps = values.diff()
        assert torch.allclose(steps, steps[0].expand_as(steps), atol=1e-9)
    moved = max(float((v[-1] - v[0]).abs()) for v in (path.left, path.top, path.side))
    assert moved == pytest.approx(1 - smallest)


@given(motion=st.sampled_from(list(OPPOSITE)), frames=lengths)
def test_the_opposite_motion_is_the_same_backwards(motion: CameraMotion, frames: int):
    there, back = crop_path(motion, frames), crop_path(OPPOSITE[motion], frames)
    for name in ("left", "top", "side"):
        assert torch.allclose(getattr(there, name), getattr(back, name).flip(0), atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(motion=motions, seed=st.integers(0, 99))
def test_a_picture_and_its_edit_get_the_same_path(motion: CameraMotion, seed: int):
    """What holds pixel by pixel holds frame by frame: the camera mixes each with the same ones."""
    path = crop_path(motion, 3)
    source, change = picture(seed), picture(seed + 100)
    both = follow_path(source, path) + follow_path(change, path)
    assert torch.allclose(follow_path(source + change, path), both, atol=1e-5)
    one = follow_path(source, path)
    assert one.amin() >= source.amin() - 1e-5 and one.amax() <= source.amax() + 1e-5


@pytest.mark.parametrize(("motion", "axis"), [("move right", 1), ("move down", 0)])
def test_a_move_shifts_by_parts_of_pixels(motion: CameraMotion, axis: int):
    """Over a picture that grows steadily, every frame differs from the last by the same bit."""
    side, frames = 20, 25
    ramp = torch.linspace(0, 1, side)
    steady = (ramp[:, None] if axis == 0 else ramp[None]).expand(side, side)[..., None]
    seen = follow_path(steady, crop_path(motion, frames))[:, 8:12, 8:12, 0].mean(dim=(1, 2))
    steps = seen.diff()
    assert torch.allclose(steps, steps[0].expand_as(steps), atol=1e-5)
    pixels = float(steps[0]) * (side - 1)
    assert pixels == pytest.approx(0.1 * side / (frames - 1), abs=1e-3) and pixels < 1


def test_a_zoom_starts_with_the_picture_itself():
    one = picture(1)
    assert torch.allclose(follow_path(one, crop_path("zoom in", 5))[0], one, atol=1e-5)
    assert torch.allclose(follow_path(one, crop_path("zoom out", 5))[-1], one, atol=1e-5)


@pytest.mark.parametrize(("frames", "smallest"), [(1, 0.9), (5, 1.0), (5, 0.0)])
def test_what_is_no_motion_is_refused(frames: int, smallest: float):
    with pytest.raises(InputError, match="length|crop"):
        crop_path("zoom in", frames, smallest)
