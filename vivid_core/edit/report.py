"""An edit's report in words and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .cost import flops_text
from .request import EditReport


def report_text(report: EditReport) -> str:
    """What an artist reads after an edit, most important first."""
    lines = [f"WARNING: {warning}" for warning in report.warnings]
    if report.nothing_changed:
        lines.insert(0, "NOTHING CHANGED inside the mask: the edit equals the source there.")
    lines += [
        f"outside the mask: max difference {report.max_difference_outside:g}",
        f"inside the mask: mean change {report.mean_change_inside * 255:.1f} of 255",
        *_fill_lines(report),
        *_model_lines(report),
        f"{report.seconds:.1f} s, peak memory {report.peak_memory_bytes / 2**30:.2f} GiB",
    ]
    return "\n".join(lines)


def report_data(report: EditReport) -> dict[str, Any]:
    """The report as JSON-ready data."""
    return asdict(report)


def _fill_lines(report: EditReport) -> list[str]:
    if report.fill == "off":
        return []
    return [
        f"of the mask, {report.filled_share:.1%} was filled from other frames and "
        f"{report.generated_share:.1%} generated"
    ]


def _model_lines(report: EditReport) -> list[str]:
    (height, width), (y, x, window_height, window_width) = report.size, report.window
    clip = f"{report.frames} frames of {width}x{height}"
    if report.windows == 0:
        return [f"{clip}; nothing was left to generate: the model did not run"]
    return [
        f"{clip}, {report.windows} window(s) of time",
        f"focus window {window_width}x{window_height} at ({x}, {y}), "
        f"seen by the model at {report.model_size[1]}x{report.model_size[0]}",
        f"{report.tokens:,} tokens; planned {flops_text(report.planned_pflops)}, "
        f"spent {flops_text(report.spent_pflops)}",
    ]
