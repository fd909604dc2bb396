"""The fox is found from one click, and fill takes it away."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivid_core.cli.first import CLICK, draw_strip, iou_of_frames
from vivid_core.flow.dis import DisFlow
from vivid_core.flow.fill import fill_background
from vivid_core.mask.grow import grow_mask
from vivid_core.metrics.psnr import psnr
from vivid_core.scenery.meadow import draw_meadow
from vivid_core.track.flow import FlowTracker
from vivid_core.track.frames import ClipFrames
from vivid_core.track.prompts import FramePrompt, ObjectPrompts, Point, Prompts
from vivid_core.track.track import track_objects
from vivid_core.video import Clip


def click_on(seed: int) -> Point:
    """Where the demo clicks; in the mirrored meadows of odd seeds, on the same part of the fox."""
    return CLICK if seed % 2 == 0 else Point(x=479 - CLICK.x, y=CLICK.y)


@pytest.mark.parametrize("seed", [0, 1])
def test_one_click_finds_the_fox(tmp_path: Path, seed: int) -> None:
    meadow = draw_meadow(seed)
    source = Clip(frames=torch.from_numpy(meadow.render()[:13]))
    prompt = FramePrompt(frame=0, points=(click_on(seed),))
    prompts = Prompts(objects=(ObjectPrompts(id=1, frames=(prompt,)),))
    track = track_objects(ClipFrames(source), prompts, FlowTracker(), tmp_path / "track")
    mask = torch.stack([torch.from_numpy(frame) for frame in track.masks()]).float()
    assert iou_of_frames(mask, torch.from_numpy(meadow.mask()[:13])).mean() > 0.9


def test_fill_leaves_the_meadow() -> None:
    meadow = draw_meadow(0, frames=49, height=96, width=144)
    source, truth = (torch.from_numpy(x) for x in (meadow.render(), meadow.background()))
    mask = torch.from_numpy(meadow.mask())
    hole = grow_mask(mask, 5)
    filled = fill_background(source, hole, DisFlow())
    assert filled.never_seen.sum() < 0.02 * hole.sum()
    assert psnr(filled.frames, truth, hole) > 30 > psnr(source, truth, hole) + 12
    assert draw_strip(source, mask, filled.frames).shape == (96, 3 * 144 + 2 * 8, 3)
