"""Figures of the long series, kept in benchmarks/RESULTS.md under one heading."""

from __future__ import annotations

from pathlib import Path

RESULTS = Path(__file__).parents[1] / "benchmarks" / "RESULTS.md"
HEADING = "## Long series (`make soak`)\n"
TABLE = "\n| series | result |\n|---|---|\n"


def record(series: str, result: str) -> None:
    """Write a line of the table, in place of an older one of the same series."""
    text = RESULTS.read_text(encoding="utf-8")
    RESULTS.write_text(with_line(text, series, result), encoding="utf-8")


def with_line(text: str, series: str, result: str) -> str:
    """The text with this series' line; the table is added at the end where there is none."""
    line = f"| {series} | {result} |"
    if HEADING not in text:
        return f"{text.rstrip()}\n\n{HEADING}{TABLE}{line}\n"
    before, after = text.split(HEADING, 1)
    table, heading, rest = after.partition("\n## ")
    lines = table.split("\n")
    rows = [i for i, row in enumerate(lines) if row.startswith("|")]
    mine = [i for i in rows if lines[i].startswith(f"| {series} |")]
    if mine:
        lines[mine[0]] = line
    else:
        lines.insert(rows[-1] + 1, line)
    return before + HEADING + "\n".join(lines) + heading + rest
