"""Captions and tags from a model's answers: what is accepted, what is asked again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import EngineError
from vivid_core.perceive.answers import (
    ATTEMPTS,
    LONGEST_ANSWER,
    MOST_TAGS,
    OPENING,
    SEPARATOR,
    UnusableAnswer,
    ask_for_captions,
    caption_request,
    parse_captions,
    parse_tags,
)
from vivid_core.perceive.chat import ChatEngine
from vivid_core.perceive.vocabulary import known_labels

SHORT = f"{OPENING} a dog, running."
MEDIUM = f"{OPENING} a brown dog. It runs to the left of the picture."
LONG = f"{OPENING} a brown dog with long ears. It runs to the left, and its tongue hangs out."
PARTS = (SHORT, MEDIUM, LONG)


@pytest.mark.parametrize(
    "answer",
    [
        f"\n{SEPARATOR}\n".join(PARTS),
        "\n\n".join(PARTS),
        "\n".join(PARTS),
        "\n".join(f"{i}. {part}" for i, part in enumerate(PARTS, start=1)),
        SEPARATOR.join(f"**Answer {i}:** {part}" for i, part in enumerate(PARTS, start=1)),
        SEPARATOR.join(f'"{part}"\n' for part in PARTS) + SEPARATOR,
        SEPARATOR.join(part.replace(". ", ".\n") for part in PARTS),
    ],
)
def test_three_captions_are_read_however_they_are_set(answer):
    assert parse_captions(answer, "dog") == PARTS


@pytest.mark.parametrize(
    ("answer", "label", "problem"),
    [
        ("", "dog", "0 parts"),
        (SEPARATOR.join(PARTS[:2]), "dog", "2 parts"),
        (SEPARATOR.join([*PARTS, LONG]), "dog", "4 parts"),
        (SEPARATOR.join([SHORT, "A brown dog runs.", LONG]), "dog", "part 2 does not start"),
        (SEPARATOR.join(PARTS), "cat", "part 1 does not contain 'cat'"),
        (SEPARATOR.join(PARTS).replace("dog", "hotdog"), "dog", "does not contain"),
        (SEPARATOR.join([SHORT, LONG, MEDIUM]), "dog", "longer than the one before"),
    ],
)
def test_other_answers_are_refused_with_the_reason(answer, label, problem):
    with pytest.raises(UnusableAnswer, match=problem) as caught:
        parse_captions(answer, label)
    assert len(str(caught.value)) < 400


PIECES = st.sampled_from([OPENING, SEPARATOR, "dog", "\n\n", "\n", "1.", " ", "**"])


@given(st.lists(PIECES | st.text(max_size=8), max_size=20))
def test_any_answer_is_captions_or_refused(pieces):
    try:
        captions = parse_captions("".join(pieces), "dog")
    except UnusableAnswer:
        return
    assert all(part.lower().startswith(OPENING.lower()) for part in captions)


def test_of_an_endless_answer_only_the_beginning_is_read():
    with pytest.raises(UnusableAnswer, match="1 parts"):
        parse_captions("x" * LONGEST_ANSWER + SEPARATOR.join(PARTS), "dog")


def test_the_label_may_be_a_plural_or_broken_over_lines():
    answer = SEPARATOR.join(PARTS).replace("dog", "Traffic\nLights")
    assert "Traffic Lights" in parse_captions(answer, "traffic light").short


class Answers:
    """Gives prepared answers in turn, and keeps what it was asked."""

    digest = "answers"

    def __init__(self, *answers: str) -> None:
        self.left, self.asked = list(answers), list[str]()

    def __call__(self, words: str) -> str:
        self.asked.append(words)
        return self.left.pop(0)

    def ask(self, picture, words: str) -> str:
        return self(words)


def test_an_unusable_answer_is_asked_again_with_what_was_wrong():
    model = Answers("I see nothing.", SEPARATOR.join(PARTS))
    assert ask_for_captions(model, "dog") == PARTS
    first, second = model.asked
    assert first == caption_request("dog") and second.startswith(first)
    assert "1 parts, not three" in second


def test_after_some_attempts_the_last_problem_is_told():
    model = Answers(*["nonsense"] * (ATTEMPTS + 1))
    with pytest.raises(EngineError, match=rf"'dog' in {ATTEMPTS} answers.*nonsense"):
        ask_for_captions(model, "dog")
    assert len(model.asked) == ATTEMPTS


def test_the_request_names_the_label_and_the_criteria():
    request = caption_request("potted plant")
    assert request.count("potted plant") >= 3 and OPENING in request and SEPARATOR in request


@given(st.text())
def test_tags_are_plain_labels(answer):
    tags = parse_tags(answer)
    assert known_labels(tags) == tags and len(tags) <= MOST_TAGS


def test_tags_stand_between_commas_or_on_lines():
    assert parse_tags("Dog, a ball,\n- grass\n2. sky.") == ("dog", "ball", "grass", "sky")


def test_a_chat_tags_and_captions_and_asks_again(frame):
    engine = ChatEngine(Answers("", "dog, sky"))
    assert engine.tags(frame(8, 8)) == ("dog", "sky")
    engine = ChatEngine(Answers("?", SEPARATOR.join(PARTS)))
    assert engine.captions(frame(8, 8), "dog") == PARTS
    with pytest.raises(EngineError, match="no tags in 2 answers"):
        ChatEngine(Answers("", ""), attempts=2).tags(frame(8, 8))
