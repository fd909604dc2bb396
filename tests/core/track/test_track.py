"""Tracks: both directions, several objects, corrections, interruptions, cuts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from vivid_core.errors import InputError, MediaError
from vivid_core.media import read_mask
from vivid_core.runtime import Runtime
from vivid_core.track.frames import ClipFrames
from vivid_core.track.output import overlay_frames, write_masks
from vivid_core.track.prompts import FramePrompt, ObjectPrompts, Point, Prompts
from vivid_core.track.store import ObjectMask, StoredTrack, TrackHeader
from vivid_core.track.track import track_objects
from vivid_core.video import Clip

from .conftest import overlap


class Stopped(Exception):
    """What a host raises to cancel."""


def contents(track: StoredTrack) -> list[bytes]:
    return [path.read_bytes() for path in sorted((track.folder / "masks").iterdir())]


def test_both_directions_and_several_objects(two_things, engine, tmp_path):
    steps = []
    runtime = Runtime(report=lambda progress: steps.append((progress.done, progress.total)))
    prompts = two_things.prompts((0, 20), (1, 35))
    track = track_objects(two_things.source, prompts, engine, tmp_path / "t", runtime)
    for thing, start in ((0, 20), (1, 35)):
        truth = two_things.masks[thing]
        ious = [overlap(track.object_mask(t, thing + 1), truth[t]) for t in range(40)]
        assert np.mean(ious) > 0.85 and min(ious) > 0.6
        assert track.status(start, thing + 1) == ("prompted", 1.0)
    assert track.header.complete and not track.header.report["warnings"]
    assert steps[-1] == (80, 80) and steps == sorted(steps)
    assert engine.views == (40 - 20) + 36  # forward from frame 20, backward from frame 35


def test_running_again_makes_nothing(two_things, engine, tmp_path):
    prompts = two_things.prompts((0, 5))
    first = contents(track_objects(two_things.source, prompts, engine, tmp_path / "t"))
    engine.views = 0
    assert contents(track_objects(two_things.source, prompts, engine, tmp_path / "t")) == first
    assert engine.views == 0


def test_a_correction_makes_only_what_it_decides(two_things, engine, tmp_path):
    track = track_objects(two_things.source, two_things.prompts((0, 0)), engine, tmp_path / "t")
    before = [track.object_mask(t, 1) for t in range(40)]
    engine.views = 0
    correction = two_things.prompts((0, 0), (0, 34))
    track = track_objects(two_things.source, correction, engine, tmp_path / "t")
    for t in range(34):
        np.testing.assert_array_equal(track.object_mask(t, 1), before[t])
    np.testing.assert_array_equal(track.object_mask(34, 1), two_things.masks[0][34])
    assert engine.views == 40 - 31  # on from the checkpoint of frame 31

    fresh = track_objects(two_things.source, correction, engine, tmp_path / "fresh")
    assert contents(track) == contents(fresh)


def test_a_new_object_leaves_the_other_alone(two_things, engine, tmp_path):
    track_objects(two_things.source, two_things.prompts((0, 20)), engine, tmp_path / "t")
    both = two_things.prompts((0, 20), (1, 39))
    engine.views = 0
    track = track_objects(two_things.source, both, engine, tmp_path / "t")
    assert engine.views == 41  # frame 39 forward and frames 39 to 0 backward, for object 2 only
    fresh = track_objects(two_things.source, both, engine, tmp_path / "fresh")
    assert contents(track) == contents(fresh)


@pytest.mark.parametrize("stop_at", [3, 36, 55])
def test_a_cancelled_run_goes_on(two_things, engine, tmp_path, stop_at):
    prompts = two_things.prompts((0, 2), (1, 38))
    whole = track_objects(two_things.source, prompts, engine, tmp_path / "whole")

    def stop(progress):
        if progress.done == stop_at:
            raise Stopped

    with pytest.raises(Stopped):
        track_objects(two_things.source, prompts, engine, tmp_path / "t", Runtime(report=stop))
    assert not StoredTrack.open(tmp_path / "t").header.complete
    totals = []
    again = Runtime(report=lambda progress: totals.append(progress.total))
    track = track_objects(two_things.source, prompts, engine, tmp_path / "t", again)
    assert totals[0] == 80 - stop_at
    assert contents(track) == contents(whole)


def test_cancel_is_asked_for_every_frame(two_things, engine, tmp_path):
    asked = []
    runtime = Runtime(check_cancelled=lambda: asked.append(1))
    track_objects(two_things.source, two_things.prompts((0, 0)), engine, tmp_path / "t", runtime)
    assert len(asked) >= 80  # once while looking for cuts, once while following


def test_nothing_is_followed_across_a_cut(two_things, make_occlusion, engine, tmp_path):
    other = make_occlusion(twin=False).frames[:10]
    frames = np.concatenate([two_things.frames[:12], other])
    source = ClipFrames(Clip(frames=torch.from_numpy(frames.astype(np.float32) / 255)))
    prompts = two_things.prompts((0, 4))
    track = track_objects(source, prompts, engine, tmp_path / "t")
    assert [overlap(track.mask(t), two_things.masks[0][t]) > 0.6 for t in range(12)] == [True] * 12
    assert not any(track.mask(t).any() for t in range(12, 22))
    assert track.status(12, 1) == ("outside", 0.0)
    cut, gap = track.header.report["warnings"]
    assert "2 shots (cuts at frame 12)" in cut
    assert "object 1 has no prompt in shot 2 (frames 12 to 21)" in gap


def test_a_hidden_object_is_lost_and_found(make_occlusion, engine, tmp_path):
    scene = make_occlusion(twin=False)
    track = track_objects(scene.source, scene.prompts((0, 0)), engine, tmp_path / "t")
    truth = scene.masks[0]
    hidden = [t for t in range(24) if not truth[t].any()]
    assert len(hidden) >= 3
    assert all(track.status(t, 1) == ("lost", 0.0) for t in hidden)
    assert not any(track.mask(t).any() for t in hidden)
    assert track.status(23, 1)[0] == "tracked" and overlap(track.mask(23), truth[23]) > 0.8
    assert (
        "object 1 is lost in shot 1 (frames 0 to 23) on frame"
        in (track.header.report["warnings"][0])
    )


def test_a_hidden_object_with_a_twin_stays_lost(make_occlusion, engine, tmp_path):
    scene = make_occlusion(twin=True)
    track = track_objects(scene.source, scene.prompts((0, 0)), engine, tmp_path / "t")
    for t in range(24):
        stray = track.mask(t) & ~scene.masks[0][t]
        assert np.count_nonzero(stray) <= 0.15 * np.count_nonzero(scene.masks[0][0])
    assert track.status(23, 1) == ("lost", 0.0)


def one(prompt: FramePrompt) -> Prompts:
    return Prompts(objects=(ObjectPrompts(id=1, frames=(prompt,)),))


def test_bad_prompts(two_things, engine, tmp_path):
    outside = one(FramePrompt(frame=0, points=(Point(x=96, y=2),)))
    with pytest.raises(InputError, match=r"point \(96, 2\) lies outside the 96x64 frame"):
        track_objects(two_things.source, outside, engine, tmp_path / "t")
    negative = one(FramePrompt(frame=3, points=(Point(x=9, y=2, positive=False),)))
    with pytest.raises(InputError, match="object 1, frame 3: only says where the object is not"):
        track_objects(two_things.source, negative, engine, tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_a_damaged_checkpoint_is_passed_over(two_things, engine, tmp_path):
    track = track_objects(two_things.source, two_things.prompts((0, 0)), engine, tmp_path / "t")
    for path in (track.folder / "states").iterdir():
        path.write_bytes(b"damaged")
    engine.views = 0
    correction = two_things.prompts((0, 0), (0, 34))
    track_objects(two_things.source, correction, engine, tmp_path / "t")
    assert engine.views == 40


def test_a_damaged_mask_file_is_tracked_again(two_things, engine, tmp_path, caplog):
    prompts = two_things.prompts((0, 0))
    before = track_objects(two_things.source, prompts, engine, tmp_path / "t").read()
    path = tmp_path / "t" / "masks" / "000001.json"
    path.write_text("{")
    assert track_objects(two_things.source, prompts, engine, tmp_path / "t").read().equal(before)
    assert caplog.text.count("masks are tracked again") == 1
    path.write_text("{")
    with pytest.raises(MediaError, match="000001.json: .*delete this file and run the tracking"):
        StoredTrack.open(tmp_path / "t").read()


def test_masks_from_elsewhere_are_taken_as_they_are(two_things, tmp_path):
    header = TrackHeader(
        height=64, width=96, frames=40, fps=Fraction(8), objects=((1, "thing"),), digest="given"
    )
    with StoredTrack.create(tmp_path / "t", header) as track:
        for frame, pixels in enumerate(two_things.masks[0]):
            given = ObjectMask(pixels=pixels, state="prompted", confidence=1.0)
            track.put(frame, 1, given, made_by=header.digest)
        track.finish({})
    assert track.header.complete
    write_masks(track, tmp_path / "masks.json")
    read = read_mask(tmp_path / "masks.json", frames=40)
    assert torch.equal(read > 0.5, torch.from_numpy(two_things.masks[0]))


def test_an_overlay_tints_the_object_alone(two_things, engine, tmp_path):
    prompts = two_things.prompts((0, 0))
    track = track_objects(two_things.source, prompts, engine, tmp_path / "t")
    shown = next(overlay_frames(track, two_things.source)).numpy() * 255
    changed = np.abs(shown - two_things.frames[0]).max(-1) > 1
    np.testing.assert_array_equal(changed, track.mask(0))
