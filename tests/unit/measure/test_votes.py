"""A study: fair sides, votes scored for the first method, and what is no vote refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.measure.manifest import EvaluationCase
from vivid_core.measure.study import CRITERIA, plan_trials
from vivid_core.measure.votes import read_key, read_votes, tally_json, tally_text, tally_votes

METHODS = ("ours", "theirs", "telea")


def cases(count: int) -> list[EvaluationCase]:
    return [
        EvaluationCase(
            name=f"case{i}",
            source=Path("a"),
            mask=Path("b"),
            task="add" if i % 2 else "delete",
            caption="",
            truth=None,
            group=f"clip {i // 2}",
        )
        for i in range(count)
    ]


@given(st.integers(1, 30), st.integers(2, 3), st.integers(0, 2**32))
def test_every_pair_is_asked_once_and_sides_are_even(count, methods, seed):
    trials = plan_trials(cases(count), METHODS[:methods], seed=seed)
    pairs = Counter((t.case, *sorted((t.left, t.right))) for t in trials)
    assert set(pairs.values()) == {1}
    assert len(trials) == count * (methods - 1)
    assert all("ours" in (t.left, t.right) for t in trials)
    left = sum(t.left == "ours" for t in trials)
    assert abs(2 * left - len(trials)) <= 1
    assert trials == plan_trials(cases(count), METHODS[:methods], seed=seed)
    assert len({t.name for t in trials}) == len(trials)


def test_another_seed_is_another_study():
    first, second = (plan_trials(cases(12), METHODS[:2], seed=seed) for seed in (0, 1))
    assert [t.left for t in first] != [t.left for t in second]
    assert [t.case for t in first] != [t.case for t in second]


def test_one_method_has_nothing_to_be_compared_with():
    with pytest.raises(InputError, match="edits: a study compares two folders or more, got 1"):
        plan_trials(cases(2), METHODS[:1], seed=0)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    trials = plan_trials(cases(6), METHODS, seed=3)
    content = {
        "version": 1,
        "study": "abc",
        "methods": METHODS,
        "trials": [asdict(trial) for trial in trials],
    }
    (tmp_path / "key.json").write_text(json.dumps(content))
    return tmp_path / "key.json"


def vote(folder: Path, choose: Any, name: str = "votes.json", **changes: Any) -> Path:
    """Votes of someone who answers every question by `choose(trial, criterion)`."""
    key = json.loads((folder / "key.json").read_text())
    votes = [
        {"trial": trial["name"], "criterion": criterion, "choice": choose(trial, criterion)}
        for trial in key["trials"]
        for criterion in CRITERIA
    ]
    content = {"version": 1, "study": "abc", "voter": name, "votes": votes} | changes
    (folder / name).write_text(json.dumps(content))
    return folder / name


def side(trial: dict[str, str], method: str) -> str:
    return "left" if trial["left"] == method else "right"


def test_whoever_likes_ours_best_makes_it_win_everywhere(key):
    path = vote(key.parent, lambda trial, _: side(trial, "ours"))
    known = read_key(key)
    tallies = tally_votes(read_votes([path], known), known)
    assert {(t.method, t.other) for t in tallies} == {("ours", "theirs"), ("ours", "telea")}
    assert {t.task for t in tallies} == {"add", "delete", "all"}
    assert all((t.wins, t.win_rate.mean, t.losses) == (t.votes, 1, 0) for t in tallies)
    assert sum(t.votes for t in tallies if t.task == "all") == 12 * len(CRITERIA)


def test_wins_draws_and_losses_are_counted_by_criterion(key):
    def choose(trial, criterion):
        if criterion == "TC":
            return "same"
        return side(trial, "ours") if criterion == "VQ" else "left"

    known = read_key(key)
    tallies = tally_votes(read_votes([vote(key.parent, choose)], known), known)
    everything = {(t.other, t.criterion): t for t in tallies if t.task == "all"}
    steady, real = everything["telea", "TC"], everything["telea", "VQ"]
    assert (steady.wins, steady.draws, steady.losses) == (0, 6, 0)
    assert (steady.win_rate.mean, steady.win_or_draw_rate.mean) == (0, 1)
    assert (real.wins, real.losses) == (6, 0)
    kept = everything["telea", "BP"]
    on_the_left = [t for t in known.trials.values() if t.left == "ours" and t.right == "telea"]
    assert kept.wins == len(on_the_left) and kept.losses == 6 - kept.wins
    text = tally_text(tallies)
    assert "ours against telea, all, TC" in text and "win-or-draw rate" in text
    json.dumps(tally_json(tallies), allow_nan=False)


def test_several_voters_are_pooled(key):
    files = [vote(key.parent, lambda *_: "same", name) for name in ("ann.json", "bob.json")]
    known = read_key(key)
    tallies = tally_votes(read_votes(files, known), known)
    assert {t.draws for t in tallies if t.task == "all"} == {12}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"study": "other"}, "is of another study than the key"),
        ({"version": 7}, "is not of version 1"),
        ({"votes": {}}, "holds no list of votes"),
        ({"votes": []}, "hold no vote"),
        ({"votes": ["left"]}, r"votes\[0\] must be an object, got 'left'"),
        ({"votes": [{"trial": "t9999"}]}, r"votes\[0\]: the study has no trial 't9999'"),
        (
            {"votes": [{"trial": "t0000", "criterion": "XX"}]},
            "criterion must be VQ, TA, TC, BP",
        ),
        (
            {"votes": [{"trial": "t0000", "criterion": "VQ", "choice": "up"}]},
            "choice must be left, same or right, got 'up'",
        ),
        (
            {"votes": [{"trial": "t0000", "criterion": "VQ", "choice": "left"}] * 2},
            "voted twice on t0000 VQ",
        ),
    ],
)
def test_what_is_no_vote_is_refused(key, changes, message):
    path = vote(key.parent, lambda *_: "same", **changes)
    with pytest.raises(InputError, match=message) as caught:
        read_votes([path], read_key(key))
    assert caught.value.argument == "votes"


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_as_key_and_as_votes(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any_votes.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match="^key: "):
        read_key(path)


@pytest.mark.parametrize(
    "content",
    [
        {"version": 1, "study": "x", "methods": ["a", "b"], "trials": []},
        {"version": 1, "study": "x", "methods": ["a"], "trials": []},
        {"version": 1, "study": "x", "methods": ["a", "b"], "trials": [{"name": "t"}]},
        {"version": 1, "trials": 3},
    ],
)
def test_what_is_no_key_is_refused(tmp_path, content):
    (tmp_path / "key.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="is no key of a study"):
        read_key(tmp_path / "key.json")
