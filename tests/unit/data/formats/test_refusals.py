"""Damaged and hostile datasets: each is refused with the file, the sample and the reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.data.formats.catalog import read_dataset, write_dataset
from vivid_core.data.formats.columns import ColumnMap
from vivid_core.data.formats.record import MaskReference, Record, confined, relative
from vivid_core.errors import InputError
from vivid_core.video import FrameRange

TABLE = ColumnMap(video="video", start="from", stop="to", fps="fps", captions=("caption",))
LINE = "video,from,to,fps,caption\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("video,from,to,fps,text\na.mp4,0,9,8,x\n", "sample 1: has no column 'caption'.*'text'"),
        (LINE + "a.mp4,0,9,8\n", "line 2: has 4 values for 5 columns"),
        (LINE + "a.mp4,9,9,8,x\n", "sample 1: frames 9 to 9 are none"),
        (LINE + "a.mp4,,9,8,x\n", "frames None to 9"),
        (LINE + "a.mp4,0,9.5,8,x\n", "'to' holds 9.5, expected a whole number"),
        (LINE + "a.mp4,0,nan,8,x\n", "'to' holds 'nan', expected a number"),
        (LINE + "a.mp4,0,9,0,x\n", "0 frames a second"),
        (LINE + ",0,9,8,x\n", "sample 1: '' is no path"),
        (LINE + "../a.mp4,0,9,8,x\n", "leads out of the dataset's folder"),
        (LINE + "/etc/passwd,0,9,8,x\n", "leads out"),
        (LINE + "C:/a.mp4,0,9,8,x\n", "Windows"),
        ("video,video\na,b\n", "repeated names"),
        (LINE + '"a.mp4,0,9\n', "is no CSV"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(tmp_path, text, words):
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read_dataset(tmp_path / "index.csv", "table", columns=TABLE)
    assert str(tmp_path / "index.csv") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.json", b"{", "is no JSON"),
        ("a.json", b"{}", "expected a list, found dict"),
        ("a.json", b"[1]", "item 0: expected an object, got int"),
        ("a.json", b'[{"video": 3}]', "holds int, expected text"),
        ("a.jsonl", b'{"video": "a"}\n{', "line 2: is no JSON"),
        ("a.json", b"[" * 100_000, "is no JSON"),
        ("a.csv", b"\xff\xfe", "is no UTF-8 text"),
        ("a.xlsx", b"", "tables end in"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_dataset(tmp_path / name, "table", columns=ColumnMap(video="video"))


def test_forms_and_files_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_dataset(tmp_path / "a.csv", "insvie")
    with pytest.raises(InputError, match="'coco' is not one of table, vpdata"):
        read_dataset(tmp_path / "a.csv", "coco")
    with pytest.raises(InputError, match="needs columns"):
        read_dataset(tmp_path / "a.csv", "table")
    with pytest.raises(InputError, match="has columns of its own"):
        read_dataset(tmp_path / "a.csv", "ditto", columns=TABLE)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "secret.mp4").touch()
    (tmp_path / "set" / "a.mp4").symlink_to(tmp_path / "secret.mp4")
    with pytest.raises(InputError, match="leads out"):
        confined(tmp_path / "set", "a.mp4")


@given(st.text(max_size=30))
def test_a_path_lies_inside_or_is_refused(tmp_path_factory, text):
    root = tmp_path_factory.getbasetemp()
    try:
        path = confined(root, text)
    except InputError:
        return
    assert path.is_relative_to(root.resolve()) and path != root.resolve()
    assert confined(root, relative(root, path)) == path


@pytest.mark.parametrize(
    ("change", "form", "words"),
    [
        ({"edited_caption": "x"}, "ditto", "no place for a sample's edited_caption"),
        ({"frames": FrameRange(start=0, stop=9)}, "openve", "no place for a sample's frames"),
        ({"captions": ("a", "b")}, "videox-fun", "1 places for captions, the sample 2"),
        ({"extra": {"text": "x"}}, "videox-fun", "'text' has a meaning"),
        ({}, "vpdata", "keeps masks as label maps"),
        ({}, "vireset", "keeps masks as masklets"),
        ({"captions": ("a\nb",)}, "finetrainers", "one line of caption only"),
        ({"instruction": "x"}, "finetrainers", "one line of caption only"),
    ],
)
def test_what_a_form_cannot_hold_is_not_lost_silently(tmp_path, change, form, words):
    record = Record(video=tmp_path.resolve() / "a.mp4", **change)
    with pytest.raises(InputError, match=words):
        write_dataset(tmp_path / "index.json", [record], form)
    assert list(tmp_path.iterdir()) == []


def test_a_mask_of_several_things_or_files_outside_cannot_be_named(tmp_path):
    columns = ColumnMap(video="video", mask="mask")
    root = tmp_path.resolve()
    mask = MaskReference(path=root / "a.npz", kind="labels", number=1)
    with pytest.raises(InputError, match="masks of several things"):
        record = Record(video=root / "a.mp4", mask=mask)
        write_dataset(tmp_path / "a.csv", [record], "table", columns=columns)
    with pytest.raises(InputError, match="outside"):
        record = Record(video=root.parent / "a.mp4")
        write_dataset(tmp_path / "a.csv", [record], "table", columns=columns)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a/b.mp4,0,9,8,1,x", "no name of an .mp4"),
        ("a.avi,0,9,8,1,x", "no name of an .mp4"),
        ("a.mp4,0,9,8,,x", "has no mask_id"),
        ("a.mp4,0,9,8,-1,x", "count from 0"),
    ],
)
def test_vpdata_that_names_no_clip_or_mask_is_refused(tmp_path, row, words):
    (tmp_path / "a.csv").write_text(f"path,start_frame,end_frame,fps,mask_id,caption\n{row}\n")
    with pytest.raises(InputError, match=f"sample 1: .*{words}"):
        read_dataset(tmp_path / "a.csv", "vpdata")


def test_lists_of_unequal_length_are_refused(tmp_path):
    (tmp_path / "videos.txt").write_text("a.mp4\nb.mp4\n")
    (tmp_path / "prompt.txt").write_text("A dog\n")
    with pytest.raises(InputError, match="has 2 lines, prompt.txt 1"):
        read_dataset(tmp_path, "finetrainers")
