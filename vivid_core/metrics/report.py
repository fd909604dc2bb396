"""Measured figures with their targets and baselines, as a table to read and as JSON."""

from __future__ import annotations

import math
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
            "value": _json_number(self.value),
            "unit": self.unit,
            "target": self.target,
            "lower_is_better": self.lower_is_better,
            "met": self.met,
            "references": {name: _json_number(value) for name, value in self.references.items()},
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
        """A table with one line a figure, in columns of equal width."""
        methods = list(dict.fromkeys(name for figure in self.figures for name in figure.references))
        rows = [["figure", "ours", "target", "", *methods]]
        rows += [_row(figure, methods) for figure in self.figures]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [_align(row, widths) for row in rows]
        lines.insert(1, "-" * len(lines[0]))
        return "\n".join([self.title, "", *lines, "", *self.notes]).rstrip()


def _row(figure: Figure, methods: list[str]) -> list[str]:
    sign = "<=" if figure.lower_is_better else ">="
    target = "" if figure.target is None else f"{sign} {_number(figure.target)}"
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    others = [
        _number(figure.references[name]) if name in figure.references else "" for name in methods
    ]
    name = f"{figure.name} [{figure.unit}]" if figure.unit else figure.name
    return [name, _number(figure.value), target, verdict, *others]


def _align(row: list[str], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join(cells)


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) and abs(value) >= 1 else f"{value:.3g}"


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
