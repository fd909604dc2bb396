"""Mask tracks on disk: what is put is read, writes are whole, damage is named."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError, MediaError
from vivid_core.files.digest import digest_of
from vivid_core.files.seal import read_sealed, sealed_text, write_sealed
from vivid_core.media import read_mask
from vivid_core.track.store import CHUNK_FRAMES, ObjectMask, StoredTrack, TrackHeader
from vivid_core.video import FrameRange

HEIGHT, WIDTH = 6, 9


def header(frames: int = 40, objects: tuple[int, ...] = (1,), **other: object) -> TrackHeader:
    values = {"height": HEIGHT, "width": WIDTH, "fps": Fraction(30000, 1001), "digest": "d"}
    pairs = tuple((number, f"thing {number}") for number in objects)
    return TrackHeader(**(values | {"frames": frames, "objects": pairs} | other))


def picture(number: int) -> np.ndarray:
    values = np.random.default_rng(number).random((HEIGHT, WIDTH)) > 0.6
    values[0, 0] = True
    return values


def record(number: int, **other: object) -> ObjectMask:
    return ObjectMask(
        **({"pixels": picture(number), "state": "tracked", "confidence": 0.5} | other)
    )


def fill(track: StoredTrack, frames: range) -> None:
    for frame in frames:
        for number in track.object_ids:
            track.put(frame, number, record(100 * number + frame), made_by=f"k{number}")
    track.flush()


@settings(max_examples=15)
@given(st.permutations(list(range(0, 70, 5))), st.integers(1, 3))
def test_what_is_put_is_read_in_any_order(tmp_path_factory, order, count):
    folder = tmp_path_factory.mktemp("tracks") / "t"
    ids = tuple(range(1, count + 1))
    with StoredTrack.create(folder, header(70, ids)) as track:
        for frame in order:
            for number in ids:
                track.put(frame, number, record(100 * number + frame), made_by="k")
    again = StoredTrack.open(folder)
    for frame in order[::-1]:
        union = np.zeros((HEIGHT, WIDTH), bool)
        for number in ids:
            np.testing.assert_array_equal(
                again.object_mask(frame, number), picture(100 * number + frame)
            )
            union |= picture(100 * number + frame)
        np.testing.assert_array_equal(again.mask(frame), union)
        assert again.status(frame, 1) == ("tracked", 0.5)
    assert again.status(1, 1) is None and again.made_by(1, 1) is None


def test_header_round_trip(tmp_path):
    track = StoredTrack.create(tmp_path / "t", header(objects=(1, 7)))
    assert StoredTrack.open(tmp_path / "t").header == track.header
    track.finish({"shots": [1, 2]})
    found = StoredTrack.open(tmp_path / "t").header
    assert found.complete and found.report == {"shots": [1, 2]} and found.fps == track.header.fps


def test_its_files_are_masks_that_the_media_layer_reads(tmp_path):
    track = StoredTrack.create(tmp_path / "t", header(objects=(1, 2)))
    fill(track, range(40))
    first = read_mask(tmp_path / "t" / "masks" / "000000.json")
    assert torch.equal(first, track.read(FrameRange(start=0, stop=CHUNK_FRAMES)))
    track.save_json(tmp_path / "masks.json")
    assert torch.equal(read_mask(tmp_path / "masks.json", frames=40), track.read())
    assert [mask.shape for mask in track.masks()] == [(HEIGHT, WIDTH)] * 40


def test_an_existing_track_goes_on(tmp_path):
    fill(StoredTrack.create(tmp_path / "t", header(digest="old")), range(10))
    track = StoredTrack.create(tmp_path / "t", header(digest="new"))
    assert track.made_by(9, 1) == "k1" and track.made_by(10, 1) is None
    assert not track.header.complete


def test_objects_that_are_no_longer_asked_for_leave_the_union(tmp_path):
    fill(StoredTrack.create(tmp_path / "t", header(objects=(1, 2))), range(4))
    track = StoredTrack.create(tmp_path / "t", header(objects=(2,)))
    np.testing.assert_array_equal(track.mask(3), picture(203))


def test_masks_that_are_missing_are_an_error(tmp_path):
    track = StoredTrack.create(tmp_path / "t", header(objects=(1, 2)))
    track.put(3, 1, record(1), made_by="k")
    with pytest.raises(MediaError, match="object 2 was not tracked on frame 3: run the tracking"):
        track.mask(3)
    with pytest.raises(MediaError, match="object 1 was not tracked on frame 0"):
        track.save_json(tmp_path / "masks.json")
    with pytest.raises(InputError, match="40 does not exist: the track has 0 to 39"):
        track.mask(40)
    with pytest.raises(InputError, match="is 2x2, the track is 9x6"):
        wrong = ObjectMask(pixels=np.zeros((2, 2), bool), state="lost", confidence=0.0)
        track.put(0, 1, wrong, made_by="k")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    track = StoredTrack.create(tmp_path / "t", header())
    fill(track, range(4))
    before = (tmp_path / "t" / "masks" / "000000.json").read_bytes()
    track.put(5, 1, record(5), made_by="k")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "x")))
    with pytest.raises(MediaError, match="the disk is full"):
        track.flush()
    assert (tmp_path / "t" / "masks" / "000000.json").read_bytes() == before
    assert len(list((tmp_path / "t" / "masks").iterdir())) == 1


def test_folders_that_are_no_track(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "holiday.jpg").touch()
    with pytest.raises(InputError, match="not empty and no track: choose another folder"):
        StoredTrack.create(tmp_path / "full", header())
    with pytest.raises(InputError, match="is a file: name a folder"):
        StoredTrack.create(tmp_path / "full" / "holiday.jpg", header())
    with pytest.raises(MediaError, match="holds no mask track .* run the tracking again"):
        StoredTrack.open(tmp_path / "full")
    StoredTrack.create(tmp_path / "t", header())
    with pytest.raises(InputError, match="holds 40 masks of 9x6, the clip has 41 frames of 9x6"):
        StoredTrack.create(tmp_path / "t", header(41))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("track.json", "{", "track.json: cannot be read"),
        ("track.json", "{}", "is no mask track this pack reads"),
        ("track.json", '{"format": "vivid-mask-track", "version": 9}', "version 9"),
        ("track.json", '{"format": "vivid-mask-track", "version": 1}', "has no checksum"),
        ("masks/000000.json", "[]", "000000.json: has no checksum.* delete this file"),
        ("masks/000000.json", sealed_text({"frames": []}), "is damaged .* delete this file"),
        (
            "masks/000000.json",
            sealed_text({"size": [6, 9], "start": 0, "frames": []}),
            "0 frames instead of 32",
        ),
        (
            "masks/000000.json",
            sealed_text({"size": [6, 9], "start": 32, "frames": [{}] * 32}),
            "from frame 32",
        ),
    ],
)
def test_damaged_files(tmp_path, name, text, message):
    fill(StoredTrack.create(tmp_path / "t", header()), range(4))
    (tmp_path / "t" / name).write_text(text)
    with pytest.raises(MediaError, match=message):
        StoredTrack.open(tmp_path / "t").mask(0)


@settings(max_examples=60)
@given(
    st.sampled_from(["track.json", "masks/000000.json"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 7),
)
def test_a_flipped_bit_is_noticed_and_tracked_again(tmp_path_factory, name, place, bit):
    folder = tmp_path_factory.mktemp("tracks") / "t"
    fill(StoredTrack.create(folder, header(3)), range(3))
    data = bytearray((folder / name).read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    (folder / name).write_bytes(data)
    with suppress(MediaError):  # or nothing was lost: white space
        np.testing.assert_array_equal(StoredTrack.open(folder).mask(1), picture(101))
    try:
        track = StoredTrack.create(folder, header(3))
    except (InputError, MediaError) as error:  # another format or version, on purpose
        assert name == "track.json" and "is no mask track" in str(error)
        return
    if track.made_by(1, 1) is not None:
        np.testing.assert_array_equal(track.mask(1), picture(101))


def test_one_line_says_that_masks_are_tracked_again(tmp_path, caplog):
    fill(StoredTrack.create(tmp_path / "t", header()), range(4))
    (tmp_path / "t" / "masks" / "000000.json").write_text("{}")
    (tmp_path / "t" / "track.json").write_text("{")
    track = StoredTrack.create(tmp_path / "t", header())
    assert track.made_by(2, 1) is None
    first, second = caplog.messages
    assert first.startswith("the track's header is written again (") and "track.json" in first
    assert second.startswith("masks are tracked again (") and "has no checksum" in second


def test_damaged_counts_name_the_file(tmp_path):
    fill(StoredTrack.create(tmp_path / "t", header()), range(4))
    path = tmp_path / "t" / "masks" / "000000.json"
    data = read_sealed(path)
    data["frames"][2]["objects"]["1"]["counts"] = "04"
    write_sealed(path, data)
    with pytest.raises(MediaError, match="mask of frame 2 is damaged .*delete masks/000000.json"):
        StoredTrack.open(tmp_path / "t").object_mask(2, 1)


def test_digests_tell_their_parts_apart():
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert len(digest_of(b"x")) == 16
