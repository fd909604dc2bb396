"""The paper's vocabularies: what they drop, what they keep, and that neither invents labels."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vivid_core.perceive.vocabulary import (
    ADJECTIVES,
    BACKGROUND,
    COLORS,
    NO_THINGS,
    REPEATED_PERSONS,
    VERBS,
    background_labels,
    bare_phrase,
    foreground_labels,
    known_labels,
    plain_label,
)

LABELS = st.lists(
    st.sampled_from(sorted(NO_THINGS | BACKGROUND | {"dog", "red panda"})) | st.text()
)


def test_both_vocabularies_have_as_many_words_as_the_paper_lists():
    """Counted in the paper: 47, 223, 20 and 11 ("boy man" stands there twice); 67."""
    sizes = [len(words) for words in (ADJECTIVES, VERBS, COLORS, REPEATED_PERSONS, BACKGROUND)]
    assert sizes == [47, 223, 20, 11, 67]


def test_the_foreground_rule_drops_what_is_no_thing():
    found = ["Red", "dog", "run", "person man", "close-up", "a Park", "red panda", "dog"]
    assert foreground_labels(found) == ("dog", "park", "red panda")


def test_the_background_list_keeps_background_only():
    assert background_labels(["dog", "Night  Sky", "the road", "outdoor"]) == (
        "night sky",
        "road",
        "outdoor",
    )


@given(LABELS)
@example(["0.\x1f", "the -an. x"])
def test_labels_come_out_plain_once_and_in_their_order(labels):
    known = known_labels(labels)
    assert list(known) == list(dict.fromkeys(filter(None, map(plain_label, labels))))
    assert known_labels(known) == known


@given(LABELS)
def test_the_rules_choose_among_the_labels_and_stay(labels):
    known = known_labels(labels)
    for rule in (foreground_labels, background_labels):
        kept = rule(labels)
        assert [label for label in known if label in kept] == list(kept)
        assert rule(kept) == kept
    assert not NO_THINGS & set(foreground_labels(labels))
    assert set(known) - set(foreground_labels(labels)) <= NO_THINGS


@pytest.mark.parametrize(
    ("phrase", "thing"),
    [
        ("a small red car", "car"),
        ("The tall white woman", "woman"),
        ("an orange", "orange"),
        ("fire hydrant", "fire hydrant"),
    ],
)
def test_a_phrase_is_about_its_thing(phrase, thing):
    assert bare_phrase(phrase) == thing


@given(st.text())
def test_a_phrase_with_words_keeps_at_least_one(phrase):
    assert bool(bare_phrase(phrase)) == bool(plain_label(phrase))
