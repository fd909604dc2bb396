"""locales/en says what the schemas say."""

from __future__ import annotations

from typing import Any

from ..locale_files import UPDATE, english, flat, read, write


def test_english_is_that_of_the_schemas(vivid_nodes: dict[str, dict[str, Any]]) -> None:
    """UPDATE_LOCALES=1 writes it anew."""
    for file, expected in english(vivid_nodes).items():
        if UPDATE:
            write("en", file, expected)
        wanted, found = flat(expected), flat(read("en", file))
        differing = sorted(
            ".".join(key) for key in {*wanted, *found} if wanted.get(key) != found.get(key)
        )
        assert differing == [], f"locales/en/{file}: run this test with UPDATE_LOCALES=1"
