"""A frame that is handed out comes back exactly, but for what was edited inside its mask."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.edit.focus import plan_picture
from vivid_core.edit.masks import Bounds
from vivid_core.errors import InputError, MaskError
from vivid_core.keyframe.handout import MOST_STRETCH, Handout, Wish, hand_out
from vivid_core.video import Clip, MaskTrack

SMALL = Wish(area=64 * 64)


@st.composite
def masked_clips(draw) -> tuple[Clip, MaskTrack]:
    """Two frames of noise; the mask is a box on the second."""
    height, width = draw(st.integers(8, 90)), draw(st.integers(8, 90))
    y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    noise = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    mask = torch.zeros(2, height, width)
    mask[1, y : y + draw(st.integers(1, height)), x : x + draw(st.integers(1, width))] = 1
    frames = torch.rand(2, height, width, 3, generator=noise)
    return Clip(frames=frames), MaskTrack(values=mask)


@st.composite
def wishes(draw) -> Wish:
    step = draw(st.sampled_from([8, 16]))
    return Wish(
        area=draw(st.integers(32 * 32, 96 * 96)),
        step=step,
        context=draw(st.sampled_from([0.0, 0.25, 1.0])),
        whole=draw(st.booleans()),
        grow=draw(st.integers(0, 3)),
    )


@settings(max_examples=20)
@given(masked_clips(), wishes())
def test_an_identity_edit_gives_the_source_exactly(material, wish):
    clip, mask = material
    handout = hand_out(clip, mask, 1, wish)
    assert torch.equal(handout.stitch(handout.picture), clip.frames[1])
    eight_bits = (handout.picture * 255).round() / 255  # as a file holds it
    assert torch.equal(handout.stitch(eight_bits), clip.frames[1])


@settings(max_examples=20)
@given(masked_clips(), wishes(), st.floats(0.5, 2))
def test_an_edit_changes_the_mask_only_at_any_size_it_comes_back(material, wish, scale):
    clip, mask = material
    handout = hand_out(clip, mask, 1, wish)
    tall, wide = (max(1, round(side * scale)) for side in handout.plan.model)
    inverted = torch.nn.functional.interpolate(
        1 - handout.picture.permute(2, 0, 1)[None], size=(tall, wide), mode="bilinear"
    )[0].permute(1, 2, 0)
    if abs(wide * handout.plan.model[0] / (tall * handout.plan.model[1]) - 1) > MOST_STRETCH:
        return
    frame = handout.stitch(inverted)
    outside = handout.mask == 0
    assert torch.equal(frame[outside], clip.frames[1][outside])
    assert frame.min() >= 0 and frame.max() <= 1


def test_what_is_painted_lands_where_it_was_painted():
    """Half of the picture red: the same half of the part, to the pixel, where scales are whole."""
    clip = Clip(frames=torch.zeros(1, 64, 64, 3))
    mask = torch.zeros(1, 64, 64)
    mask[0, 24:40, 24:40] = 1
    handout = hand_out(clip, MaskTrack(values=mask), 0, Wish(area=96 * 96, context=0.5))
    assert (handout.plan.box.height, handout.plan.model) == (48, (96, 96))
    picture = handout.picture.clone()
    picture[:, :48] = torch.tensor([1.0, 0, 0])
    frame = handout.stitch(picture)
    red = frame[..., 0] > 0.5
    assert red[24:40, 24:32].all()
    assert int(red.sum()) == 16 * 8
    key = handout.keyframe(picture)
    assert (key.frame, key.finished) == (0, False)
    assert torch.equal(key.pixels, frame)


def test_transparent_parts_show_the_source():
    clip = Clip(frames=torch.full((1, 32, 32, 3), 0.25))
    handout = hand_out(clip, MaskTrack(values=torch.ones(1, 32, 32)), 0, SMALL)
    white = torch.ones_like(handout.picture)
    alpha = torch.zeros(white.shape[:2])
    assert torch.equal(handout.stitch(white, alpha), clip.frames[0])
    alpha[:, alpha.shape[1] // 2 :] = 1
    frame = handout.stitch(white, alpha)
    assert (frame[:, :15] == 0.25).all() and (frame[:, 17:] == 1).all()


@given(
    st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 400), st.integers(1, 400),
    st.sampled_from([8, 16, 32, 64]), st.floats(0.25, 2), st.floats(0, 2),
)  # fmt: skip
def test_pictures_have_the_size_that_is_wished(height, width, tall, wide, step, mega, context):
    box = Bounds(y=height // 3, x=width // 3, height=tall, width=wide)
    size = (max(height, box.y + tall), max(width, box.x + wide))
    area = round(mega * 1024 * 1024)
    plan = plan_picture(box, size, area=area, step=step, context=context)
    assert all(side % step == 0 and side > 0 for side in plan.model)
    assert 0 <= plan.y <= box.y and box.y + tall <= plan.y + plan.height <= size[0]
    assert 0 <= plan.x <= box.x and box.x + wide <= plan.x + plan.width <= size[1]
    elongated = max(plan.model) / min(plan.model)
    if elongated <= 4:  # a thin frame has no room for other proportions
        assert math.prod(plan.model) == pytest.approx(area, rel=0.3)
        stretch = plan.model[1] * plan.height / (plan.model[0] * plan.width)
        rounding = 0.5 * step * sum(1 / side for side in plan.model)
        assert stretch == pytest.approx(1, abs=rounding + 0.1)


def out(**changes) -> Handout:
    mask = torch.zeros(2, 40, 60)
    mask[1, 10:20, 10:20] = 1
    clip = Clip(frames=torch.zeros(2, 40, 60, 3))
    return hand_out(clip, MaskTrack(values=mask), **{"frame": 1, "wish": SMALL} | changes)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((40, 60), "is 60x40, the size of the whole frame"),
        ((64, 128), "is 128x64, the crop was handed out at 64x64: give back that size"),
    ],
)
def test_pictures_that_cannot_be_the_one_are_refused(size, words):
    with pytest.raises(InputError, match=words):
        out().stitch(torch.zeros(*size, 3))


def test_frames_without_a_mask_are_not_handed_out():
    with pytest.raises(MaskError, match="is empty on frame 0"):
        out(frame=0)
    with pytest.raises(InputError, match="is 2, the clip has frames 0 to 1"):
        out(frame=2)
    with pytest.raises(InputError, match="hold no 64x64"):
        Wish(area=1000, step=64)
