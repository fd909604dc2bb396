"""Every language says what English says: nothing missing, nothing empty, nothing left over."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..locale_files import (
    DOCS,
    FILES,
    LANGUAGES,
    LOCALES,
    SPECIAL,
    UPDATE,
    flat,
    help_page,
    phrases,
    plain,
    read,
    translated,
    wanted_phrases,
    write,
)

LITERAL = re.compile(rf"\{{'[{re.escape(SPECIAL)}]'\}}")  # how vue-i18n takes a character literally


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_is_translated(language: str) -> None:
    known, wanted = phrases(language), wanted_phrases()
    missing = [text for text in wanted if not known.get(text, "").strip()]
    unused = [text for text in known if text not in wanted]
    words = "\n".join(
        [f"locales/{language}.json lacks:", *missing, "and has unused:", *unused] * (not UPDATE)
    )
    assert (missing, unused) == ([], []), words


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("file", FILES)
def test_files_are_made_of_the_phrases(language: str, file: str) -> None:
    expected = translated(read("en", file), phrases(language))
    if UPDATE:
        write(language, file, expected)
    found = read(language, file)
    assert flat(found).keys() == flat(read("en", file)).keys()
    assert found == expected, f"locales/{language}/{file}: run this test with UPDATE_LOCALES=1"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("node", list(read("en", "nodeDefs.json")))
def test_help_begins_in_the_language(node: str, language: str) -> None:
    path, expected = DOCS / node / f"{language}.md", help_page(node, phrases(language))
    if UPDATE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(expected, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == expected, "run this test with UPDATE_LOCALES=1"


def test_help_of_no_other_node_is_there() -> None:
    folders = {path.name for path in DOCS.iterdir() if path.is_dir()}
    assert folders == set(read("en", "nodeDefs.json"))


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_no_text_is_read_as_syntax(language: str) -> None:
    """vue-i18n takes braces, @ and | for its own; a key with a dot would be two keys."""
    for file in FILES:
        for key, text in flat(read(language, file)).items():
            assert not set(SPECIAL) & set(LITERAL.sub("", text)), f"{language} {key}: {text}"
            assert not any("." in part for part in key), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_choices_and_file_names_stay_as_they_are(language: str) -> None:
    """ComfyUI does not translate what a drop-down offers, so tooltips have to name it as it is."""
    for english, text in phrases(language).items():
        for name in re.findall(
            r"\b(?:models/[\w/]+|[a-z_]+\.safetensors)|(?<=\. )[a-z+]+(?=:)", english
        ):
            assert name in text, f"{language}: {text!r} lacks {name}"


@given(st.text(alphabet=SPECIAL + "ab '"))
def test_special_characters_come_out_literally(text: str) -> None:
    assert re.sub(r"\{'(.)'\}", r"\1", plain(text)) == text


def test_there_are_no_other_languages() -> None:
    assert {p.name for p in LOCALES.iterdir() if p.is_dir()} == {"en", *LANGUAGES}
