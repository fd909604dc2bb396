"""Animated masks: exact at their keys, whole in between, and they follow what moves."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError, MaskError
from vivid_core.mask.animate import (
    MaskKey,
    PathPoint,
    animate_masks,
    animate_shape,
    draw_shape,
    follow_mask,
    interpolate,
    parse_path,
)

SIZE = (60, 80)
EASES = ("linear", "smooth", "ease")


def disc(y: float, x: float, radius: float, size=SIZE) -> torch.Tensor:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return torch.from_numpy(((rows - y) ** 2 + (columns - x) ** 2 <= radius**2).astype(np.float32))


def center(mask: torch.Tensor) -> tuple[float, float]:
    rows, columns = torch.meshgrid(*(torch.arange(n).float() for n in mask.shape), indexing="ij")
    return float((rows * mask).sum() / mask.sum()), float((columns * mask).sum() / mask.sum())


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a > 0.5, b > 0.5
    return float((a & b).sum() / (a | b).sum())


points = st.builds(
    PathPoint,
    frame=st.integers(0, 500),
    x=st.floats(-2, 3),
    y=st.floats(-2, 3),
    scale=st.floats(0.01, 100),
    angle=st.floats(-720, 720),
)


@given(st.lists(points, min_size=1, max_size=8, unique_by=lambda point: point.frame))
def test_a_path_survives_its_text(path):
    text = json.dumps([asdict(point) for point in path])
    assert parse_path(text) == tuple(sorted(path, key=lambda point: point.frame))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "no JSON"),
        ("[]", "list of points"),
        ('{"frame": 0}', "list of points"),
        ("[3]", "point 0"),
        ('[{"frame": 0, "x": 1}]', "misses 'y'"),
        ('[{"frame": 0, "x": 1, "y": "2"}]', "number for 'y'"),
        ('[{"frame": 0, "x": 1, "y": 2, "z": 3}]', "'z'"),
        ('[{"frame": 0.5, "x": 1, "y": 2}]', "whole number"),
        ('[{"frame": -1, "x": 1, "y": 2}]', "before the clip"),
        ('[{"frame": 0, "x": 1, "y": 2, "scale": 0}]', "scale"),
        ('[{"frame": 0, "x": NaN, "y": 2}]', "holds NaN: give finite numbers"),
        ('[{"frame": 0, "x": 1e999, "y": 2}]', "too large: give finite numbers"),
        ("[" * 9000, "nested too deeply"),
        ('[{"frame": %s, "x": 1, "y": 2}]' % ("9" * 5000), "a number of 5000 digits"),
        ('[{"frame": 3, "x": 1, "y": 2}, {"frame": 3, "x": 0, "y": 2}]', "two points at frame 3"),
    ],
)
def test_a_wrong_path_says_what_is_wrong(text, told):
    with pytest.raises(InputError, match=told):
        parse_path(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        parse_path(text)
    except InputError:
        pass


@settings(max_examples=25, deadline=None)
@given(
    y=st.floats(15, 45),
    x=st.floats(15, 65),
    far_y=st.floats(15, 45),
    far_x=st.floats(15, 65),
    ease=st.sampled_from(EASES),
)
def test_painted_masks_are_met_and_stay_whole_between(y, x, far_y, far_x, ease):
    first, last = disc(y, x, 8), disc(far_y, far_x, 12)
    keys = [MaskKey(frame=8, mask=last), MaskKey(frame=2, mask=first)]
    masks = animate_masks(keys, 11, ease=ease)
    assert iou(masks[2], first) > 0.97
    assert iou(masks[8], last) > 0.97
    assert torch.equal(masks[0], masks[2])
    assert torch.equal(masks[10], masks[8])
    areas = masks.sum((1, 2))
    assert (areas[3:8] > areas[2] * 0.95).all()
    assert (areas[3:8] < areas[8] * 1.05).all()
    middle_y, middle_x = center(masks[5])
    assert middle_y == pytest.approx((y + far_y) / 2, abs=1)
    assert middle_x == pytest.approx((x + far_x) / 2, abs=1)


def test_one_shape_turns_into_another_on_its_way():
    box = torch.zeros(SIZE)
    box[20:40, 50:70] = 1
    keys = [MaskKey(frame=0, mask=disc(30, 20, 11)), MaskKey(frame=10, mask=box)]
    masks = animate_masks(keys, 11)
    here = center(masks[5])
    assert here == pytest.approx((29.75, 39.75), abs=1)
    # rounder than the box, squarer than the disc
    corners = [float(mask[21:24, 51:54].mean()) for mask in (masks[0], masks[10])]
    assert corners[0] == 0
    assert corners[1] == 1
    assert (masks[5] > 0.5).sum() == pytest.approx(390, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.5, 2), angle=st.floats(-180, 180), ease=st.sampled_from(EASES))
def test_a_path_moves_scales_and_turns(scale, angle, ease):
    shape = draw_shape("box", SIZE, width=24, height=8)
    path = [PathPoint(frame=0, x=0.5, y=0.5), PathPoint(frame=4, x=0.5, y=0.5, scale=scale)]
    masks = animate_shape(shape, path, 5, ease=ease)
    assert float(masks[4].sum()) == pytest.approx(float(shape.sum()) * scale**2, rel=0.08)
    turned = animate_shape(shape, [PathPoint(frame=0, x=0.5, y=0.5, angle=angle)], 1)[0]
    rows, columns = (turned > 0.5).nonzero(as_tuple=True)
    spread = np.cov(np.stack([columns.numpy(), rows.numpy()]))
    axis = np.linalg.eigh(spread)[1][:, 1]
    difference = (math.degrees(math.atan2(axis[1], axis[0])) - angle) % 180
    assert min(difference, 180 - difference) < 3


def test_a_smooth_path_does_not_stop_at_its_points():
    shape = draw_shape("ellipse", SIZE, width=9, height=9)
    path = [PathPoint(frame=8 * i, x=0.2 + 0.3 * i, y=0.5) for i in range(3)]
    speeds = {}
    for ease in EASES:
        masks = animate_shape(shape, path, 17, ease=ease)
        xs = [center(mask)[1] for mask in masks]
        speeds[ease] = np.diff(xs)[6:10]
    assert speeds["smooth"].min() > 2.5
    assert speeds["linear"].min() > 2.5
    assert speeds["ease"].min() < speeds["linear"].min() / 2


def test_a_shape_may_leave_the_frame():
    shape = draw_shape("diamond", SIZE, width=10, height=10)
    path = [PathPoint(frame=0, x=0.5, y=0.5), PathPoint(frame=4, x=2.0, y=0.5)]
    masks = animate_shape(shape, path, 5)
    assert masks[0].sum() > 20
    assert masks[4].sum() == 0


@settings(max_examples=20, deadline=None)
@given(dx=st.floats(-3, 3), dy=st.floats(-3, 3), zoom=st.floats(0.97, 1.03))
def test_a_painted_mask_follows_the_motion_it_is_given(dx, dy, zoom):
    """A motion known exactly carries the mask where it carries its pixels."""
    one = torch.tensor([[zoom, 0, dx], [0, zoom, dy], [0, 0, 1.0]])
    motion = torch.stack([torch.linalg.matrix_power(one, i) for i in range(5)])
    painted = [MaskKey(frame=2, mask=disc(30, 40, 10))]
    masks = animate_masks(painted, 5, motion=motion)
    back = torch.linalg.inv(motion[2])
    for frame in (0, 4):
        x, y, _ = motion[frame] @ back @ torch.tensor([40.0, 30.0, 1.0])
        assert iou(masks[frame], disc(float(y), float(x), 10 * zoom ** (frame - 2))) > 0.9


def test_following_a_mask_keeps_its_distance_and_size():
    track = torch.stack([disc(20, 20 + 4 * i, 6 + 0.5 * i) for i in range(8)])
    track[3] = 0  # hidden for a moment
    painted = [MaskKey(frame=0, mask=disc(40, 20, 4))]
    masks = animate_masks(painted, 8, motion=follow_mask(track))
    for frame in (3, 7):
        y, x = center(masks[frame])
        ratio = (6 + 0.5 * frame) / 6
        assert x == pytest.approx(20 + 4 * frame, abs=1)
        assert y == pytest.approx(20 + 20 * ratio, abs=1.5)


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True),
    st.sampled_from(EASES),
    st.integers(0, 2**31),
)
def test_interpolation_meets_every_value(times, ease, seed):
    times = np.sort(np.array(times, np.float64))
    values = np.random.default_rng(seed).normal(size=(len(times), 2))
    for time, value in zip(times, values, strict=True):
        assert interpolate(times, values, float(time), ease) == pytest.approx(value)
    assert np.isfinite(interpolate(times, values, 30.5, ease)).all()


def test_bad_input_is_named():
    mask = disc(20, 20, 5)
    with pytest.raises(InputError, match="at least one"):
        animate_masks([], 3)
    with pytest.raises(InputError, match="outside the clip"):
        animate_masks([MaskKey(frame=3, mask=mask)], 3)
    with pytest.raises(InputError, match="given twice"):
        animate_masks([MaskKey(frame=1, mask=mask)] * 2, 3)
    with pytest.raises(MaskError, match="frame 1 is empty"):
        animate_masks([MaskKey(frame=1, mask=mask * 0)], 3)
    with pytest.raises(MaskError, match="differ in size"):
        animate_masks([MaskKey(frame=i, mask=torch.ones(4 + i, 4)) for i in (0, 1)], 3)
    with pytest.raises(InputError, match="motion"):
        animate_masks([MaskKey(frame=1, mask=mask)], 3, motion=torch.eye(3).expand(2, 3, 3))
    with pytest.raises(MaskError, match="empty on every frame"):
        follow_mask(torch.zeros(2, 8, 8))
    with pytest.raises(InputError, match="above 0"):
        draw_shape("box", SIZE, width=0, height=3)
    with pytest.raises(MaskError, match="no pixel"):
        draw_shape("ellipse", (4, 4), width=0.1, height=0.1)
