"""What a judge may answer, and what is asked again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import EngineError, InputError
from vivid_core.perceive.answers import ATTEMPTS, UnusableAnswer
from vivid_core.perceive.judge import (
    ask_for_best,
    ask_for_score,
    parse_best,
    parse_score,
    show_both,
    shown_frames,
)
from vivid_core.perceive.shown import ShownPictures

PICTURE = np.zeros((4, 6, 3), np.uint8)
BOTH = ShownPictures([PICTURE, PICTURE])


class Judge:
    """Gives these answers in turn, and remembers what it was asked."""

    digest = "judge"

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[int, str]] = []

    def ask(self, picture, words: str) -> str:
        self.asked.append((len(picture), words))
        return self._answers.pop(0)


@given(best=st.integers(1, 9), count=st.integers(9, 16), quote=st.sampled_from("'\""))
def test_a_dictionary_is_read_in_whatever_words_it_stands(best, count, quote):
    key = f"{quote}best_image{quote}"
    for answer in (
        f"{{{key}: {best}}}",
        f"Here it is:\n```python\n{{ {key} : {quote}{best}{quote} }}\n```",
    ):
        assert parse_best(answer, count) == best


@given(st.text(max_size=60))
def test_any_other_text_is_no_answer(text):
    with pytest.raises(UnusableAnswer, match="is no dictionary with one 'best_image'"):
        parse_best(text, 6)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("{'best_image': 7}", "is 7, not 1 to 6"),
        ("{'best_image': 0}", "is 0, not 1 to 6"),
        ("{'best_image': 2.5}", "no dictionary"),
        ("{'best_image': 2} or {'best_image': 3}", "no dictionary"),
        ("best_image: 2", "no dictionary"),
        ("{'best_image': 99999999999}", "no dictionary"),
    ],
)
def test_answers_that_say_nothing_say_what_is_wrong(answer, problem):
    with pytest.raises(UnusableAnswer, match=problem):
        parse_best(answer, 6)


def test_a_score_may_name_what_is_wrong():
    score = parse_score("{'score': 2, 'problems': 'seam at\n the left'}")
    assert (score.value, score.problems) == (2, "seam at the left")
    assert parse_score('{"score": 5}').problems == ""
    with pytest.raises(UnusableAnswer, match="is 6, not 1 to 5"):
        parse_score("{'score': 6}")


def test_the_judge_sees_the_source_first_and_is_asked_again_with_what_was_wrong():
    judge = Judge("the second", "{'best_image': 4}", "{'best_image': 2}")
    edits = [PICTURE + i for i in range(3)]
    assert ask_for_best(judge, PICTURE, edits, "make the\nred disc blue") == 2
    assert [count for count, _ in judge.asked] == [4, 4, 4]
    assert "make the red disc blue" in judge.asked[0][1]
    assert "numbered 1 to 3" in judge.asked[0][1]
    assert "cannot be used: 'best_image' is 4, not 1 to 3" in judge.asked[2][1]


def test_nonsense_ends_after_some_answers():
    with pytest.raises(EngineError, match=f"no usable score in {ATTEMPTS} answers; the last"):
        ask_for_score(Judge(*["fine"] * ATTEMPTS), BOTH, "remove the ring")


def test_a_judge_gets_an_instruction_that_is_one():
    for words, problem in ((" ", "is empty"), ("red " * 5000, "has 19999 letters")):
        with pytest.raises(InputError, match=f"instruction: {problem}"):
            ask_for_best(Judge(), PICTURE, [PICTURE], words)


@given(st.integers(1, 40), st.integers(2, 30))
def test_frames_that_are_shown_span_the_clip(count, most):
    frames = torch.arange(count).float().view(-1, 1, 1, 1).expand(-1, 1, 1, 3)
    shown = shown_frames(frames, most)[:, 0, 0, 0].tolist()
    assert len(shown) == min(most, count)
    assert shown == sorted(set(shown))
    assert (shown[0], shown[-1]) == (0, count - 1)


def test_pictures_are_the_frames_in_8_bits():
    source, edit = torch.rand(2, 4, 5, 6, 3)
    shown = show_both(source, edit, 2)
    assert [one.dtype for one in shown] == [np.uint8] * 4
    for picture, frame in zip(shown, (source[0], source[3], edit[0], edit[3]), strict=True):
        assert np.abs(picture / 255 - frame.numpy()).max() <= 0.5 / 255 + 1e-6


def test_each_aspect_is_asked_for_by_its_own_criteria():
    judge = Judge(*["{'score': 4}"] * 3)
    for aspect in ("temporal consistency", "textual alignment", "video quality"):
        ask_for_score(judge, BOTH, "remove the ring", aspect=aspect)
        assert f"Judge its {aspect} by" in judge.asked[-1][1]
    steady, words, quality = (asked for _, asked in judge.asked)
    assert "Composition" in steady and "Adherence" not in steady
    assert "Adherence" in words and "Composition" not in words and "Artifacts" not in words
    assert all(name in quality for name in ("Composition", "Adherence", "Artifacts"))
    assert all("remove the ring" in asked for asked in (steady, words, quality))
