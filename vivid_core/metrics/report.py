"""Measured figures with their targets and baselines, as a table to read and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value. `references` are other methods' values by name, measured alike.

    `target` is met from above, or from below where `lower_is_better`; none means for information.
    """

    name: str
    value: float
    unit: str = ""
    target: float | None = None
    lower_is_better: bool = False
    references: dict[str, float] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value <= self.target if self.lower_is_better else self.value >= self.target

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": json_number(self.value),
            "unit": self.unit,
            "target": self.target,
            "lower_is_better": self.lower_is_better,
            "met": self.met,
            "references": {name: json_number(value) for name, value in self.references.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """A titled table of figures, with notes on how they were measured."""

    title: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether every figure that has a target meets it."""
        return all(figure.met is not False for figure in self.figures)

    def as_json(self) -> dict[str, Any]:
        """Plain values; a figure that is not finite becomes its text ("inf")."""
        return {
            "title": self.title,
            "met": self.met,
            "figures": [figure.as_json() for figure in self.figures],
            "notes": list(self.notes),
        }

    def as_text(self) -> str:
        """A table with one line a figure, in columns of equal width; targets if there are any."""
        judged = any(figure.target is not None for figure in self.figures)
        methods = list(dict.fromkeys(name for figure in self.figures for name in figure.references))
        rows = [["figure", "ours", "target", "", *methods]]
        rows += [_row(figure, methods) for figure in self.figures]
        rows = rows if judged else [[*row[:2], *row[4:]] for row in rows]
        return "\n".join([self.title, "", *table_lines(rows), "", *self.notes]).rstrip()


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of as many cells in columns of equal width, the first row above a line."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [_align(row, widths) for row in rows]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]


def number_text(value: float) -> str:
    """Two decimals from 1 up, else three digits."""
    return f"{value:.2f}" if math.isfinite(value) and abs(value) >= 1 else f"{value:.3g}"


def json_number(value: float) -> float | str:
    """What is not finite as its text ("inf"), which JSON has no number for."""
    return value if math.isfinite(value) else str(value)


def _row(figure: Figure, methods: list[str]) -> list[str]:
    sign = "<=" if figure.lower_is_better else ">="
    target = "" if figure.target is None else f"{sign} {number_text(figure.target)}"
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    others = [
        number_text(figure.references[name]) if name in figure.references else ""
        for name in methods
    ]
    name = f"{figure.name} [{figure.unit}]" if figure.unit else figure.name
    return [name, number_text(figure.value), target, verdict, *others]


def _align(row: Sequence[str], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join(cells)
