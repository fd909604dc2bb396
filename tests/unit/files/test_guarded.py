"""JSON of strangers is read, or refused in a few words and at once."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.files.guarded import JsonError, decode_json, load_json, read_text

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_json_writes_is_read(value) -> None:
    assert decode_json(json.dumps(value)) == value


@given(st.text(max_size=30) | VALUES.map(json.dumps).map(lambda text: text[: len(text) // 2]))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        decode_json(text)
    except JsonError as error:
        assert len(str(error)) < 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON"),
        ("[" * 1_000_000, "nested too deeply"),
        ("[" * 500 + "]" * 500, "nested too deeply, over 64 levels"),
        ('{"a":' * 80 + "1" + "}" * 80, "nested too deeply, over 64 levels"),
        ("9" * 5000, "a number of 5000 digits, 40 at most"),
        ("-" + "9" * 900_000, "digits, 40 at most"),
        ("1e999", "'1e999', which is too large"),
        ("-" + "9" * 400 + ".0", "which is too large"),
        ("[NaN]", "holds NaN"),
        ("[-Infinity]", "holds -Infinity"),
        ('{"a": 1, "a": 2}', "'a' twice"),
        ('{"%s": 1, "%s": 2}' % ("x" * 900, "x" * 900), "twice"),
        ("[%s]" % (" " * 2**20), "holds 1,048,578 characters, 1,048,576 at most"),
    ],
    ids=lambda text: text[:20],
)
def test_bombs(text: str, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(JsonError, match=words) as refused:
        decode_json(text, most_bytes=2**20)
    assert len(str(refused.value)) < 200 and time.monotonic() - started < 1


def test_files_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("1" * 30)
    (tmp_path / "latin").write_bytes(b'"\xe9"')
    for name, words in (("pipe", "is no file"), (".", "is no file"), ("latin", "no UTF-8 text")):
        with pytest.raises(JsonError, match=words):
            load_json(tmp_path / name)
    with pytest.raises(JsonError, match="holds 30 bytes, 8 at most"):
        read_text(tmp_path / "large", most_bytes=8)
    with pytest.raises(FileNotFoundError):
        load_json(tmp_path / "none")
    (tmp_path / "good").write_text("[1]")
    assert load_json(tmp_path / "good") == [1]
