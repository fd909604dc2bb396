"""The pure parts of a build: lists of videos, clips, scores, duplicates, progress."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.build.chores import Outcome
from vivid_core.build.clips import ClipPlan, picture_hash, plan_clips
from vivid_core.build.config import BuildConfig, ClipRules, FilterRules
from vivid_core.build.duplicates import find_duplicates, find_near_duplicates
from vivid_core.build.quality import MaskMeter, judge
from vivid_core.build.sources import list_sources
from vivid_core.build.stage import Rejection
from vivid_core.build.tally import Tally
from vivid_core.build.units import ClipFacts
from vivid_core.build.words import check_captions
from vivid_core.errors import InputError
from vivid_core.files.parse import read_config
from vivid_core.perceive.protocols import Captions
from vivid_core.plan.cuts import Survey
from vivid_core.track.frames import ClipFrames
from vivid_core.video import Clip, FrameRange


def frames_of(count: int) -> ClipFrames:
    import torch

    return ClipFrames(Clip(frames=torch.zeros(count, 8, 8, 3), fps=Fraction(8)))


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
    st.floats(0, 3),
    st.floats(0.2, 4),
)
def test_clips_lie_in_shots_and_are_as_long_as_asked(lengths: list[int], least: float, more: float):
    edges = np.cumsum([0, *lengths]).tolist()
    shots = tuple(FrameRange(start=a, stop=b) for a, b in zip(edges, edges[1:], strict=False))
    rules = ClipRules(min_seconds=least, max_seconds=least + more, min_side=1)
    survey = Survey(shots=shots, digest="")
    plans = list(plan_clips("v", frames_of(edges[-1]), survey, rules))
    clips = [plan for plan in plans if isinstance(plan, ClipPlan)]
    for clip in clips:
        assert least * 8 <= len(clip.frames) <= max(1, (least + more) * 8)
        assert any(s.start <= clip.frames.start and clip.frames.stop <= s.stop for s in shots)
    starts = [clip.frames.start for clip in clips]
    assert starts == sorted(starts)
    stops = [clip.frames.stop for clip in clips]
    assert all(stop <= start for stop, start in zip(stops, starts[1:], strict=False))
    short = [s for s in shots if len(s) < least * 8]
    rejected = [plan for plan in plans if isinstance(plan, Rejection)]
    assert [r.reason for r in rejected] == ["too short"] * len(short)


def test_lists_and_tables_of_videos(tmp_path: Path):
    for name in ("b.mp4", "a.mov", ".hidden.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert sorted(s.name for s in list_sources(tmp_path)) == ["a.mov", "b.mp4"]
    table = tmp_path / "videos.csv"
    table.write_text("path,start,stop,licence\nb.mp4,0,9,CC0\nb.mp4,9,20,\n")
    found = list_sources(table, licence="mine")
    assert {(s.licence, s.frames and s.frames.stop) for s in found} == {("CC0", 9), ("mine", 20)}
    assert len({s.key for s in found}) == 2
    listed = tmp_path / "list.txt"
    listed.write_text("b.mp4\n\na.mov\n")
    keys = [s.key for s in list_sources(listed)]
    assert keys == [s.key for s in list_sources(tmp_path)] == sorted(keys)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,begin\na,1\n", "needs the column path and may have start"),
        ("path,start,stop\na,5,2\n", "line 2: start and stop must be frames"),
        ("path\n\n", "holds no videos"),
        ("path,start\na,x\n", "line 2: start and stop"),
        ("path\na\na\n", "a is named twice"),
    ],
)
def test_tables_that_cannot_be_read_are_named(tmp_path: Path, text: str, message: str):
    table = tmp_path / "videos.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=message):
        list_sources(table)


def test_unknown_keys_of_a_configuration_are_named(tmp_path: Path):
    path = tmp_path / "c.yaml"
    path.write_text("videos: v\nout: o\nclips: {min_second: 3}\n")
    with pytest.raises(InputError, match="'min_second' is unknown: did you mean 'min_seconds'"):
        read_config(BuildConfig, path)
    path.write_text("videos: v\nout: /o\nreview: [r.json]\n")
    config = read_config(BuildConfig, path)
    assert (config.videos, config.out) == (tmp_path / "v", Path("/o"))
    review = (tmp_path / "r.json",)
    assert config == BuildConfig(videos=tmp_path / "v", out=Path("/o"), review=review)


def square(left: int, *, side: int = 6, size: int = 24) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[8 : 8 + side, left : left + side] = side > 0
    return mask


def flow(dx: float) -> np.ndarray:
    """That leads `dx` pixels to the left, back to the frame before."""
    field = np.zeros((24, 24, 2), np.float32)
    field[..., 0] = -dx
    return field


def test_a_mask_that_moves_with_the_flow_agrees_with_it():
    good, bad = MaskMeter(), MaskMeter()
    for step in range(4):
        good.add(square(2 + 3 * step), flow(3) if step else None)
        bad.add(square(2 + 3 * step), flow(-3) if step else None)
    assert good.scores.agreement == 1.0
    assert good.scores.relative_motion == pytest.approx(0, abs=1e-6)
    assert bad.scores.agreement < 0.2
    rules = FilterRules()
    assert judge(good.scores, rules, follows_flow=True) is None
    assert judge(bad.scores, rules, follows_flow=True) == "against the flow"
    assert judge(bad.scores, rules, follows_flow=False) is None


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        ([square(5, side=1)] * 3, "too small"),
        ([np.ones((24, 24), bool)] * 3, "too large"),
        ([square(5), square(5, side=0), square(5, side=0)], "hidden"),
        ([square(0)] * 3, "at the border"),
        ([square(5), square(5, side=10)], "unstable"),
    ],
)
def test_masks_that_are_not_good_enough_say_why(masks: list[np.ndarray], reason: str):
    meter = MaskMeter()
    for mask in masks:
        meter.add(mask)
    assert judge(meter.scores, FilterRules(smallest=0.005), follows_flow=True) == reason


@pytest.mark.parametrize(
    ("captions", "fine"),
    [
        (("a dog", "a dog here", "a dog over there"), True),
        (("a dog", "a dog here", ""), False),
        (("a dog", "a cat here", "a dog over there"), False),
        (("a dog over there", "a dog here", "a dog"), False),
        (("a dog", "a dog here", "a dog " * 500), False),
    ],
)
def test_captions_are_checked(captions: tuple[str, str, str], fine: bool):
    assert (check_captions(Captions(*captions), "dog") is None) == fine


LOOKS = st.lists(st.tuples(*[st.integers(0, 2**64 - 1)] * 3), max_size=8)


@given(LOOKS, st.integers(0, 20))
def test_duplicates_are_near_an_earlier_clip(looks: list[tuple[int, int, int]], bits: int):
    clips = [
        ClipFacts(key=f"c{i}", start=0, stop=1, fps="8", height=1, width=1, look=look, source="")
        for i, look in enumerate([*looks, *looks])
    ]
    by_key = {clip.key: clip.look for clip in clips}
    found = find_duplicates(clips, bits)
    assert {f"c{len(looks) + i}" for i in range(len(looks))} <= found.keys()
    for key, earlier in found.items():
        pairs = zip(by_key[key], by_key[earlier], strict=True)
        assert all((a ^ b).bit_count() <= bits for a, b in pairs)
        assert earlier not in found


VIEWS = st.lists(st.lists(st.floats(0.1, 1), min_size=6, max_size=6), max_size=6)


@given(VIEWS, st.floats(0.5, 1))
def test_near_duplicates_are_alike_in_each_view(values: list[list[float]], cosine: float):
    units = [np.array(one).reshape(3, 2) for one in values]
    units = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in units]
    clips = [
        ClipFacts(
            key=f"c{i}",
            start=0,
            stop=1,
            fps="8",
            height=1,
            width=1,
            look=(0, 0, 0),
            source="",
            views=tuple(map(tuple, unit.tolist())),
        )
        for i, unit in enumerate(units)
    ]
    unseen = [replace(clip, key=f"{clip.key}_unseen", views=()) for clip in clips]
    found = find_near_duplicates([*unseen, *clips], cosine)
    alike = [[(a * b).sum(axis=1).min() for b in units] for a in units]
    kept = [i for i in range(len(clips)) if f"c{i}" not in found]
    assert not {clip.key for clip in unseen} & found.keys()
    for i in range(len(clips)):
        nearest = max((alike[i][j] for j in kept if j < i), default=-1.0)
        assert (nearest >= cosine - 1e-5) if f"c{i}" in found else (nearest < cosine + 1e-5)


def test_a_brighter_copy_looks_the_same():
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 120, (9, 9, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    other = np.kron(rng.integers(0, 120, (9, 9, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    assert (picture_hash(picture) ^ picture_hash(picture + 60)).bit_count() <= 2
    assert (picture_hash(picture) ^ picture_hash(other)).bit_count() > 12


def test_progress_tells_what_is_left():
    now = [0.0]
    tally = Tally(4, clock=lambda: now[0])
    tally.add(Outcome(phase="entities", key="a", name="a", samples=2, kept=True))
    now[0] = 60.0
    tally.add(
        Outcome(phase="entities", key="b", name="b", samples=1, rejections=(("too small", 3),))
    )
    tally.add(Outcome(phase="entities", key="c", name="c", error="broken"))
    words = tally.words
    assert words.startswith("3 of 4 videos, 3 samples, 3 rejected (too small 3), 1 failed")
    assert "2 a minute" in words and "about 30 seconds left" in words
