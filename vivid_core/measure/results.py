"""What was measured of a set of edits: per clip, per task, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, get_args

from ..metrics.report import json_number, number_text, table_lines
from ..settings import Task
from .bootstrap import DRAWS, LEVEL, Interval, bootstrap_mean
from .edited import Edited
from .encoder import ClipEncoder
from .figures import KINDS, Found, Instruments, Kind, measure_edit
from .judged import judge_notes
from .viclip import ViclipEncoder

FORMAT = 1  # of the JSON
ALL = "all"
NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True)
class Result:
    """The figures of one case by one method. `group` is the clip that it was made of.

    `task` is the task, or a benchmark's own word for this sort of edit.
    """

    case: str
    group: str
    task: str
    method: str
    figures: dict[str, Found]


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything that was measured, and how: `notes` are sentences, `seed` the bootstrap's."""

    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    seed: int = 0

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(result.method for result in self.results))

    @property
    def tasks(self) -> list[str]:
        """Those that occur, the usual ones in front, and "all" where there are several."""
        found = dict.fromkeys(result.task for result in self.results)
        usual = [task for task in get_args(Task) if task in found]
        tasks = [*usual, *(task for task in found if task not in usual)]
        return [*tasks, ALL] if len(tasks) > 1 else tasks

    def of(self, method: str, task: str) -> list[Result]:
        return [r for r in self.results if r.method == method and task in (r.task, ALL)]

    def mean(self, kind: Kind, method: str, task: str) -> Interval | str:
        """Mean and interval over the clips that have this figure, or why none of them has."""
        results = self.of(method, task)
        measured = [r for r in results if isinstance(r.figures[kind.name], float)]
        if not measured:
            reasons = Counter(str(r.figures[kind.name]) for r in results)
            return reasons.most_common(1)[0][0] if reasons else "there is no such edit"
        return bootstrap_mean(
            [float(r.figures[kind.name]) for r in measured],
            groups=[r.group for r in measured],
            seed=self.seed,
        )

    def as_text(self) -> str:
        """A table a task: a row a figure, a column a method; then why rows are empty."""
        if len(self.results) == 1:
            return "\n".join([*single_lines(self.results[0]), *self.notes])
        groups = {result.group for result in self.results}
        head = f"{len(self.results)} edits of {len(groups)} clips; mean [{LEVEL:.0%} interval]"
        parts = [line for task in self.tasks for line in [*self._task_lines(task), ""]]
        return "\n".join([head, "", *parts, *self._reasons(), *self.notes]).rstrip()

    def clips_text(self) -> str:
        """A row for each edit, a column for each figure that any of them has."""
        kinds = [
            kind
            for kind in KINDS
            if any(isinstance(r.figures[kind.name], float) for r in self.results)
        ]
        rows = [["edit", *(kind.name for kind in kinds)]]
        for result in self.results:
            cells = [_short(result.figures[kind.name]) for kind in kinds]
            rows.append([f"{result.case}, {result.method}", *cells])
        return "\n".join(table_lines(rows))

    def as_lines(self) -> str:
        """The figures of the first edit without columns, for narrow places; then what is missing.

        Figures that are missing for one reason share a line.
        """
        lines, missing = [], dict[str, list[str]]()
        for kind in KINDS:
            found = self.results[0].figures[kind.name]
            if isinstance(found, str):
                missing.setdefault(found, []).append(kind.name)
            else:
                amount = f"{number_text(found)} {kind.unit}".rstrip()
                lines.append(f"{kind.name}: {amount}, {kind.better} is better")
        lines += [f"{NOT_MEASURED}: {'; '.join(names)}: {why}" for why, names in missing.items()]
        return "\n".join([*lines, *self.notes])

    def as_json(self) -> dict[str, Any]:
        """Per task and per clip; what is not finite is text ("inf"), what is missing a reason."""
        return {
            "version": FORMAT,
            "bootstrap": {"seed": self.seed, "draws": DRAWS, "level": LEVEL},
            "figures": [_about(kind) for kind in KINDS],
            "tasks": {task: self._task_json(task) for task in self.tasks},
            "clips": [_clip_json(result) for result in self.results],
            "notes": list(self.notes),
        }

    def _task_lines(self, task: str) -> list[str]:
        counts = [len(self.of(method, task)) for method in self.methods]
        clips = " / ".join(str(count) for count in dict.fromkeys(counts))
        rows = [[f"{task} ({clips} edits)", *self.methods]]
        for kind in KINDS:
            means = [self.mean(kind, method, task) for method in self.methods]
            rows.append([kind.title, *(_cell(mean) for mean in means)])
        return table_lines(rows)

    def _reasons(self) -> list[str]:
        """One line for each figure that some edit lacks."""
        lines = []
        for kind in KINDS:
            found = [r.figures[kind.name] for r in self.results]
            reasons = list(dict.fromkeys(f for f in found if isinstance(f, str)))
            if reasons:
                lacking = sum(isinstance(f, str) for f in found)
                lines.append(
                    f"{kind.name}: {NOT_MEASURED} in {lacking} of {len(found)}: "
                    + "; ".join(reasons)
                )
        return lines

    def _task_json(self, task: str) -> dict[str, Any]:
        return {
            method: {kind.name: _mean_json(self.mean(kind, method, task)) for kind in KINDS}
            for method in self.methods
        }


def measure_one(
    edited: Edited, instruments: Instruments, *, name: str = "edit", seed: int = 0
) -> Results:
    """The figures of one edit."""
    result = Result(
        case=name,
        group=name,
        task=edited.task,
        method="edit",
        figures=measure_edit(edited, instruments),
    )
    notes = instrument_notes(instruments, [edited.caption])
    return Results(results=(result,), notes=notes, seed=seed)


def instrument_notes(instruments: Instruments, captions: Iterable[str]) -> tuple[str, ...]:
    """What has to be known of the models that measured."""
    captions = set(captions)
    return (
        *_reader_notes("CLIP", instruments.clip, captions),
        *_reader_notes("ViCLIP", instruments.viclip, captions),
        *judge_notes(instruments.judge),
    )


def _reader_notes(
    kind: str, clip: ClipEncoder | ViclipEncoder | None, captions: Collection[str]
) -> tuple[str, ...]:
    """What reader of captions was used, and whether it read them whole."""
    if clip is None:
        return ()
    cut = sum(map(clip.is_cut, captions))
    longer = f"warning: {clip.name} reads only the beginning of {cut} caption(s)"
    return (f"{kind}: {clip.name}", *([longer] if cut else []))


def single_lines(result: Result) -> list[str]:
    """The figures of one edit, each with what it says or why it was not measured."""
    rows = [["figure", "value"]]
    notes = [""]
    for kind in KINDS:
        found = result.figures[kind.name]
        rows.append([kind.title, _cell(found)])
        notes.append(found if isinstance(found, str) else kind.about)
    title, line, *lines = table_lines(rows)
    return [title, line, *(f"{a}  {b}" for a, b in zip(lines, notes[1:], strict=True))]


def _short(found: Found) -> str:
    return "-" if isinstance(found, str) else number_text(found)


def _cell(found: Found | Interval) -> str:
    if isinstance(found, str):
        return NOT_MEASURED
    if isinstance(found, Interval):
        return interval_text(found, number_text)
    return number_text(found)


def interval_text(interval: Interval, number: Callable[[float], str]) -> str:
    """ "0.5 [0.4, 0.6]"; the mean alone where there is no interval."""
    if interval.low is None or interval.high is None:
        return number(interval.mean)
    return f"{number(interval.mean)} [{number(interval.low)}, {number(interval.high)}]"


def interval_json(interval: Interval) -> dict[str, Any]:
    return {
        "mean": json_number(interval.mean),
        "low": None if interval.low is None else json_number(interval.low),
        "high": None if interval.high is None else json_number(interval.high),
        "count": interval.count,
    }


def _mean_json(mean: Interval | str) -> dict[str, Any]:
    return {NOT_MEASURED: mean} if isinstance(mean, str) else interval_json(mean)


def _clip_json(result: Result) -> dict[str, Any]:
    figures: dict[str, Any] = {
        name: json_number(found) if isinstance(found, float) else {NOT_MEASURED: found}
        for name, found in result.figures.items()
    }
    return {
        "case": result.case,
        "group": result.group,
        "task": result.task,
        "method": result.method,
        "figures": figures,
    }


def _about(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "unit": kind.unit,
        "better": kind.better,
        "about": kind.about,
    }
