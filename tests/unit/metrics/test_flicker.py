"""Flicker inside a hole, raw and along the true motion."""

from __future__ import annotations

import math

import pytest
import torch

from vivid_core.errors import InputError, MaskError
from vivid_core.metrics.flicker import flicker_ratio, temporal_flicker
from vivid_core.tiny.scenes.shapes import draw_scene


def blinking(step: float) -> torch.Tensor:
    return torch.tensor([0.0, step, 0.0])[:, None, None, None].expand(3, 6, 6, 3).clone()


def test_it_is_the_mean_step_of_pixels_that_stay_in_the_hole():
    frames, mask = blinking(0.2), torch.zeros(3, 6, 6)
    mask[0, :3] = mask[1, 1:4] = mask[2, 1:4] = 1
    frames[:, [0, 4, 5]] = torch.rand(3, 1, 6, 3)  # in the hole of one frame, or of none
    frames[1, 3] = frames[2, 3] + 0.4
    steps_of_two_rows_then_three = (2 * 0.2 + 2 * 0.2 + 0.4) / 5
    assert temporal_flicker(frames, mask) == pytest.approx(steps_of_two_rows_then_three)


def test_ratio_to_the_references_own():
    mask = torch.ones(3, 6, 6)
    assert flicker_ratio(blinking(0.3), blinking(0.2), mask) == pytest.approx(1.5)
    assert flicker_ratio(blinking(0.0), blinking(0.0), mask) == 1
    assert flicker_ratio(blinking(0.1), blinking(0.0), mask) == math.inf


def test_whole_pixel_motion_is_no_flicker_along_its_flow():
    world = torch.rand(20, 20, 3)
    frames = torch.stack([world[t : t + 8, 2 * t : 2 * t + 8] for t in range(4)])
    flow = torch.tensor([-2.0, -1.0]).expand(3, 8, 8, 2)
    mask = torch.ones(4, 8, 8)
    assert temporal_flicker(frames, mask) > 0.1
    assert temporal_flicker(frames, mask, flow) == pytest.approx(0, abs=1e-5)


def test_exact_flow_of_a_scene_explains_most_of_its_motion():
    scene = draw_scene(1_000_003, frames=5)
    frames, flow = torch.from_numpy(scene.render()), torch.from_numpy(scene.flow())
    mask = torch.from_numpy(scene.mask())
    raw, followed = temporal_flicker(frames, mask), temporal_flicker(frames, mask, flow)
    assert followed < 0.3 * raw


def test_nothing_to_compare_is_an_error():
    with pytest.raises(InputError, match="need at least two"):
        temporal_flicker(torch.zeros(1, 4, 4, 3), torch.ones(1, 4, 4))
    mask = torch.zeros(3, 6, 6)
    mask[0, 0] = mask[1, 5] = 1
    with pytest.raises(MaskError, match="selects nothing"):
        temporal_flicker(blinking(0.1), mask)
