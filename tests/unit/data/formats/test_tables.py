"""Datasets that are one table: what is written is read again, whatever the texts hold."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.data.formats.catalog import FORMS, read_dataset, write_dataset
from vivid_core.data.formats.columns import ColumnMap, map_from_settings, unknown_columns
from vivid_core.data.formats.record import MaskReference, Record
from vivid_core.errors import InputError
from vivid_core.video import FrameRange

ROOT = Path("/nowhere/set")  # paths are only spelled: none of these files is there
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))).map(str.strip)
NAMES = st.from_regex(r"[a-z0-9_]{1,8}(/[A-Za-z0-9 ,'_-]{0,6}[a-z])?\.mp4", fullmatch=True)
EVERYTHING = ColumnMap(
    video="clip",
    edited="edit",
    mask="mask",
    start="from",
    stop="to",
    fps="fps",
    captions=("short", "medium", "long"),
    edited_caption="after",
    instruction="do",
    references=("ref 1", "ref 2"),
    optional=("edit", "mask", "ref 1", "ref 2", "from", "to", "fps"),
)
SUFFIXES = st.sampled_from([".csv", ".tsv", ".json", ".jsonl"])


@st.composite
def values_of_records(draw: st.DrawFn) -> dict[str, Any]:
    def path() -> Path:
        return ROOT / draw(NAMES)

    start = draw(st.integers(0, 1000))
    return {
        "video": path(),
        "frames": draw(st.sampled_from([None, FrameRange(start=start, stop=start + 49)])),
        "fps": draw(st.sampled_from([None, 8.0, 23.976])),
        "mask": MaskReference(path=path()) if draw(st.booleans()) else None,
        "edited": path() if draw(st.booleans()) else None,
        "captions": tuple(draw(st.lists(TEXTS.filter(bool), max_size=3))),
        "edited_caption": draw(TEXTS),
        "instruction": draw(TEXTS),
        "references": tuple(path() for _ in range(draw(st.integers(0, 2)))),
        "extra": {"kept": draw(TEXTS)},
    }


@settings(max_examples=25)  # each writes a file and waits for the disk
@given(st.lists(values_of_records(), min_size=1, max_size=4), SUFFIXES)
def test_whatever_a_column_map_covers_comes_back(drawn, suffix):
    known = tuple(Record(**values) for values in drawn)
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / f"index{suffix}"
        write_dataset(index, known, "table", root=ROOT, columns=EVERYTHING)
        assert read_dataset(index, "table", root=ROOT, columns=EVERYTHING) == known
        assert unknown_columns(known) == ("kept",)


SMALL = {
    "insvie": ("test.csv", "video,instruct\na/1.mp4,Make it red\n"),
    "insvie-pairs": (
        "train.csv",
        "source,source caption,instruct,edit caption,subfolder\n"
        '1.mp4,"A dog, running",Turn it blue,A blue dog,part3\n',
    ),
    "ditto": (
        "ditto.json",
        '[{"source_path": "s/1.mp4", "instruction": "Snow", "edited_path": "e/1.mp4", "n": 3}]',
    ),
    "openve": ("openve.csv", "original_video,video,prompt\no/1.mp4,v/1.mp4,Make it snow\n"),
    "reco": (
        "add/add_data_configs.json",
        '[{"src_video": "add/src_videos/1.mp4", "tar_video": "add/tar_videos/1.mp4", '
        '"instruction_final_refine": "Add a hat", "instruction": ["hat"]}]',
    ),
    "kiwi-edit": (
        "kiwi.csv",
        "src_video,tgt_video,ref_image,prompt\na.mp4,b.mp4,c.png,Use the hat\nd.mp4,e.mp4,,Snow\n",
    ),
    "videox-fun": (
        "metadata.json",
        '[{"file_path": "train/1.mp4", "text": "A dog", "type": "video", "width": 720, '
        '"height": 480}, {"file_path": "train/2.jpg", "text": "A cat", "type": "image"}]',
    ),
    "reference-quadruplets": (
        "quadruplets.jsonl",
        '{"source_video": "s.mp4", "mask_video": "m.mp4", "target_video": "t.mp4", '
        '"reference_image": "r.png", "prompt": "Give her this bag"}\n',
    ),
    "vpdata": (
        "our_video_inpaint.csv",
        "path,start_frame,end_frame,fps,mask_id,caption\n"
        "000005000000.0.mp4,0,49,8,2,A dog runs\n000000000000_852038.mp4,10,59,24.0,1,A cat\n",
    ),
    "vireset": (
        "vireset.csv",
        "path,text,json_path,masklet_id,mask_start_frame,mask_end_frame,min_y,max_y\n"
        "clips/1.mp4,A dog,json/1.json,0,4,54,10,200\n",
    ),
}


@pytest.mark.parametrize("form", sorted(SMALL))
def test_a_small_file_of_each_form_is_read_and_written_alike(tmp_path, form):
    name, text = SMALL[form]
    index = tmp_path / name
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text(text)
    known = read_dataset(index, form)
    assert all(record.video.is_relative_to(tmp_path.resolve()) for record in known)
    again = index.with_name(f"again{index.suffix}")
    write_dataset(again, known, form)
    assert read_dataset(again, form) == known
    assert values(again) == values(index)


def values(index: Path):
    """What a file says, in whatever order and spelling of numbers."""
    if index.suffix == ".csv":
        lines = index.read_text().replace("24.0", "24").replace(",8.0,", ",8,").splitlines()
        return lines
    text = index.read_text()
    return json.loads(text if index.suffix == ".json" else f"[{text}]")


def test_every_form_has_a_small_file():
    assert set(SMALL) == set(FORMS) - {"finetrainers"}


def test_what_the_forms_mean(tmp_path):
    def first(form: str) -> Record:
        name, text = SMALL[form]
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        return read_dataset(tmp_path / name, form)[0]

    root = tmp_path.resolve()
    reco = first("reco")
    assert (reco.video, reco.edited) == (
        root / "add/src_videos/1.mp4",
        root / "add/tar_videos/1.mp4",
    )
    assert reco.instruction == "Add a hat" and reco.extra == {"instruction": ["hat"]}
    pair = first("insvie-pairs")
    assert pair.captions == ("A dog, running",) and pair.edited_caption == "A blue dog"
    assert pair.extra == {"subfolder": "part3"}
    part = first("vpdata")
    assert part.video == root / "videovo/raw_video/000005000/000005000000.0.mp4"
    assert part.mask == MaskReference(
        path=root / "video_inpainting/videovo/000005000000/all_masks.npz", kind="labels", number=2
    )
    assert (part.frames, part.fps) == (FrameRange(start=0, stop=49), 8)
    clip = first("vireset")
    assert clip.mask is not None and clip.mask.frames == FrameRange(start=4, stop=55)
    assert first("kiwi-edit").references == (root / "c.png",)
    assert first("reference-quadruplets").mask == MaskReference(path=root / "m.mp4")


def test_a_csv_without_names_is_read_by_its_order(tmp_path):
    (tmp_path / "test.csv").write_text("1.mp4,Make it red\n2.mp4,Make it blue\n")
    known = read_dataset(tmp_path / "test.csv", "insvie")
    assert [(r.video.name, r.instruction) for r in known] == [
        ("1.mp4", "Make it red"),
        ("2.mp4", "Make it blue"),
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "says nothing of video"),
        ({"video": ["a"]}, "one column"),
        ({"video": "a", "capt": "b"}, "did you mean 'captions'"),
        ({"video": "a", "captions": [1]}, "give names"),
        ({"video": "a", "edited": "a"}, "two meanings"),
        ({"video": "a", "start": "b"}, "belong together"),
        ({"video": "a", "optional": "b"}, "b has no meaning"),
    ],
)
def test_settings_that_are_no_column_map_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        map_from_settings(settings)


def test_a_column_map_comes_from_settings():
    columns = map_from_settings({"video": "v", "captions": ["a", "b"], "references": "r"})
    assert columns == ColumnMap(video="v", captions=("a", "b"), references=("r",))
