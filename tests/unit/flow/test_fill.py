"""What another frame shows is filled in; what none shows is reported, and nothing else changes."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
import torch

from vivid_core.errors import InputError, MaskError
from vivid_core.flow.dis import DisFlow
from vivid_core.flow.fill import BackgroundFill, fill_background
from vivid_core.flow.warp import homography_places, pull, stays_inside
from vivid_core.runtime import Progress, Runtime


def psnr(result: torch.Tensor, true: torch.Tensor, where: torch.Tensor) -> float:
    return -10 * math.log10(float((result - true).square()[where].mean()))


def telea(frames: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    filled = [
        cv2.inpaint((f * 255).round().byte().numpy(), h.byte().numpy(), 3, cv2.INPAINT_TELEA)
        for f, h in zip(frames, hole, strict=True)
    ]
    return torch.from_numpy(np.stack(filled)).float() / 255


def truly_never_seen(world, hole: np.ndarray) -> np.ndarray:
    """Pixels of the hole whose place no other frame shows, by the true camera path."""
    left = hole.copy()
    size = hole.shape[1:]
    for t in range(len(hole)):
        for s in range(len(hole)):
            places = homography_places(world.true_matrix(t, s), *size)
            shown = pull((~hole[s]).astype(np.float32), places, border=cv2.BORDER_REPLICATE)
            left[t] &= ~((shown > 1 - 1e-4) & stays_inside(places, size))
    return left


@pytest.fixture(scope="module")
def filled(crossed_world, engine) -> BackgroundFill:
    return fill_background(crossed_world.frames, crossed_world.mover, engine)


def test_what_is_revealed_comes_back(crossed_world, filled):
    hole = crossed_world.mover > 0.5
    seen = hole & (filled.never_seen < 0.5)
    assert seen.sum() > 0.95 * hole.sum()
    ours = psnr(filled.frames, crossed_world.backdrop, seen)
    assert ours > psnr(telea(crossed_world.frames, hole), crossed_world.backdrop, seen) + 3
    assert ours > 30


def test_outside_the_hole_nothing_changes(crossed_world, filled):
    outside = crossed_world.mover <= 0.5
    assert torch.equal(filled.frames[outside], crossed_world.frames[outside])
    assert not filled.never_seen[outside].any()
    left = filled.never_seen > 0.5
    assert torch.equal(filled.frames[left], crossed_world.frames[left])
    assert set(filled.never_seen.unique().tolist()) <= {0.0, 1.0}


def test_the_never_seen_area_is_exact(make_world, engine):
    """Something that stays in the middle of the picture while the camera moves slowly."""
    world = make_world("dots", frames=9)
    hole = torch.zeros(world.frames.shape[:3])
    hole[:, 50:100, 80:140] = 1
    broken = world.frames.clone()
    broken[hole > 0.5] = torch.tensor([0.9, 0.1, 0.1])
    found = (fill_background(broken, hole, engine).never_seen > 0.5).numpy()
    true = truly_never_seen(world, hole.numpy() > 0.5)
    assert true.any()
    assert not true.all()
    cross = np.ones((3, 3), np.uint8)
    for ours, exact in zip(found, true, strict=True):
        inner, outer = (
            cv2.erode(exact.astype(np.uint8), cross),
            cv2.dilate(exact.astype(np.uint8), cross),
        )
        assert (ours >= inner).all()
        assert (ours <= outer).all()
    assert (found ^ true).sum() < 0.02 * (hole > 0.5).sum()


def test_still_camera_and_still_hole_leave_everything_to_generate(engine, still_world):
    frames = still_world.frames[:1].expand(4, -1, -1, -1).contiguous()
    mask = torch.zeros(4, 144, 216)
    mask[:, 60:90, 90:130] = 1
    result = fill_background(frames, mask, engine)
    assert torch.equal(result.never_seen, mask)
    assert torch.equal(result.frames, frames)


def test_changing_light_is_matched(crossed_world, engine):
    gains = torch.linspace(0.75, 1.15, 13)[:, None, None, None]
    frames, true = crossed_world.frames * gains, crossed_world.backdrop * gains
    result = fill_background(frames.clamp(0, 1), crossed_world.mover, engine)
    seen = (crossed_world.mover > 0.5) & (result.never_seen < 0.5)
    assert psnr(result.frames, true.clamp(0, 1), seen) > 25


def test_each_shot_is_filled_from_itself(crossed_world, make_world, engine):
    other = make_world("dots", frames=4)
    frames = torch.cat([crossed_world.frames[4:9], 1 - other.frames])
    mask = torch.zeros(9, 144, 216)
    mask[:5] = crossed_world.mover[4:9]
    mask[5:, 60:80, 90:120] = 1
    result = fill_background(frames, mask, engine)
    assert [(s.start, s.stop) for s in result.shots] == [(0, 5), (5, 9)]
    assert "cuts before frame 5" in result.warnings[0]
    alone = fill_background(frames[:5], mask[:5], engine)
    assert torch.equal(result.frames[:5], alone.frames)
    assert torch.equal(result.never_seen[:5], alone.never_seen)


def test_entities_are_no_source(crossed_world, engine):
    """The hole is a patch; what crosses it must not be copied into it."""
    hole = torch.zeros(13, 144, 216)
    hole[6, 60:84, 96:120] = 1  # only where the mover is in the middle frame
    result = fill_background(crossed_world.frames, hole, engine, entities=crossed_world.mover)
    seen = (hole > 0.5) & (result.never_seen < 0.5)
    assert seen.any()
    assert psnr(result.frames, crossed_world.backdrop, seen) > 30


def test_where_no_motion_can_be_followed_it_says_so(engine):
    noise = torch.rand(5, 48, 64, 3, generator=torch.Generator().manual_seed(0))
    hole = torch.zeros(5, 48, 64)
    hole[:, 16:32, 20:44] = 1
    result = fill_background(noise, hole, engine)
    assert torch.equal(result.never_seen, hole)
    assert any("could not be followed in" in warning for warning in result.warnings)


def test_reach_limits_how_far_it_looks(crossed_world, engine):
    short = fill_background(crossed_world.frames[:6], crossed_world.mover[:6], engine, reach=1)
    far = fill_background(crossed_world.frames[:6], crossed_world.mover[:6], engine)
    assert short.never_seen.sum() > far.never_seen.sum()


class _CountedFlow:
    """DIS that counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0
        self._flow = DisFlow()

    def estimate(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self._flow.estimate(first, second)


@pytest.fixture(scope="module")
def host_s_view(crossed_world) -> tuple[list[Progress], list[int]]:
    """What a host is told of a fill of two shots, and the work done at each look at its button."""
    told: list[Progress] = []
    looks: list[int] = []
    engine = _CountedFlow()
    runtime = Runtime(report=told.append, check_cancelled=lambda: looks.append(engine.calls))
    gains = torch.linspace(0.7, 1.2, 5)[:, None, None, None]  # makes the ring look for a fit
    frames = torch.cat([crossed_world.frames[:5] * gains, 1 - crossed_world.frames[5:9]])
    fill_background(frames.clamp(0, 1), crossed_world.mover[:9], engine, runtime=runtime)
    return told, looks


def test_it_says_how_far_it_is(host_s_view):
    told, _ = host_s_view
    assert {progress.stage for progress in told} == {"fill"}
    assert [progress.done for progress in told] == list(range(1, 2 * 5 + 2 * 4 - 1))
    assert {progress.total for progress in told} == {len(told)}


def test_the_host_can_stop_it_within_a_frame(host_s_view):
    _, looks = host_s_view
    assert looks[-1] > 0
    assert max(after - before for before, after in itertools.pairwise([0, *looks])) <= 4


def test_what_stops_it_passes_through(crossed_world, engine):
    class Stopped(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.done == 6:  # four frames were followed and one was filled
            raise Stopped

    with pytest.raises(Stopped):
        fill_background(
            crossed_world.frames[:5],
            crossed_world.mover[:5],
            engine,
            runtime=Runtime(report=stop),
        )


def test_values_that_do_not_fit_are_refused(still_world, engine):
    frames = still_world.frames[:2]
    mask = torch.ones(2, 144, 216)
    with pytest.raises(MaskError, match="mask: is .*one mask a frame"):
        fill_background(frames, mask[:1], engine)
    with pytest.raises(MaskError, match="empty on every frame"):
        fill_background(frames, mask * 0, engine)
    with pytest.raises(InputError, match="reach: must be 1 or more"):
        fill_background(frames, mask, engine, reach=0)
    with pytest.raises(MaskError, match="entities: are"):
        fill_background(frames, mask, engine, entities=mask[:1])
