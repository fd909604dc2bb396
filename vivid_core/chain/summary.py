"""One report of many windows."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch

from ..cogvideox.meter import peak_memory
from ..edit.composite import Change
from ..edit.request import EditReport
from .footage import Footage
from .journal import WindowFacts


def sum_up(
    windows: Sequence[WindowFacts],
    made: Sequence[int],
    footage: Footage,
    change: Change,
    *,
    seconds: float,
    device: torch.device,
) -> EditReport:
    """The report of the whole video. `made` are the windows that this run paid for."""
    reports = [facts.report for facts in windows]
    largest = max(reports, key=lambda report: report.tokens)
    filled = sum(facts.area * facts.report.filled_share for facts in windows)
    filled /= sum(facts.area for facts in windows)
    return EditReport(
        frames=footage.info.frame_count,
        size=footage.size,
        window=_union([report.window for report in reports]),
        model_size=largest.model_size,
        windows=len(windows),
        tokens=largest.tokens,
        planned_pflops=sum(report.planned_pflops for report in reports),
        spent_pflops=sum((reports[index].spent_pflops for index in made), 0.0),
        seconds=seconds,
        peak_memory_bytes=peak_memory(device),
        max_difference_outside=change.outside,
        mean_change_inside=change.inside_mean,
        nothing_changed=change.nothing_changed,
        fill="auto" if any(report.fill == "auto" for report in reports) else "off",
        filled_share=filled,
        generated_share=1 - filled,
        warnings=_first_of_a_kind([text for report in reports for text in report.warnings]),
    )


def _union(windows: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    """The smallest (y, x, height, width) that holds all of them; empty ones are left out."""
    real = [window for window in windows if window[2]] or [(0, 0, 0, 0)]
    y, x = min(w[0] for w in real), min(w[1] for w in real)
    bottom, right = max(w[0] + w[2] for w in real), max(w[1] + w[3] for w in real)
    return y, x, bottom - y, right - x


def _first_of_a_kind(texts: Sequence[str]) -> tuple[str, ...]:
    """Warnings that differ in their numbers only are one."""
    return tuple({re.sub(r"\d+", "", text): text for text in reversed(texts)}.values())[::-1]
