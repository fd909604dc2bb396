"""Tables of edits by instruction: columns by what they are called, others named and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.measure.benchmarks import recognise
from vivid_core.measure.benchmarks.prompts import MEANINGS, NEEDED, find_columns
from vivid_core.measure.benchmarks.recognise import read_set

from .drawn import touch, write_table

ROW = {
    "video": "DAVIS_480p/480p_videos/surf.mp4",
    "instruction": "remove the board",
    "input_caption": "a man on a board",
    "output_caption": "a man",
    "task": "remove",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "plus"
    touch(place, ROW["video"], "videos/flat.mp4", "masks/flat.json", "outside.txt")
    return place


def write(root: Path, *rows: dict, name: str = "table.jsonl") -> Path:
    path = root / name
    if path.suffix == ".csv":
        return write_table(path, rows, rows[0])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["table.csv", "table.jsonl"])
def test_a_row_is_a_case_whose_video_is_named_by_path_or_name(root, name):
    flat = ROW | {"video": "flat", "task": "texture"}
    write(root, ROW, ROW | {"video": "surf", "task": "add"}, name=name)
    remove, add = read_set(root).cases
    assert remove.source == add.source == root / ROW["video"]
    assert (remove.edit, add.name) == ("DAVIS_480p/surf/remove", "surf_add")
    assert (remove.instruction, remove.caption) == ("remove the board", "a man")
    assert remove.mask is None and remove.kind == "remove"
    (root / "DAVIS_480p/480p_videos/surf.mp4").unlink()
    (root / "DAVIS_480p/480p_videos").rmdir()
    (case,) = read_set(write(root, flat, name=name)).cases
    assert case.source == root / "videos/flat.mp4" and case.mask == root / "masks/flat.json"
    assert case.edit == "flat/texture"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video": "../secret.mp4"}, "row 1: '../secret.mp4' leads out of the dataset's folder"),
        ({"video": "/etc/hostname"}, "row 1: '/etc/hostname' leads out"),
        ({"video": "C:\\a.mp4"}, "row 1: .* is a path of Windows"),
        ({"video": "videos/gone.mp4"}, "row 1: the video 'videos/gone.mp4' is not in"),
        ({"video": 3}, "row 1: column 'video' holds int, expected text"),
        ({"instruction": " "}, r"row 1: column 'instruction' \(the instruction\) is empty"),
        ({"task": "../x"}, "row 1: '../x' may hold letters"),
        ({"output_caption": None}, r"row 1: column 'output_caption' .* is empty"),
        ({"target_prompt": "a"}, "needs one column for the result's caption .* has output_caption"),
    ],
)
def test_an_error_names_row_and_column(root, change, message):
    with pytest.raises(InputError, match=message) as caught:
        read_set(write(root, ROW | change))
    assert caught.value.argument == "manifest"


@given(st.data())
def test_columns_are_found_by_any_known_name_and_case(data):
    names = {meaning: data.draw(st.sampled_from(known)) for meaning, known in MEANINGS.items()}
    change = data.draw(st.sampled_from([str.upper, str.title, lambda name: name.replace("_", " ")]))
    columns = data.draw(st.permutations([*map(change, names.values()), "something else"]))
    found = find_columns(Path("a.csv"), columns)
    assert found == {meaning: change(name) for meaning, name in names.items()}


@given(st.lists(st.text("abc_ ", max_size=6), max_size=4), st.sampled_from(NEEDED))
def test_columns_of_no_known_name_are_listed(columns, lacking):
    given = [MEANINGS[meaning][0] for meaning in NEEDED if meaning != lacking]
    with pytest.raises(InputError, match="among its columns") as caught:
        find_columns(Path("a.csv"), [*given, *columns])
    assert lacking in str(caught.value) and all(name in str(caught.value) for name in columns)


def test_two_tables_and_a_huge_one_are_refused(root, monkeypatch):
    write(root, ROW)
    write(root, ROW, name="other.csv")
    with pytest.raises(InputError, match="has other.csv, table.jsonl: name the file"):
        read_set(root)
    monkeypatch.setattr(recognise, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="bytes, 100 at most are read"):
        read_set(root / "other.csv")


@settings(max_examples=40)
@given(st.binary(max_size=80), st.sampled_from([".csv", ".tsv", ".jsonl", ".json"]))
def test_any_bytes_are_refused_in_one_line(tmp_path_factory, content, ending):
    path = tmp_path_factory.getbasetemp() / f"any{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_set(path)
    assert caught.value.argument == "manifest"
