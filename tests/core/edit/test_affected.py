"""What the edited thing affects: its shadow may change too, where a model tells the two apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vivid_core.edit.clip import edit_clip
from vivid_core.edit.editor import to_region
from vivid_core.edit.focus import FocusPlan
from vivid_core.edit.job import Material
from vivid_core.edit.masks import AFFECTED, OVERLAP, EffectiveMasks, affected_levels
from vivid_core.errors import InputError, MaskError
from vivid_core.inpainter import Limits
from vivid_core.settings import Settings
from vivid_core.video import Clip, FrameRange, MaskTrack

from ..painter import Painter

SIZE, FRAMES = (24, 32), 7
DELETE = Settings(task="delete", steps=1, fill="off", grow=0)


class Teller(Painter):
    """A painter that tells what is removed from what that affects."""

    @property
    def limits(self) -> Limits:
        return replace(super().limits, reads_affected=True)


def material(*, affected_frames: int = FRAMES) -> Material:
    frames = torch.rand(FRAMES, *SIZE, 3, generator=torch.Generator().manual_seed(0))
    mask, affected = torch.zeros(FRAMES, *SIZE), torch.zeros(affected_frames, *SIZE)
    mask[:, 4:10, 4:10] = 1
    affected[:, 8:14, 6:16] = 1
    return Material(
        clip=Clip(frames=(frames * 255).round() / 255),
        mask=MaskTrack(values=mask),
        affected=MaskTrack(values=affected),
    )


@pytest.mark.parametrize("affected_frames", [1, FRAMES])
def test_both_may_change_and_the_model_tells_them_apart(affected_frames):
    asked, model = material(affected_frames=affected_frames), Teller()
    result = edit_clip(model, asked, DELETE)
    either = torch.maximum(asked.mask.values, asked.affected.values.expand(FRAMES, -1, -1))
    assert torch.equal(result.effective_mask, either)
    assert torch.equal(result.frames[either == 0], asked.clip.frames[either == 0])
    assert (result.frames[either > 0] != asked.clip.frames[either > 0]).any(-1).all()
    hole = model.seen[0].hole
    assert hole.unique().tolist() == pytest.approx([0, AFFECTED, OVERLAP, 1])


def test_levels_are_those_of_a_quadmask():
    removed, affected = torch.tensor([[[1.0, 1, 0, 0]]]), torch.tensor([[[0.0, 1, 1, 0]]])
    levels = affected_levels(removed, affected)
    assert (255 - levels * 255).round().flatten().tolist() == [0, 63, 127, 255]


def test_a_model_that_makes_no_difference_refuses_it():
    with pytest.raises(InputError, match="affected_mask: painter makes no difference"):
        edit_clip(Painter(), material(), DELETE)


def test_another_length_or_size_is_named():
    asked = material(affected_frames=3)
    with pytest.raises(MaskError, match="affected_mask: has 3 frames but the clip has 7"):
        edit_clip(Teller(), asked, DELETE)
    wrong = replace(asked, affected=MaskTrack(values=torch.zeros(1, 8, 8)))
    with pytest.raises(MaskError, match="affected_mask: is 8x8 but the clip is 32x24"):
        edit_clip(Teller(), wrong, DELETE)


@pytest.mark.parametrize("packed", [True, False])
def test_packed_and_held_levels_are_one(packed):
    asked = material()
    masks = EffectiveMasks(
        asked.mask, frames=FRAMES, size=SIZE, growth=2, packed=packed, affected=asked.affected
    )
    levels = masks.levels(FrameRange(start=1, stop=3))
    assert torch.equal(levels > 0, masks.read(FrameRange(start=1, stop=3)) > 0)
    assert levels[0, 3, 5] == 1, "the mask is grown"
    assert levels[0, 14, 15] == 0, "what is affected is not"


def test_of_several_levels_in_a_pixel_the_highest_counts():
    hole = torch.zeros(1, 8, 8)
    hole[0, :, :4], hole[0, :2, :2] = AFFECTED, 1.0
    plan = FocusPlan(y=0, x=0, height=8, width=8, content=(4, 4), model=(4, 4))
    region = to_region(plan, torch.zeros(1, 8, 8, 3), hole, [0])
    assert region.hole[0, 0, 0] == 1
    assert region.hole[0, 3, 0] == pytest.approx(AFFECTED)
    assert region.hole[0, 3, 3] == 0
