"""Scores of a judge: its three aspects, what it is told, and why there are none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vivid_core.flow.dis import DisFlow
from vivid_core.measure.figures import KINDS, Instruments, measure_edit
from vivid_core.measure.judged import MOST_FRAMES, Judged
from vivid_core.measure.results import Result, Results, instrument_notes
from vivid_core.perceive.answers import ATTEMPTS
from vivid_core.runtime import Runtime

from ...answering import answering, completion

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
    assert Judged(edited, judge).score("video quality") == 3.0
    ((count, words),) = judge.asked
    assert count == 2 * MOST_FRAMES
    assert "make the ball red" in words and "Turn what is there" not in words


def test_a_deletion_is_judged_by_its_instruction_only(make_edited):
    bare, judge = make_edited(task="delete", caption=""), well()
    assert all(str(found).startswith("needs the instr") for found in judged(bare, judge).values())
    assert judge.asked == []
    told = replace(bare, instruction="remove the ball")
    assert Judged(told, judge).score("textual alignment") == 2.0


def test_without_a_judge_nothing_stands_in(make_edited):
    assert set(judged(make_edited(), None).values()) == {
        "needs a judge: an engine that answers questions about pictures"
    }


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        (Judge(consistency="fine", alignment="fine", quality="fine"), "no usable score in"),
        (Judge(consistency="{'score': 9}", alignment="", quality="5"), "no usable score in"),
    ],
)
def test_a_judge_that_fails_costs_no_other_figure(make_edited, judge, problem):
    found = measure_edit(make_edited(), Instruments(flow=DisFlow(), judge=judge))
    assert found["BP"] == 0
    for name in ASPECTS:
        assert problem in str(found[name])
    assert len(judge.asked) == ATTEMPTS * len(ASPECTS)


def test_a_judge_that_is_lost_is_asked_once_for_a_whole_set(make_edited, caplog):
    with answering() as server:
        server.answers = [(403, b"not you")]
        instruments = Instruments(flow=DisFlow(), judge=server.chat())
        for _ in range(3):
            found = measure_edit(make_edited(), instruments)
            assert found["BP"] == 0
            assert all("403 Forbidden: not you" in str(found[name]) for name in ASPECTS)
        assert len(server.requests) == len(caplog.records) == 1


def test_a_judge_is_shown_the_same_pictures_for_every_aspect(make_edited):
    with answering() as server:
        server.answers = [(503, b"busy"), (200, completion("{'score': 4}"))]
        found = judged(make_edited(), server.chat())
    assert set(found.values()) == {4.0}
    sent = [body["messages"][0]["content"][:-1] for _, _, body in server.requests]
    assert len(sent) == 4 and all(one == sent[0] for one in sent)


def test_pictures_are_prepared_once_for_an_edit(make_edited):
    seen = []

    class Watching(Judge):
        def ask(self, picture, words: str) -> str:
            seen.append(picture)
            return super().ask(picture, words)

    judged(make_edited(), Watching(consistency="5", alignment="5", quality="5"))
    assert len(seen) == ATTEMPTS * len(ASPECTS) and all(one is seen[0] for one in seen)


def test_what_is_no_instruction_is_a_reason_too(make_edited):
    found = Judged(make_edited(instruction="red " * 500), well()).score("video quality")
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
