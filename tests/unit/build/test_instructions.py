"""Captions from keyframes and instructions from captions: what is asked, and what is accepted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.build.instructions import (
    ARROW,
    describe_clip,
    keyframe_places,
    parse_instructions,
    write_instructions,
)
from vivid_core.errors import EngineError
from vivid_core.perceive.answers import UnusableAnswer

WORDS = st.text("abcde ", min_size=1, max_size=30).map(str.strip).filter(bool)


class Spoken:
    """A chat that reads its answers off a list, and notes what it is asked about what."""

    digest = "spoken"

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, str]] = []

    def ask(self, picture: np.ndarray, words: str) -> str:
        self.asked.append((int(picture[0, 0, 0]), words))
        return self.answers.pop(0)


def frames() -> list[np.ndarray]:
    return [np.full((2, 2, 3), value, np.uint8) for value in (10, 20, 30)]


@given(st.integers(1, 500))
def test_keyframes_are_the_ends_and_the_middle(frames: int):
    places = keyframe_places(frames)
    assert places[0] == 0 and places[-1] == frames - 1
    assert list(places) == sorted(set(places)) and len(places) == min(frames, 3)


def test_a_caption_is_fused_from_each_keyframe_and_what_is_known():
    chat = Spoken("a dog stands", "a dog runs", "a dog is gone", " *A dog runs away.* ")
    assert describe_clip(chat, frames(), "my dog") == "A dog runs away."
    assert [picture for picture, _ in chat.asked] == [10, 20, 30, 20]
    assert all("my dog" in words for _, words in chat.asked)
    last = chat.asked[-1][1]
    assert "1. a dog stands\n2. a dog runs\n3. a dog is gone" in last


def test_an_empty_description_is_asked_again_and_told_why():
    chat = Spoken("", "a dog", "a dog", "a dog", "A dog.")
    assert describe_clip(chat, frames()) == "A dog."
    assert chat.asked[1][0] == 10 and "is empty" in chat.asked[1][1]


def test_instructions_come_with_what_they_lead_to():
    chat = Spoken("Sure!\n1. make it snow -> Snow falls.\n2) 'remove the dog' -> A beach.\n")
    one, two = write_instructions(chat, frames()[0], "A dog.", count=2, examples=["a -> b"])
    assert (one.text, one.edited_caption) == ("make it snow", "Snow falls.")
    assert (two.text, two.edited_caption) == ("remove the dog", "A beach.")
    assert "A dog." in chat.asked[0][1] and "a -> b" in chat.asked[0][1]


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5, unique_by=lambda pair: pair[0]))
def test_what_is_written_one_a_line_is_read(pairs: list[tuple[str, str]]):
    answer = "\n".join(f"{text} {ARROW} {caption}" for text, caption in pairs)
    read = parse_instructions(answer, len(pairs))
    assert [(one.text, one.edited_caption) for one in read] == pairs
    with pytest.raises(UnusableAnswer):
        parse_instructions(answer, len(pairs) + 1)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("I cannot do that.", "0 lines"),
        ("make it blue ->", "both sides"),
        ("a -> b\nA -> c", "twice"),
        (f"{'word ' * 50} -> b", "too long"),
        (f"a -> {'b' * 2001}", "too long"),
    ],
)
def test_nonsense_is_asked_again_and_given_up_after_three_answers(answer: str, why: str):
    chat = Spoken(*[answer] * 3)
    with pytest.raises(EngineError, match=r"instructions in 3 answers") as caught:
        write_instructions(chat, frames()[0], "A dog.", count=2 if "twice" in why else 1)
    assert why in str(caught.value) and why in chat.asked[-1][1]
