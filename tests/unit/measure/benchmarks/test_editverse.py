"""EditVerseBench: numbered entries, sources beside the edits, masks where there are some."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.measure.benchmarks.recognise import read_set
from vivid_core.measure.set import Method

from .drawn import entry, touch, write_editverse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
SAFE = "abcXYZ 019,.;!?"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "bench"
    touch(
        place,
        "videos/1.mp4",
        "inpaint_video_and_masks/2.mp4",
        "inpaint_video_and_masks/2_mask.mp4",
        "masks/1.json",
    )
    return place


def test_an_entry_is_a_case_under_its_number(root):
    painted = entry(**{"<video1>": "inpaint_video_and_masks/2.mp4", "type": "inpaint"})
    named = painted | {"<video2>": "inpaint_video_and_masks/2_mask.mp4"}
    write_editverse(root, {"0": entry(), "1": painted, "2": named, "3": entry()})
    found = read_set(root)
    plain, beside, told, _ = found.cases
    assert (plain.name, plain.edit, plain.beside) == ("0", "0/generate", "0/video1")
    assert (plain.caption, plain.instruction) == ("a woman with a crown", "<video1> Add a crown")
    assert plain.mask == root / "masks/1.json"
    assert beside.mask == told.mask == root / "inpaint_video_and_masks/2_mask.mp4"
    assert plain.label == "add object" and plain.whole_caption
    assert any("ViCLIP" in note for note in found.notes)


def test_the_source_beside_an_edit_counts_and_may_be_the_only_one(root, tmp_path):
    write_editverse(root, {"0": entry(), "1": entry(), "2": entry(**{"<video1>": "videos/no.mp4"})})
    touch(tmp_path / "ours", "0/generate.mp4", "0/video1.mp4", "1/generate.mp4", "2/generate.mp4")
    ours = Method(name="ours", folder=tmp_path / "ours")
    own, shared, lost = read_set(root).cases
    assert ours.files(own) == (
        tmp_path / "ours/0/generate.mp4",
        tmp_path / "ours/0/video1.mp4",
    )
    assert ours.files(shared)[1] == root / "videos/1.mp4"
    with pytest.raises(InputError, match="needs one 2/video1.mkv .* has none"):
        ours.files(lost)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"<video1>": "../secret.mp4"}, "'../secret.mp4' leads out of the dataset's folder"),
        ({"<video1>": "/etc/hostname"}, "leads out"),
        ({"<video1>": "a\0.mp4"}, "is no path"),
        ({"<video1>": None}, "has no '<video1>'; it has '<text>', 'direction'"),
        ({"<video2>": "inpaint_video_and_masks/../../mask.mp4"}, "leads out"),
        ({"target_prompt": 3}, "column 'target_prompt' holds int"),
        ({"target_prompt": " "}, "has no 'target_prompt'"),
        ({"type": None}, "has no 'type'"),
    ],
)
def test_an_error_names_the_entry(root, change, message):
    path = write_editverse(root, {"0": entry(), "7": entry(**change)})
    with pytest.raises(InputError, match=message) as caught:
        read_set(path)
    assert "test.json, entry '7': " in str(caught.value)
    assert caught.value.argument == "manifest"


@pytest.mark.parametrize("number", ["../0", "a/b", "", "0\0"])
def test_a_number_that_is_no_folder_is_refused(root, number):
    with pytest.raises(InputError, match="may hold letters, digits"):
        read_set(write_editverse(root, {number: entry()}))


def test_an_entry_twice_and_one_that_is_no_object_are_refused(root):
    (root / "test.json").write_text('{"0": {"<text>": "a"}, "0": {}}')
    with pytest.raises(InputError, match="has the entry '0' twice"):
        read_set(root)
    with pytest.raises(InputError, match="entry '1': must be an object, got list"):
        read_set(write_editverse(root, {"0": entry(), "1": []}))


@settings(max_examples=20)  # each writes a benchmark
@given(JSON, st.sampled_from(["<text>", "<video1>", "<video2>", "target_prompt", "type"]))
def test_any_value_is_read_or_refused_with_its_entry(tmp_path_factory, value, key):
    root = tmp_path_factory.getbasetemp() / "editverse"
    touch(root, "videos/1.mp4")
    path = write_editverse(root, {"0": entry(), "5": entry() | {key: value}})
    try:
        cases = read_set(path).cases
    except InputError as error:
        assert "entry '5': " in str(error)
    else:
        assert all(case.source.is_relative_to(root.resolve()) for case in cases)


@settings(max_examples=20)  # each writes a benchmark
@given(st.dictionaries(st.integers(0, 999).map(str), st.text(SAFE, min_size=1), min_size=1))
def test_every_text_comes_back(tmp_path_factory, texts):
    root = tmp_path_factory.getbasetemp() / "texts"
    touch(root, "videos/1.mp4")
    path = write_editverse(root, {n: entry(target_prompt=f"x{t}") for n, t in texts.items()})
    found = {case.name: case.caption for case in read_set(path).cases}
    assert found == {number: f"x{text}".strip() for number, text in texts.items()}
