"""A journal gives back what was put into it to the bit, or nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.chain.journal import HEADER, WINDOWS, Journal, parse_facts
from vivid_core.edit.report import WindowFacts
from vivid_core.errors import MediaError
from vivid_core.files.seal import write_sealed
from vivid_core.video import FrameRange

MADE, OTHER = FrameRange(start=0, stop=3), FrameRange(start=3, stop=6)
FACTS = WindowFacts(part=(2, 4, 8, 10), crop=(0, 0, 16, 16), tokens=9, warnings=("dark",))
PARTS = np.random.default_rng(0).integers(0, 256, (3, 8, 10, 3), np.uint8)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of two windows."""
    folder = tmp_path_factory.mktemp("journals") / "work"
    journal = Journal(folder)
    journal.keep(MADE, "aa", PARTS, FACTS)
    journal.keep(OTHER, "bb", PARTS[::-1], FACTS)
    return folder


def test_what_was_kept_is_found_by_the_next_run(kept: Path) -> None:
    found = Journal(kept).find(MADE, "aa")
    assert found is not None and found.facts == FACTS
    np.testing.assert_array_equal(np.stack(list(found.parts_from(0))), PARTS)
    assert Journal(kept).find(MADE, "bb") is None


@settings(max_examples=150)
@given(st.sampled_from([".mkv", ".json"]), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_is_noticed_wherever_it_is(
    kept: Path, suffix: str, place: float, bit: int
) -> None:
    journal = Journal(kept)
    path = kept / WINDOWS / f"000000-000003-aa{suffix}"
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[int(place * len(damaged))] ^= 1 << bit
    overwrite(path, damaged)
    try:
        assert journal.find(MADE, "aa") is None
        assert journal.find(OTHER, "bb") is not None
    finally:
        overwrite(path, whole)


def overwrite(path: Path, data: bytes | bytearray) -> None:
    """In place: a file that is cut to nothing first is written to the disk at once."""
    with path.open("r+b") as file:
        file.write(data)


def test_one_line_says_which_window_is_made_again(
    kept: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = shutil.copytree(kept, tmp_path / "work")
    (folder / WINDOWS / "000000-000003-aa.mkv").write_bytes(b"")
    assert Journal(folder).find(MADE, "aa") is None
    (line,) = caplog.messages
    assert line.startswith("window 0 to 2 is made again (") and "was changed after" in line


def test_windows_that_changed_places_are_made_again(kept: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(kept, tmp_path / "work")
    for suffix in (".mkv", ".json"):
        first, second = (folder / WINDOWS / f"{n}{suffix}" for n in ("000000-000003-aa", "x"))
        other = folder / WINDOWS / f"000003-000006-bb{suffix}"
        first.rename(second)
        other.rename(first)
        second.rename(other)
    assert Journal(folder).find(MADE, "aa") is None and Journal(folder).find(OTHER, "bb") is None


def test_a_window_of_an_earlier_version_is_made_again(kept: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(kept, tmp_path / "work")
    (folder / WINDOWS / "000000-000003-aa.json").write_text(json.dumps(asdict(FACTS)))
    assert Journal(folder).find(MADE, "aa") is None


def test_a_damaged_header_hides_no_window(kept: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(kept, tmp_path / "work")
    (folder / HEADER).write_text("{")
    assert Journal(folder).find(MADE, "aa") is not None
    shutil.rmtree(folder / WINDOWS)
    (folder / HEADER).write_text("[]")
    with pytest.raises(MediaError, match="choose another folder"):
        Journal(folder)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(asdict(FACTS))), JSON)
def test_facts_are_typed_and_in_range(name: str, value: Any) -> None:
    data = json.loads(json.dumps(asdict(FACTS))) | {name: value}
    try:
        facts = parse_facts(data)
    except (TypeError, ValueError):
        return
    assert json.loads(json.dumps(asdict(facts))) == data
    assert min(facts.part) >= 0 and min(facts.part[2:]) > 0


def test_a_sealed_record_of_something_else_is_no_window(kept: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(kept, tmp_path / "work")
    for record in ({}, {"window": 1}, {"window": "000000-000003-aa", "video": None, "facts": []}):
        write_sealed(folder / WINDOWS / "000000-000003-aa.json", record)
        assert Journal(folder).find(MADE, "aa") is None
