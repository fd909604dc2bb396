"""Score the votes of a study as the paper does: win rates, and win-or-draw rates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import InputError
from ..files.guarded import JsonError, load_json
from ..metrics.report import table_lines
from .bootstrap import Interval, bootstrap_mean
from .results import ALL, interval_json, interval_text
from .study import CRITERIA, VERSION, Trial

Choice = Literal["left", "same", "right"]
Outcome = Literal["win", "draw", "loss"]  # of the first method


@dataclass(frozen=True, kw_only=True)
class Key:
    """Which method was where. The first of `methods` was compared with each of the others."""

    study: str
    methods: tuple[str, ...]
    trials: dict[str, Trial]


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What one voter said of one trial under one criterion."""

    voter: str
    trial: Trial
    criterion: str
    choice: Choice

    def outcome(self, method: str) -> Outcome:
        """For this method, which is in the trial."""
        if self.choice == "same":
            return "draw"
        chosen = self.trial.left if self.choice == "left" else self.trial.right
        return "win" if chosen == method else "loss"

    def has(self, method: str) -> bool:
        return method in (self.trial.left, self.trial.right)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The votes on one criterion of one task, for `method` against `other`."""

    method: str
    other: str
    task: str
    criterion: str
    wins: int
    draws: int
    losses: int
    win_rate: Interval
    win_or_draw_rate: Interval

    @property
    def votes(self) -> int:
        return self.wins + self.draws + self.losses


def read_key(path: Path) -> Key:
    """The key.json of a study. Raises InputError for what is none."""
    data = _read(path, "key")
    try:
        trials = [Trial(**trial) for trial in data["trials"]]
        methods = tuple(str(name) for name in data["methods"])
        study = str(data["study"])
    except (KeyError, TypeError) as error:
        raise InputError("key", f"{path} is no key of a study: {error}") from error
    if len(methods) < 2 or not trials:
        raise InputError("key", f"{path} is no key of a study: it compares nothing")
    return Key(study=study, methods=methods, trials={trial.name: trial for trial in trials})


def read_votes(paths: Sequence[Path], key: Key) -> list[Vote]:
    """Every vote of some files. Raises InputError for votes of another study or cast twice."""
    votes = [vote for path in paths for vote in _file_votes(path, key)]
    seen: set[tuple[str, str, str]] = set()
    for vote in votes:
        mark = (vote.voter, vote.trial.name, vote.criterion)
        if mark in seen:
            raise InputError(
                "votes",
                f"{vote.voter or 'a voter without a name'} voted twice on {vote.trial.name} "
                f"{vote.criterion}: give each file once, and voters different names",
            )
        seen.add(mark)
    if not votes:
        raise InputError("votes", "hold no vote")
    return votes


def _file_votes(path: Path, key: Key) -> Iterator[Vote]:
    data = _read(path, "votes")
    if data.get("study") != key.study:
        raise InputError("votes", f"{path} is of another study than the key: give its own key.json")
    votes = data.get("votes")
    if not isinstance(votes, list):
        raise InputError("votes", f"{path} holds no list of votes")
    for i, vote in enumerate(votes):
        yield _vote(vote, str(data.get("voter", "")), key, f"{path}: votes[{i}]")


def _vote(vote: Any, voter: str, key: Key, where: str) -> Vote:
    if not isinstance(vote, dict):
        raise InputError("votes", f"{where} must be an object, got {vote!r}")
    trial = key.trials.get(str(vote.get("trial")))
    if trial is None:
        raise InputError("votes", f"{where}: the study has no trial {vote.get('trial')!r}")
    criterion, choice = vote.get("criterion"), vote.get("choice")
    if criterion not in CRITERIA:
        raise InputError("votes", f"{where}: criterion must be {', '.join(CRITERIA)}")
    for known in get_args(Choice):
        if choice == known:
            return Vote(voter=voter, trial=trial, criterion=str(criterion), choice=known)
    raise InputError("votes", f"{where}: choice must be left, same or right, got {choice!r}")


def _read(path: Path, argument: str) -> dict[str, Any]:
    try:
        data = load_json(path)
    except OSError as error:
        raise InputError(argument, f"{path}: cannot be read ({error.strerror})") from error
    except JsonError as error:
        raise InputError(argument, f"{path}: {error}") from error
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise InputError(argument, f"{path}: is not of version {VERSION}")
    return data


def tally_votes(votes: Sequence[Vote], key: Key, *, seed: int = 0) -> list[Tally]:
    """For the first method against each other one: by task, then all of them, by criterion.

    Rates are shares of the votes in 0..1 with bootstrap intervals over clips: what several people
    say of one clip is not independent.
    """
    tallies = []
    first = key.methods[0]
    tasks = list(dict.fromkeys(vote.trial.task for vote in votes))
    for other in key.methods[1:]:
        against = [vote for vote in votes if vote.has(first) and vote.has(other)]
        for task in [*sorted(tasks), ALL] if len(tasks) > 1 else tasks:
            for criterion in CRITERIA:
                chosen = [
                    vote
                    for vote in against
                    if vote.criterion == criterion and task in (vote.trial.task, ALL)
                ]
                if chosen:
                    tallies.append(_tally(chosen, first, other, task, seed))
    return tallies


def _tally(votes: Sequence[Vote], method: str, other: str, task: str, seed: int) -> Tally:
    outcomes = [vote.outcome(method) for vote in votes]
    groups = [vote.trial.group for vote in votes]
    won = [float(outcome == "win") for outcome in outcomes]
    kept = [float(outcome != "loss") for outcome in outcomes]
    return Tally(
        method=method,
        other=other,
        task=task,
        criterion=votes[0].criterion,
        wins=outcomes.count("win"),
        draws=outcomes.count("draw"),
        losses=outcomes.count("loss"),
        win_rate=bootstrap_mean(won, groups=groups, seed=seed),
        win_or_draw_rate=bootstrap_mean(kept, groups=groups, seed=seed),
    )


def tally_text(tallies: Sequence[Tally]) -> str:
    """A line for each task and criterion."""
    rows = [["", "votes", "win", "draw", "loss", "win rate", "win-or-draw rate"]]
    for tally in tallies:
        counts = (tally.votes, tally.wins, tally.draws, tally.losses)
        rates = (tally.win_rate, tally.win_or_draw_rate)
        name = f"{tally.method} against {tally.other}, {tally.task}, {tally.criterion}"
        rows.append([name, *map(str, counts), *map(_rate, rates)])
    return "\n".join(table_lines(rows))


def tally_json(tallies: Sequence[Tally]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "criteria": CRITERIA,
        "tallies": [
            {
                "method": t.method,
                "other": t.other,
                "task": t.task,
                "criterion": t.criterion,
                "votes": t.votes,
                "wins": t.wins,
                "draws": t.draws,
                "losses": t.losses,
                "win_rate": interval_json(t.win_rate),
                "win_or_draw_rate": interval_json(t.win_or_draw_rate),
            }
            for t in tallies
        ],
    }


def _rate(rate: Interval) -> str:
    return interval_text(rate, lambda share: f"{share:.0%}")
