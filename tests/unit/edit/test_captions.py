"""Captions one a line: what is written is what is read, in the order of frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.edit.captions import parse_later_captions
from vivid_core.errors import InputError

captions = st.text("abc :,é", max_size=20).map(lambda text: f"a{text.rstrip()}")


@given(st.dictionaries(st.integers(1, 9999), captions, max_size=5), st.randoms())
def test_reads_what_was_written_in_any_order(wanted, random):
    lines = [f" {frame} : {caption}" for frame, caption in wanted.items()]
    random.shuffle(lines)
    assert parse_later_captions("\n\n".join(lines)) == tuple(sorted(wanted.items()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a blue car", "'a blue car' is not FRAME: CAPTION"),
        ("12:", "'12:' is not FRAME: CAPTION"),
        ("-3: a car", "is not FRAME: CAPTION"),
        ("5: a\n5: b", "frame 5 is named twice"),
        ("0: a", "frame 0 has the main caption"),
    ],
)
def test_says_what_is_wrong_with_a_line(text, words):
    with pytest.raises(InputError, match=words):
        parse_later_captions(text)
