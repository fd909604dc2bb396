"""A job is made once: what a plan costs to make, what it says, and what its digests stand for."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from vivid_core.edit import editor, job, masks
from vivid_core.edit.clip import edit_clip, run_edit
from vivid_core.edit.cost import estimate_cost
from vivid_core.edit.editor import settings_facts
from vivid_core.edit.finished import HeldWindow, MemoryStore
from vivid_core.edit.footage import ClipFootage
from vivid_core.edit.job import Material, plan_edit
from vivid_core.errors import CaptionError, InputError
from vivid_core.flow import stretches
from vivid_core.runtime import Runtime
from vivid_core.settings import Settings
from vivid_core.video import Clip, Keyframe, MaskTrack

from ..painter import Painter

FRAMES, SIDE = 30, 24


def material(**changes: Any) -> Material:
    picture = torch.rand(1, SIDE, SIDE, 3, generator=torch.Generator().manual_seed(0))
    clip = Clip(frames=picture.expand(FRAMES, -1, -1, -1).clone())
    mask = torch.zeros(FRAMES, SIDE, SIDE)
    mask[:, 6:14, 8:16] = 1
    return replace(Material(clip=clip, mask=MaskTrack.fit(mask, clip)), **changes)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each part of a plan is computed."""
    counted: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        real = getattr(module, name)

        def wrapped(*args: Any, **options: Any) -> Any:
            counted[name] += 1
            return real(*args, **options)

        monkeypatch.setattr(module, name, wrapped)

    count(masks, "grow_mask")
    count(job, "plan_windows")
    count(job, "plan_focus")
    count(editor, "plan_focus")
    count(job, "find_shots")
    return counted


@pytest.mark.parametrize("changes", [{}, {"focus": "native"}, {"anchor": True, "feather": 5}])
def test_masks_windows_and_focus_are_computed_once_for_estimate_and_edit(calls, changes):
    painter = Painter()
    settings = (
        Settings(task="delete", fill="off", grow=2, focus="off")
        if not changes
        else Settings(task="delete", fill="off", grow=2, **changes)
    )
    planned = plan_edit(painter, material(), settings)
    blocks = -(-FRAMES // masks.READ_FRAMES)
    once = {
        "grow_mask": blocks,
        "plan_windows": 1,
        "plan_focus": len(planned.windows),
        "find_shots": 1,
    }
    assert calls == once
    planned.work(painter)
    result = run_edit(painter, planned)
    assert calls == once
    assert len(planned.windows) == result.report.windows > 2


def test_a_fill_looks_again_only_where_it_left_something(calls):
    painter = Painter()
    planned = plan_edit(painter, material(), Settings(task="delete", fill="auto"))
    before = calls.copy()
    result = run_edit(painter, planned)
    assert calls["plan_focus"] - before["plan_focus"] == result.report.windows
    assert calls["plan_windows"] == 1
    assert stretches.WHOLE_FRAMES > FRAMES


def test_the_estimate_is_what_the_edit_reports(tiny):
    planned = plan_edit(tiny, material(), Settings(task="delete", steps=1))
    cost, report = estimate_cost(tiny, planned), run_edit(tiny, planned).report
    assert cost is not None
    assert cost.pflops == pytest.approx(report.planned_pflops)
    assert report.spent_pflops == pytest.approx(report.planned_pflops)
    assert (cost.windows, cost.crop, cost.model_size) == (
        report.windows,
        report.crop,
        report.model_size,
    )


def test_a_model_that_cannot_tell_its_cost_has_none():
    planned = plan_edit(Painter(counts=False), material(), Settings(task="delete"))
    assert estimate_cost(Painter(counts=False), planned) is None


def test_a_caption_that_cannot_be_read_stops_before_any_window():
    painter = Painter()
    with pytest.raises(CaptionError, match="letters"):
        edit_clip(painter, material(), Settings(task="add", caption="a" * 41))
    assert not painter.seen


CHANGES: dict[str, Any] = {
    "task": "modify",
    "caption": "another",
    "negative": "blurred",
    "seed": 1,
    "steps": 2,
    "guidance": 1.0,
    "sampler": "brush",
    "focus": "off",
    "grow": 3,
    "feather": 0,
    "fill": "auto",
    "rest": "classical",
    "match_colors": False,
}
# The first two show in what a window is made of, the third is read by instructions only.
NOT_A_WINDOWS = {"later_captions", "anchor", "guidance_formula"}


class Spy(MemoryStore):
    """Remembers the digests that are asked for."""

    lasting = True

    def __init__(self) -> None:
        self.digests: list[str] = []

    def find(self, made: Any, digest: str) -> HeldWindow | None:
        self.digests.append(digest)
        return None


def digests(asked: Material, settings: Settings, painter: Painter | None = None) -> list[str]:
    model, store = painter or Painter(), Spy()
    planned = plan_edit(model, asked, settings)
    made = editor.Editor(model, planned, store, Runtime())
    for index, window in enumerate(planned.windows):
        made.finish(index, asked.clip.frames[window.frames.slice])
    return store.digests


PLAIN = Settings(task="delete", caption="it", fill="off")


def test_no_setting_is_forgotten_here():
    assert {item.name for item in fields(Settings)} == CHANGES.keys() | NOT_A_WINDOWS
    assert settings_facts(replace(PLAIN, rest="classical"), 0).keys() == CHANGES.keys()


@pytest.mark.parametrize("name", CHANGES)
def test_each_setting_changes_every_windows_digest(name):
    other = digests(material(), replace(PLAIN, **{name: CHANGES[name]}))
    assert not set(other) & set(digests(material(), PLAIN))


def test_pixels_masks_keyframes_and_the_model_change_what_depends_on_them():
    plain = digests(material(), PLAIN)
    assert digests(material(), PLAIN) == plain
    frames = material().clip.frames.clone()
    frames[-1] *= 0.98
    last = digests(material(clip=Clip(frames=frames)), PLAIN)
    assert [a == b for a, b in zip(plain, last, strict=True)] == [True] * 3 + [False]
    mask = material().mask.values.clone()
    mask[-1, 5, 5] = 1
    assert digests(material(mask=MaskTrack(values=mask)), PLAIN)[:-1] == plain[:-1]
    assert digests(material(), PLAIN, Painter(tint=0.2))[0] != plain[0]
    given = Keyframe(frame=0, pixels=torch.full((SIDE, SIDE, 3), 0.5))
    first = digests(material(keyframes=(given,)), PLAIN)
    unfinished = digests(material(keyframes=(replace(given, finished=False),)), PLAIN)
    other = digests(material(keyframes=(replace(given, pixels=given.pixels * 0.5),)), PLAIN)
    assert len({plain[0], first[0], unfinished[0], other[0]}) == 4


def test_an_anchor_changes_the_windows_after_the_first():
    plain, anchored = digests(material(), PLAIN), digests(material(), replace(PLAIN, anchor=True))
    assert plain[0] == anchored[0]
    assert not set(plain[1:]) & set(anchored[1:])


def test_what_is_made_is_rounded_to_the_clips_depth():
    eight = (material().clip.frames * 255).round() / 255
    for frames, levels in ((eight, 255), (eight * 0.999, 65535)):
        result = edit_clip(Painter(), material(clip=Clip(frames=frames)), PLAIN)
        made = result.frames[result.effective_mask > 0] * levels
        assert float((made - made.round()).abs().max()) < 0.02
    assert ClipFootage(Clip(frames=eight)).depth == 8


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"later_captions": ((9, "a"), (5, "b"))}, "later_captions"),
        ({"later_captions": ((30, "a"),)}, "later_captions: one begins at frame 30"),
        ({"guidance": (6.0, 101.0)}, "guidance"),
    ],
)
def test_settings_that_cannot_be_are_named(changes, argument):
    with pytest.raises(InputError, match=argument):
        plan_edit(Painter(), material(), replace(PLAIN, **changes))
