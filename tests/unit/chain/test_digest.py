"""Every setting of an edit, and everything given to it, changes what its digest stands for."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vivid_core.chain.digest import request_digest
from vivid_core.chain.request import LongEditRequest
from vivid_core.chain.sources import MasksInMemory
from vivid_core.edit.request import EditRequest, Keyframe
from vivid_core.video import Clip, MaskTrack

KEYFRAME = Keyframe(frame=1, pixels=torch.full((4, 4, 3), 0.5))
PLAIN = EditRequest(
    clip=Clip(frames=torch.zeros(3, 4, 4, 3)),
    mask=MaskTrack(values=torch.ones(3, 4, 4)),
    task="delete",
    keyframes=(KEYFRAME,),
)
CHANGES: dict[str, Any] = {
    "clip": Clip(frames=torch.full((3, 4, 4, 3), 0.1)),
    "mask": MaskTrack(values=torch.eye(4).expand(3, -1, -1)),
    "task": "modify",
    "caption": "a red circle",
    "negative": "blurred",
    "seed": 1,
    "steps": 2,
    "guidance": 1.0,
    "sampler": "dpm",
    "focus": "off",
    "grow": 3,
    "feather": 0,
    "keyframes": (),
    "fill": "auto",
    "match_colors": True,
}
SETTINGS = sorted(CHANGES.keys() - {"clip", "mask", "keyframes", "seed"})  # of a long edit


def changed(name: str) -> dict[str, Any]:
    """One change, and what it needs to be legal."""
    return {name: CHANGES[name]} | ({"caption": PLAIN.caption or "it"} if name == "task" else {})


def test_no_field_is_forgotten_here():
    assert {field.name for field in fields(EditRequest)} == CHANGES.keys()
    assert {field.name for field in fields(Keyframe)} == {"frame", "pixels", "finished"}


@pytest.mark.parametrize("name", CHANGES)
def test_each_field_changes_the_digest(name):
    plain = replace(PLAIN, caption="it") if name == "task" else PLAIN
    assert request_digest(replace(plain, **changed(name))) != request_digest(plain)


@pytest.mark.parametrize(
    "change", [{"frame": 2}, {"pixels": torch.zeros(4, 4, 3)}, {"finished": False}]
)
def test_each_part_of_a_keyframe_changes_the_digest(change):
    other = replace(PLAIN, keyframes=(replace(KEYFRAME, **change),))
    assert request_digest(other) != request_digest(PLAIN)


def test_equal_requests_have_one_digest():
    again = replace(PLAIN, clip=Clip(frames=PLAIN.clip.frames.clone()))
    assert request_digest(again) == request_digest(PLAIN)


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_of_a_long_edit_reaches_its_windows(name):
    plain = LongEditRequest(
        source=Path("a.mkv"),
        masks=MasksInMemory(torch.ones(4, 4)),
        out=Path("b.mkv"),
        work=Path("work"),
        task="delete",
        caption="it",
        match_colors=False,
    )
    digests = {
        request_digest(request.window_request(PLAIN.clip, PLAIN.mask, caption=0))
        for request in (plain, replace(plain, **changed(name)))
    }
    assert len(digests) == 2
