"""The table of the long series keeps one line a series, and the rest of the page as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ..soak import HEADING, with_line

words = st.text("abcdefgh 0123456789", min_size=1, max_size=12).map(str.strip).filter(bool)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=6))
def test_the_last_result_of_each_series_stands(entries):
    text = "# Results\n\nSomething.\n"
    text = with_line(text, *entries[0]) + "\n## After\n\n| a | b |\n"
    for series, result in entries:
        text = with_line(text, series, result)
    assert text.startswith("# Results\n\nSomething.\n") and text.endswith("## After\n\n| a | b |\n")
    assert text.count(HEADING) == 1
    for series, result in dict(entries).items():
        assert text.count(f"\n| {series} | {result} |\n") == 1
