"""Candidates on disk: the same digest is always the same picture, and nothing is lost."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError, MediaError
from vivid_core.files.seal import SEAL
from vivid_core.keyframe.edit import Candidate
from vivid_core.keyframe.library import (
    CandidateLibrary,
    Choice,
    parse_choice,
    pick,
    picture_digest,
)
from vivid_core.media import save_image

HEXADECIMAL = "0123456789abcdef"


def picture(seed: int, height: int = 4, width: int = 6) -> torch.Tensor:
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))


def made(*seeds: int, caption: str = "a red ball") -> list[Candidate]:
    return [Candidate(pixels=picture(seed), caption=caption, seed=seed) for seed in seeds]


@pytest.fixture
def library(tmp_path) -> CandidateLibrary:
    return CandidateLibrary(tmp_path / "keyframes")


def keep(library: CandidateLibrary, group: str, *seeds: int, frame: int = 3) -> list[str]:
    """Digests of what is kept."""
    candidates = made(*seeds)
    library.keep(group, candidates, frame=frame, task="add")
    return [picture_digest(candidate.pixels) for candidate in candidates]


def test_a_pick_is_the_same_bytes_from_the_batch_and_from_disk(library):
    first, second = keep(library, "g", 1, 2)
    batch = torch.stack([picture(1), picture(2)])
    here = pick(batch, Choice(number=2), library)
    there = pick(batch[:1], Choice(digest=second), library)
    assert torch.equal(here.pixels, there.pixels) and here.digest == there.digest == second
    assert first != second
    assert (here.pixels - picture(2)).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(here.pixels * 255, (here.pixels * 255).round())


def test_a_record_says_where_a_picture_came_from(library):
    (digest,) = keep(library, "g", 9, frame=12)
    record = CandidateLibrary(library.root).find(digest)
    assert record is not None
    assert (record.caption, record.seed, record.frame, record.task) == ("a red ball", 9, 12, "add")
    assert library.find("0" * 16) is None


def test_earlier_ones_of_the_same_group_newest_first(library, monkeypatch):
    clock = iter([100.0, 200.0, 300.0, 400.0])
    tick = SimpleNamespace(time=lambda: next(clock))
    monkeypatch.setattr("vivid_core.keyframe.library.time", tick)
    oldest = keep(library, "ours", 1, 2)
    middle = keep(library, "ours", 3, 4)
    keep(library, "theirs", 5)
    newest = keep(library, "ours", 6)
    assert [record.digest for record in library.beside(newest)] == [*middle, *oldest]
    assert [record.digest for record in library.beside(middle)] == [*newest, *oldest]
    assert library.beside(["0" * 16]) == []


def test_the_same_picture_of_two_nodes_belongs_to_both(library):
    (shared,) = keep(library, "one", 1)
    (mine,) = keep(library, "one", 2)
    assert keep(library, "two", 1) == [shared]
    (other,) = keep(library, "two", 3)
    assert {record.digest for record in library.beside([shared])} == {mine, other}


def test_a_picture_from_elsewhere_has_no_record(library):
    picked = pick(picture(1)[None], Choice(number=1), library)
    assert picked.record is None and picked.digest == picture_digest(picture(1))
    assert not library.root.exists()


def test_what_cannot_be_picked_says_what_to_do(library):
    batch = picture(1)[None]
    with pytest.raises(InputError, match="choice: is 2, there are pictures 1 to 1"):
        pick(batch, Choice(number=2), library)
    with pytest.raises(InputError, match=r"run Vivid Edit Keyframe again with seed 77, or press"):
        pick(batch, Choice(digest="0" * 16, seed=77), library)
    with pytest.raises(InputError, match=r"run Vivid Edit Keyframe again, or press"):
        pick(batch, Choice(digest="0" * 16), library)


def test_a_picture_that_was_painted_over_is_refused(library):
    (digest,) = keep(library, "g", 5)
    save_image(library.root / "g" / f"{digest}.png", picture(6))
    with pytest.raises(MediaError, match=r"was changed after it was made.*seed 5"):
        pick(picture(1)[None], Choice(digest=digest), library)


@pytest.mark.parametrize("text", ["{", '{"format": "vivid-candidate"}', "[]", '{"format": "x"}'])
def test_a_damaged_record_is_named(library, text):
    (digest,) = keep(library, "g", 5)
    path = library.root / "g" / f"{digest}.json"
    path.write_text(text)
    with pytest.raises(MediaError, match=f"{digest}.json: is no record of a candidate"):
        library.find(digest)


def test_a_damaged_record_hides_no_other(library):
    good, bad, shown = keep(library, "g", 5, 6, 7)
    (library.root / "g" / f"{bad}.json").write_text("{")
    assert [record.digest for record in library.beside([shown])] == [good]


def test_a_picture_that_was_deleted_says_what_to_run(library):
    (digest,) = keep(library, "g", 5)
    (library.root / "g" / f"{digest}.png").unlink()
    with pytest.raises(InputError, match="run Vivid Edit Keyframe again with seed 5"):
        pick(picture(1)[None], Choice(digest=digest, seed=5), library)


def test_a_record_of_a_newer_version_is_refused(library):
    (digest,) = keep(library, "g", 5)
    path = library.root / "g" / f"{digest}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 3}))
    with pytest.raises(MediaError, match="version 3"):
        library.find(digest)


@settings(max_examples=40)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_of_a_record_is_noticed(tmp_path_factory, place, bit):
    library = CandidateLibrary(tmp_path_factory.mktemp("keyframes"))
    (digest,) = keep(library, "g", 5)
    path, before = library.root / "g" / f"{digest}.json", library.find(digest)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    path.write_bytes(data)
    try:
        assert library.find(digest) == before  # white space, or the case of an exponent
    except MediaError as error:
        assert "delete it" in str(error)


@pytest.mark.parametrize(
    ("changes", "known"),
    [({}, True), ({"seed": -1}, False), ({"frame": "3"}, False), ({"task": "paint"}, False)]
    + [({"made": "soon"}, False), ({"caption": None}, False), ({"number": True}, False)],
)
def test_records_of_version_1_have_no_checksum(library, changes, known):
    (digest,) = keep(library, "g", 5)
    path = library.root / "g" / f"{digest}.json"
    data = json.loads(path.read_text()) | {"version": 1} | changes
    path.write_text(json.dumps({key: value for key, value in data.items() if key != SEAL}))
    if known:
        assert library.find(digest) is not None
    else:
        with pytest.raises(MediaError, match="is no record of a candidate"):
            library.find(digest)


def test_size_counts():
    flat = torch.zeros(2, 6, 3)
    assert picture_digest(flat) != picture_digest(flat.reshape(3, 4, 3))


@given(st.text(HEXADECIMAL, min_size=16, max_size=16), st.integers(0, 2**63 - 1))
def test_a_digest_is_read_with_and_without_its_seed(digest, seed):
    assert parse_choice(digest) == Choice(digest=digest)
    assert parse_choice(f" {digest} seed {seed}\n") == Choice(digest=digest, seed=seed)


@given(st.integers(1, 999))
def test_a_number_is_read(number):
    assert parse_choice(str(number)) == Choice(number=number)


@given(st.text(max_size=30))
def test_any_other_text_is_refused(text):
    try:
        choice = parse_choice(text)
    except InputError as error:
        assert error.argument == "choice"
    else:
        assert (choice is None) == (not text.strip())


@pytest.mark.parametrize("text", ["0", "000", "1000", "-1", "first", "ABCDEF0123456789", "\u0663"])
def test_what_is_no_choice(text):
    with pytest.raises(InputError, match="click a picture in the node"):
        parse_choice(text)
