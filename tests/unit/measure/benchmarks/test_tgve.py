"""TGVE: four cases a video, its part told by where it lies, headings left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.measure.benchmarks.recognise import read_set
from vivid_core.measure.set import Method

from .drawn import CAPTIONS, COLUMNS, HEADING, captions, touch, write_table, write_tgve

KINDS = ("style", "object", "background", "multiple")
NAMES = st.text("abcdefgh-_0123456789", min_size=1, max_size=9)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "tgve"
    touch(
        place,
        "DAVIS_480p/480p_frames/gold-fish/00000.jpg",
        "DAVIS_480p/480p_videos/gold-fish.mp4",
        "videvo_480p/480p_videos/surf.mp4",
        "DAVIS_480p/masks/gold-fish/00000.png",
    )
    return place


def test_a_video_is_four_cases_in_the_part_that_it_lies_in(root):
    blank = dict.fromkeys(COLUMNS, "")
    write_tgve(root, [HEADING, captions("surf"), blank, HEADING, captions("gold-fish")])
    found = read_set(root)
    assert [case.name for case in found.cases] == [
        f"{name}_{kind}" for name in ("surf", "gold-fish") for kind in KINDS
    ]
    surf, fish = found.cases[0], found.cases[4]
    assert surf.source == root / "videvo_480p/480p_videos/surf.mp4" and surf.mask is None
    assert fish.source == root / "DAVIS_480p/480p_frames/gold-fish"
    assert fish.mask == root / "DAVIS_480p/masks/gold-fish"
    assert [case.caption for case in found.cases[:4]] == [f"surf: {name}" for name in CAPTIONS]
    assert {case.label for case in found.cases} == set(KINDS)
    assert len({case.group for case in found.cases}) == 2
    assert any("480x480" in note for note in found.notes)


def test_edits_are_folders_of_frames_or_videos(root, tmp_path):
    write_tgve(root, [captions("surf")])
    touch(tmp_path / "ours", "videvo_480p/surf/style/00000.jpg", "videvo_480p/surf/multiple.mp4")
    ours = Method(name="ours", folder=tmp_path / "ours")
    style, edited, _, multiple = read_set(root).cases
    assert ours.find(style) == tmp_path / "ours/videvo_480p/surf/style"
    assert ours.find(multiple) == tmp_path / "ours/videvo_480p/surf/multiple.mp4"
    assert ours.source(style) == style.source
    with pytest.raises(InputError, match="needs one videvo_480p/surf/object.mkv .* has none"):
        ours.find(edited)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([captions("surf"), captions("gone")], "row 2: the video 'gone' .* lies in none of DAVIS"),
        ([captions("surf"), captions("surf")], "'surf_style' is there twice"),
        ([captions("../surf")], r"row 1: '\.\./surf' may hold letters"),
        ([captions("")], "row 1: '' may hold letters"),
        ([captions("surf", **{CAPTIONS[1]: " "})], "row 1: 'surf' has no Object Change Caption"),
        ([HEADING], "asks for no edit"),
        ([], "has no rows"),
    ],
)
def test_an_error_names_the_row(root, rows, message):
    with pytest.raises(InputError, match=message) as caught:
        read_set(write_tgve(root, rows))
    assert caught.value.argument == "manifest"
    assert len(str(caught.value).splitlines()) == 1


def test_missing_columns_and_missing_videos_are_named(root, tmp_path):
    columns = [name for name in COLUMNS if name != CAPTIONS[2]]
    path = write_table(root / "a.csv", [dict.fromkeys(columns, "x")], columns)
    with pytest.raises(InputError, match="lacks the columns Background Change Caption; it has"):
        read_set(path)
    with pytest.raises(InputError, match="no folder in it has 480p_frames or 480p_videos"):
        read_set(write_tgve(tmp_path, [captions("surf")]))


def test_a_name_in_two_parts_and_a_link_out_are_refused(root):
    (root / "videvo_480p/480p_videos/link.mp4").symlink_to(root.parent / "outside.mp4")
    touch(root.parent, "outside.mp4")
    touch(root, "youtube_480p/480p_videos/surf.mp4")
    with pytest.raises(InputError, match="lies in videvo_480p and youtube_480p"):
        read_set(write_tgve(root, [captions("surf")]))
    with pytest.raises(InputError, match="row 1: .*leads out of the dataset's folder"):
        read_set(write_tgve(root, [captions("link")]))


@settings(max_examples=20)  # each writes a benchmark
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.data())
def test_every_caption_comes_back(tmp_path_factory, names, data):
    root = tmp_path_factory.mktemp("any")
    text = st.text(min_size=1, max_size=20).filter(lambda found: found.strip())
    texts = {name: data.draw(st.lists(text, min_size=4, max_size=4)) for name in names}
    touch(root, *(f"part_{i % 2}/480p_videos/{name}.mp4" for i, name in enumerate(names)))
    rows = [captions(name, **dict(zip(CAPTIONS, texts[name], strict=True))) for name in names]
    try:
        cases = read_set(write_tgve(root, [HEADING, *rows])).cases
    except InputError as error:  # a CSV holds no lone line end and no NUL
        assert "\0" in str(texts) or len(str(error).splitlines()) == 1
    else:
        expected = [caption.strip() for name in names for caption in texts[name]]
        assert [case.caption for case in cases] == expected
