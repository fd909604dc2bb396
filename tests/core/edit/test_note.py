"""A demo model is called what it is, before anything else, on clips that are not its world."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from vivid_core.edit.clip import edit_clip
from vivid_core.edit.job import Material
from vivid_core.edit.report import report_text
from vivid_core.inpainter import Limits
from vivid_core.keyframe.edit import edit_keyframe
from vivid_core.settings import Settings
from vivid_core.tiny.load import load_tiny
from vivid_core.video import Clip, MaskTrack

from ..painter import Painter

TOLD = "painter is a demo model for noise at 32x24: for footage get the files"


@dataclass(frozen=True, kw_only=True)
class Demo(Painter):
    @property
    def limits(self) -> Limits:
        return replace(super().limits, demo_of="noise")


def material(height: int, width: int) -> Material:
    clip = Clip(frames=torch.rand(4, height, width, 3))
    mask = torch.zeros(4, height, width)
    mask[:, 8:12, 8:12] = 1
    return Material(clip=clip, mask=MaskTrack.fit(mask, clip))


def settings() -> Settings:
    return Settings(task="modify", caption="x", steps=1, guidance=1.0, sampler="brush")


def test_on_footage_the_first_line_says_so() -> None:
    result = edit_clip(Demo(), material(24, 40), settings())
    first, second, *_ = report_text(result.report, lead="forwards from frame 0").splitlines()
    assert first.startswith(TOLD) and second == "forwards from frame 0"
    keyframe = edit_keyframe(
        Demo(), material(24, 40), settings(), frame=0, captions=["x"], candidates=1
    )
    assert keyframe.report.splitlines()[0] == first


@pytest.mark.parametrize(("model", "width"), [(Demo(), 32), (Painter(), 40)])
def test_in_its_world_and_of_other_models_nothing_is_said(model: Painter, width: int) -> None:
    result = edit_clip(model, material(24, width), settings())
    assert "demo model" not in report_text(result.report) and result.report.note == ""


def test_where_no_model_ran_nothing_is_said() -> None:
    asked = material(24, 40)
    given = replace(asked, keyframes=tuple(_keyframes(asked)))
    result = edit_clip(Demo(), given, settings())
    assert result.report.windows == 0 and result.report.note == ""


def test_vivid_tiny_knows_its_world() -> None:
    tiny = load_tiny()
    assert tiny.limits.note(tiny.name, (64, 64)) == ""
    assert "coloured shapes at 64x64" in tiny.limits.note(tiny.name, (320, 480))


def _keyframes(asked: Material):
    from vivid_core.video import Keyframe

    for number, pixels in enumerate(asked.clip.frames):
        yield Keyframe(frame=number, pixels=pixels)
