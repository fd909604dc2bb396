"""Evaluation sets: one case a mask, paths inside the folder, errors that name the entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.measure.manifest import read_manifest

FILES = ("a.mkv", "a_truth.mkv", "hull.json", "box.json")
SAMPLE = {
    "id": "beach",
    "source": "a.mkv",
    "task": "modify",
    "caption": "a red parasol",
    "mask": {"hull": "hull.json", "box": "box.json"},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "set"
    place.mkdir()
    for name in FILES:
        (place / name).touch()
    (tmp_path / "outside.mkv").touch()
    return place


def write(folder: Path, *samples: Any, version: Any = 1) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps({"version": version, "samples": list(samples)}))
    return path


def test_each_mask_is_a_case(folder):
    hull, box = read_manifest(write(folder, SAMPLE | {"truth": "a_truth.mkv"}))
    assert (hull.name, box.name) == ("beach_hull", "beach_box")
    assert hull.mask == folder / "hull.json" and box.mask == folder / "box.json"
    assert hull.source == folder / "a.mkv" and hull.truth == folder / "a_truth.mkv"
    assert (hull.task, hull.caption) == ("modify", "a red parasol")
    assert hull.group == box.group


def test_one_mask_alone_keeps_the_id_and_a_deletion_needs_no_caption(folder):
    sample = {"id": "x", "source": "a.mkv", "task": "delete", "mask": "box.json", "group": "g"}
    (case,) = read_manifest(write(folder, sample))
    assert (case.name, case.caption, case.truth, case.group) == ("x", "", None, "g")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "../outside.mkv"}, r"source '../outside.mkv' leaves the folder"),
        ({"source": "/etc/hostname"}, r"source '/etc/hostname' leaves the folder"),
        ({"source": "gone.mkv"}, r"source 'gone.mkv' is not there"),
        ({"source": ""}, r"source must be a path, got ''"),
        ({"source": "a\0.mkv"}, r"source must be a path"),
        ({"truth": "../outside.mkv"}, r"truth '../outside.mkv' leaves"),
        ({"mask": {"hull": "../outside.mkv"}}, r"mask hull '../outside.mkv' leaves"),
        ({"mask": {"tight": "box.json"}}, r"mask must have some of expand, hull, box"),
        ({"mask": {}}, r"mask must have some of"),
        ({"mask": 3}, r"mask must be a path, got 3"),
        ({"task": "remove"}, r"task must be add, modify, delete, got 'remove'"),
        ({"caption": " "}, r"caption must be text, got ' '"),
        ({"id": "../x"}, r"id may hold letters"),
        ({"id": 3}, r"id must be text, got 3"),
        ({"sauce": "a.mkv"}, r"has sauce, which is none of"),
    ],
)
def test_an_error_names_the_entry(folder, change, message):
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(write(folder, SAMPLE | {"id": "first"}, SAMPLE | change))
    assert "manifest.json: samples[1]" in str(caught.value)
    assert caught.value.argument == "manifest"
    assert len(str(caught.value).splitlines()) == 1


def test_a_link_does_not_lead_out(folder):
    (folder / "link.mkv").symlink_to(folder.parent / "outside.mkv")
    with pytest.raises(InputError, match="leaves the folder"):
        read_manifest(write(folder, SAMPLE | {"source": "link.mkv"}))


def test_a_name_is_used_once(folder):
    with pytest.raises(InputError, match="'beach_hull' is there twice"):
        read_manifest(write(folder, SAMPLE, SAMPLE))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", 'needs {"version": 1, "samples"'),
        ('{"version": 1, "samples": {}}', "needs"),
        ('{"version": 2, "samples": [1]}', "is of version 2, 1 is read here"),
        ('{"version": 1, "samples": []}', "has no samples"),
        ('{"version": 1, "samples": ["beach"]}', r"samples\[0\] must be an object, got str"),
    ],
)
def test_what_is_no_manifest_is_refused(folder, text, message):
    path = folder / "manifest.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_manifest(path)


def test_bytes_that_are_no_text_and_a_missing_file_are_refused(folder):
    (folder / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no UTF-8 text"):
        read_manifest(folder / "manifest.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(folder / "gone.json")


@given(JSON, st.sampled_from(["id", "source", "task", "caption", "mask", "truth", "group"]))
def test_anything_else_is_read_or_refused_in_one_line(tmp_path_factory, value, key):
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    for name in FILES:
        (folder / name).touch()
    try:
        cases = read_manifest(write(folder, SAMPLE | {key: value}))
    except InputError as error:
        assert "samples[0]" in str(error) or "give finite numbers" in str(error)
    else:
        assert all(case.source.resolve().is_relative_to(folder.resolve()) for case in cases)
