"""Scores of a judge: its three aspects, what it is told, and why there are none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vivid_core.errors import EngineError
from vivid_core.flow.dis import DisFlow
from vivid_core.measure.figures import KINDS, Instruments, measure_edit
from vivid_core.measure.judged import MOST_FRAMES, judged_score
from vivid_core.measure.results import Result, Results, instrument_notes
from vivid_core.perceive.answers import ATTEMPTS
from vivid_core.runtime import Runtime

ASPECTS = {"judged TC": "temporal", "judged TA": "textual", "judged VQ": "quality"}


class Judge:
    """Answers by the aspect that a question names, and remembers what it was asked."""

    digest = "0123456789abcdef"

    def __init__(self, **answers: str) -> None:
        self._answers = answers
        self.asked: list[tuple[int, str]] = []

    def ask(self, picture, words: str) -> str:
        self.asked.append((len(picture), words))
        (answer,) = [text for aspect, text in self._answers.items() if f"{aspect} " in words]
        return answer


class DeadJudge:
    """Gives no answer, as an endpoint that is out of reach."""

    digest = "dead"

    def ask(self, picture, words: str) -> str:
        raise EngineError("http://localhost:1/v1: no answer in 4 tries")


def well(temporal: int = 5, textual: int = 2, quality: int = 3) -> Judge:
    scores = {"consistency": temporal, "alignment": textual, "quality": quality}
    return Judge(**{name: f"Sure: {{'score': {score}}}" for name, score in scores.items()})


def judged(edited, judge, **more) -> dict[str, float | str]:
    found = measure_edit(edited, Instruments(flow=DisFlow(), judge=judge, **more))
    return {name: found[name] for name in ASPECTS}


def test_each_aspect_has_the_score_that_the_judge_gave_it(make_edited):
    judge = well()
    found = judged(make_edited(caption="a red ball"), judge)
    assert found == {"judged TC": 5.0, "judged TA": 2.0, "judged VQ": 3.0}
    assert [count for count, _ in judge.asked] == [12, 12, 12]  # six frames of each
    assert all("Turn what is there into: a red ball" in words for _, words in judge.asked)


def test_an_instruction_is_told_as_it_is_and_long_clips_in_part(make_edited):
    judge = well()
    edited = make_edited(frames=MOST_FRAMES + 3, instruction="make the ball red")
    assert judged_score(edited, judge, "video quality") == 3.0
    ((count, words),) = judge.asked
    assert count == 2 * MOST_FRAMES
    assert "make the ball red" in words and "Turn what is there" not in words


def test_a_deletion_is_judged_by_its_instruction_only(make_edited):
    bare, judge = make_edited(task="delete", caption=""), well()
    assert all(str(found).startswith("needs the instr") for found in judged(bare, judge).values())
    assert judge.asked == []
    told = replace(bare, instruction="remove the ball")
    assert judged_score(told, judge, "textual alignment") == 2.0


def test_without_a_judge_nothing_stands_in(make_edited):
    assert set(judged(make_edited(), None).values()) == {
        "needs a judge: an engine that answers questions about pictures"
    }


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        (Judge(consistency="fine", alignment="fine", quality="fine"), "no usable score in"),
        (Judge(consistency="{'score': 9}", alignment="", quality="5"), "no usable score in"),
        (DeadJudge(), "no answer in 4 tries"),
    ],
)
def test_a_judge_that_fails_costs_no_other_figure(make_edited, judge, problem):
    found = measure_edit(make_edited(), Instruments(flow=DisFlow(), judge=judge))
    assert found["BP"] == 0
    for name in ASPECTS:
        assert problem in str(found[name])
    if isinstance(judge, Judge):
        assert len(judge.asked) == ATTEMPTS * len(ASPECTS)


def test_what_is_no_instruction_is_a_reason_too(make_edited):
    found = judged_score(make_edited(instruction="red " * 500), well(), "video quality")
    assert "has 1999 letters" in str(found)


def test_a_host_can_stop_before_a_question(make_edited):
    judge = well()

    def stop() -> None:
        if judge.asked:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(make_edited(), judge, runtime=Runtime(check_cancelled=stop))
    assert len(judge.asked) == 1


def test_a_set_has_means_and_intervals_of_scores():
    empty = {kind.name: "not here" for kind in KINDS}
    results = Results(
        results=tuple(
            Result(
                case=f"c{score}",
                group=f"g{score}",
                task="add",
                method="ours",
                figures=empty | {"judged TA": float(score)},
            )
            for score in (1, 2, 3, 4, 5)
        ),
        notes=instrument_notes(Instruments(flow=DisFlow(), judge=well()), []),
    )
    told = json.loads(json.dumps(results.as_json()))
    mean = told["tasks"]["add"]["ours"]["judged TA"]
    assert mean["mean"] == 3 and 1 <= mean["low"] < 3 < mean["high"] <= 5 and mean["count"] == 5
    assert told["tasks"]["add"]["ours"]["judged VQ"] == {"not measured": "not here"}
    assert "judged TA [1 to 5], higher is better" in results.as_text()
    assert told["notes"] == ["judge: 0123456789ab, shown 25 frames of each clip at most"]
