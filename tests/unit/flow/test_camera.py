"""The camera's path is found to parts of a pixel, and doubts are told."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from vivid_core.flow.camera import FollowedClip, Pace, follow_camera
from vivid_core.flow.register import View, fit_affine, fit_camera, gather_evidence
from vivid_core.flow.warp import move_points, pixel_grid
from vivid_core.runtime import Runtime
from vivid_core.video import FrameRange


def corner_error(found: np.ndarray, true: np.ndarray, size: tuple[int, int]) -> float:
    """Largest distance of the frame's corners after both, in pixels."""
    height, width = size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    return float(np.linalg.norm(move_points(found, corners) - move_points(true, corners)).max())


def shot_of(world) -> FrameRange:
    return FrameRange(start=0, stop=len(world.frames))


@pytest.mark.parametrize("origin", [0, 6])
def test_every_pose_is_right_to_half_a_pixel(still_world, engine, origin):
    clip = FollowedClip(frames=still_world.frames, hidden=None, engine=engine)
    camera = follow_camera(clip, shot_of(still_world), origin)
    assert np.array_equal(camera.pose(origin).matrix, np.eye(3))
    for t, s in ((0, 12), (12, 0), (3, 8)):
        true = still_world.true_matrix(t, s)
        assert corner_error(camera.between(t, s), true, (144, 216)) < 0.7
    assert min(pose.support for pose in camera.poses) > 0.6


def test_what_crosses_the_frame_does_not_take_the_camera_along(crossed_world, engine):
    for hidden in (None, crossed_world.mover):
        clip = FollowedClip(frames=crossed_world.frames, hidden=hidden, engine=engine)
        camera = follow_camera(clip, shot_of(crossed_world), 0)
        true = crossed_world.true_matrix(0, 12)
        assert corner_error(camera.between(0, 12), true, (144, 216)) < 1.0


@pytest.mark.parametrize(
    ("pattern", "open_"),
    [("stripes", True), ("planks", True), ("bricks", False), ("waves", False), ("dots", False)],
)
def test_patterns_that_run_one_way_leave_it_open_how_far_they_moved(
    make_world, engine, pattern, open_
):
    frames = make_world(pattern, frames=2).frames
    first, second = (View(pixels=f, hidden=np.zeros((144, 216), bool)) for f in frames)
    evidence = gather_evidence(engine, first, second, np.eye(3))
    found = fit_camera(evidence)
    assert found is not None
    assert (found.support <= 0.5) == open_


@pytest.mark.parametrize("pattern", ["stripes", "planks"])
def test_the_camera_does_not_slide_along_stripes(make_world, engine, pattern):
    """Across them it is right; along them, where nothing can be seen, it stays."""
    world = make_world(pattern)
    camera = follow_camera(
        FollowedClip(frames=world.frames, hidden=None, engine=engine), shot_of(world), 6
    )
    points = pixel_grid(144, 216)[::24, ::24].reshape(-1, 2)
    for t in (0, 3, 9, 12):
        angle = -world.scene.texture.angle - world.scene.camera.pose(t)[3]
        across = np.array([math.cos(angle), math.sin(angle)])
        along = np.array([-across[1], across[0]])
        moved = move_points(camera.pose(t).matrix, points)
        true = move_points(world.true_matrix(6, t), points)
        assert np.abs((moved - true) @ across).max() < 0.5
        assert abs(float(((moved - points) @ along).mean())) < 0.5


def test_blank_frames_say_nothing(engine):
    blank = torch.full((3, 64, 64, 3), 0.5)
    camera = follow_camera(
        FollowedClip(frames=blank, hidden=None, engine=engine), FrameRange(start=0, stop=3), 1
    )
    assert [pose.support for pose in camera.poses] == [0, 1, 0]
    assert all(np.array_equal(pose.matrix, np.eye(3)) for pose in camera.poses)


def test_a_region_of_its_own_motion_is_fitted_by_itself(still_world, engine):
    """Left and right halves shift by different amounts."""
    first = still_world.frames[0]
    second = torch.cat([torch.roll(first, 1, 1)[:, :108], torch.roll(first, 5, 1)[:, 108:]], dim=1)
    views = [View(pixels=f, hidden=np.zeros((144, 216), bool)) for f in (first, second)]
    evidence = gather_evidence(engine, *views, np.eye(3))
    region = np.zeros((144, 216), bool)
    region[30:110, 135:190] = True
    found = fit_affine(evidence, region)
    assert found is not None
    assert found.support > 0.8
    center = move_points(found.matrix, np.array([[160.0, 70.0]]))[0]
    assert center == pytest.approx([165, 70], abs=0.5)
    assert fit_affine(evidence, np.zeros_like(region)) is None


def test_the_host_can_stop_it(still_world, engine):
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    pace = Pace(runtime=Runtime(check_cancelled=stop))
    clip = FollowedClip(frames=still_world.frames, hidden=None, engine=engine, pace=pace)
    with pytest.raises(Stopped):
        follow_camera(clip, shot_of(still_world), 0)


@pytest.mark.parametrize("step", [0.0, 0.08, 0.3])
def test_a_tripod_stands_exactly_still_and_a_slow_pan_is_followed(engine, step):
    """Noise and an empty upper half must not bend a still picture; pixels are not thrown away."""
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.random((144, 260, 3), np.float32), (0, 0), 1.5)
    ground = (0.5 + 3 * (ground - 0.5)).clip(0, 1)
    ground[:70] = 0.6  # a wall without texture
    places = pixel_grid(144, 216)
    frames = [
        cv2.remap(ground, places[..., 0] + 20 + step * t, places[..., 1], cv2.INTER_CUBIC)
        + rng.normal(0, 0.004, (144, 216, 3)).astype(np.float32)
        for t in range(10)
    ]
    clip = FollowedClip(
        frames=torch.from_numpy(np.stack(frames)).float().clamp(0, 1), hidden=None, engine=engine
    )
    camera = follow_camera(clip, FrameRange(start=0, stop=10), 0)
    for t, pose in enumerate(camera.poses):
        assert pose.support > 0.6
        if step == 0:
            assert np.array_equal(pose.matrix, np.eye(3))
        moved = move_points(pose.matrix, np.array([[60.0, 110.0], [160.0, 130.0]]))
        assert moved[:, 0] == pytest.approx([60 - step * t, 160 - step * t], abs=0.3)
