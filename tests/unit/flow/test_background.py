"""A mask stays on the background under a moving camera, and says how sure it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vivid_core.errors import InputError, MaskError
from vivid_core.flow.background import propagate_background_mask, warp_mask


def overlaps(found: torch.Tensor, true: torch.Tensor) -> list[float]:
    """Intersection over union, frame by frame."""
    a, b = found > 0.5, true > 0.5
    both, either = (a & b).sum((1, 2)), (a | b).sum((1, 2))
    return (both / either.clamp(min=1)).tolist()


@pytest.mark.parametrize(("pattern", "keyframe"), [("bricks", 0), ("dots", 6), ("waves", 12)])
def test_a_mask_stays_where_it_is(make_world, engine, pattern, keyframe):
    world = make_world(pattern)
    found = propagate_background_mask(
        world.frames, world.patch[keyframe], engine, keyframe=keyframe
    )
    shares = overlaps(found.values, world.patch)
    assert np.mean(shares) >= 0.97
    assert min(shares[0], shares[-1]) >= 0.94
    assert torch.equal(found.values[keyframe], world.patch[keyframe])
    assert found.confidence[keyframe] == 1
    assert found.confidence.min() > 0.5
    assert not found.parallax
    assert found.warnings == ()


def test_what_crosses_the_mask_carries_dense_flow_off_but_not_ours(crossed_world, engine):
    frames, patch = crossed_world.frames, crossed_world.patch
    ours = propagate_background_mask(frames, patch[0], engine)
    known = propagate_background_mask(frames, patch[0], engine, entities=crossed_world.mover)
    for found in (ours, known):
        shares = overlaps(found.values, patch)
        assert np.mean(shares) >= 0.94
        assert shares[-1] >= 0.90
    dense = overlaps(
        propagate_background_mask(frames, patch[0], engine, method="dense").values, patch
    )
    assert dense[-1] < 0.6


def test_parallax_is_followed_by_the_mask_s_own_surroundings(make_world, engine):
    """The lower part of the picture is nearer and moves by itself."""
    far = make_world("dots")
    other = replace(far.scene.camera, swing=(40.0, 3.0), zoom_swing=0.02, roll_swing=0.0)
    near = make_world("bricks", camera=other)
    frames = far.frames.clone()
    frames[:, 84:] = near.frames[:, 84:]
    mask = torch.zeros(144, 216)
    mask[104:128, 80:120] = 1
    found = propagate_background_mask(frames, mask, engine, keyframe=6)
    assert found.parallax
    true = [warp_mask(mask.numpy(), near.true_matrix(6, t)) for t in range(13)]
    shares = overlaps(found.values, torch.from_numpy(np.stack(true)))
    assert np.mean(shares) >= 0.9


def test_edges_stay_soft_when_the_mask_is_hard(still_world, engine):
    hard = (still_world.patch[0] > 0.5).float()
    found = propagate_background_mask(still_world.frames, hard, engine).values[1:]
    assert found.min() >= 0
    assert found.max() <= 1
    assert ((found > 0.05) & (found < 0.95)).flatten(1).any(dim=1).all()


def test_a_shrinking_mask_is_antialiased():
    comb = np.zeros((64, 64), np.float32)
    comb[:, ::2] = 1
    small = warp_mask(comb, np.diag([0.25, 0.25, 1.0]))
    assert np.abs(small[4:12, 4:12] - 0.5).max() < 0.1


def test_a_blank_clip_keeps_the_mask_and_says_that_it_is_lost(engine):
    mask = torch.zeros(64, 64)
    mask[20:40, 20:40] = 1
    found = propagate_background_mask(torch.full((3, 64, 64, 3), 0.5), mask, engine)
    assert torch.equal(found.values, mask.expand(3, -1, -1))
    assert found.confidence.tolist() == [1, 0, 0]
    assert "hard to follow on 2 of 3 frames" in found.warnings[0]


def test_a_mask_stays_in_its_shot(make_world, engine):
    one, other = make_world("bricks", frames=4), make_world("dots", frames=5)
    frames = torch.cat([one.frames, 1 - other.frames])
    found = propagate_background_mask(frames, other.patch[2], engine, keyframe=6)
    assert [(s.start, s.stop) for s in found.shots] == [(0, 4), (4, 9)]
    assert not found.values[:4].any()
    assert found.confidence[:4].tolist() == [0] * 4
    assert min(overlaps(found.values[4:], other.patch)) > 0.9
    assert "2 shots: the mask covers frames 4 to 8" in found.warnings[0]


def test_the_same_clip_gives_the_same_mask_and_is_left_alone(still_world, engine):
    frames, patch = still_world.frames[:4], still_world.patch[0]
    before = frames.clone(), patch.clone()
    runs = [propagate_background_mask(frames, patch, engine).values for _ in range(2)]
    assert torch.equal(*runs)
    assert torch.equal(frames, before[0])
    assert torch.equal(patch, before[1])


def test_values_that_do_not_fit_are_refused(still_world, engine):
    frames, patch = still_world.frames, still_world.patch
    with pytest.raises(InputError, match="keyframe: must be 0 to 12, got 13"):
        propagate_background_mask(frames, patch[0], engine, keyframe=13)
    with pytest.raises(MaskError, match="is 50x40 but the clip is 216x144"):
        propagate_background_mask(frames, torch.ones(40, 50), engine)
    with pytest.raises(MaskError, match="mask: is empty"):
        propagate_background_mask(frames, torch.zeros(144, 216), engine)
    with pytest.raises(MaskError, match="entities: are .*one mask a frame"):
        propagate_background_mask(frames, patch[0], engine, entities=patch[:2])
