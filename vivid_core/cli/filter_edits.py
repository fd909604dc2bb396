"""`vivid filter`: which of several edited clips are worth keeping, and how many fall for what."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ..errors import InputError
from ..files.atomic import write_whole_file
from ..flow.dis import DisFlow
from ..instruct.filter import Thresholds, Verdict, count_reasons, filter_edit
from ..media import read_clip
from .judge import add_judge_option, load_judge
from .shared import device_named, named, require_file, require_files_apart, runtime_for


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("filter", help="say which edited clips are worth keeping")
    for name, words in (
        ("--source", "a clip before its edit; may be repeated"),
        ("--edit", "the clip after it, as often and in the same order"),
    ):
        parser.add_argument(name, type=Path, action="append", required=True, help=words)
    parser.add_argument(
        "--instruction",
        action="append",
        default=[],
        help="what the edit was to do: one for all, or one for each; a judge needs it",
    )
    add_judge_option(parser)
    limits = Thresholds()
    parser.add_argument("--lowest-score", type=int, default=limits.lowest_score, help="1 to 5")
    parser.add_argument(
        "--highest-epe", type=float, default=limits.highest_epe, help="of the motion, in pixels"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps ...")
    parser.add_argument("--report", type=Path, help="JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Look at each edit, then count."""
    require_files_apart(arguments, reads=("source", "edit"), writes=("report",))
    require_file("--report", arguments.report)
    verdicts: list[Verdict] = []
    for (_, edit, _), verdict in zip(_edits(arguments), _verdicts(arguments), strict=True):
        print(f"{edit}: " + "; ".join(verdict.report.splitlines()))
        verdicts.append(verdict)
    counts = count_reasons(verdicts)
    print(", ".join(f"{count} {reason}" for reason, count in counts.items()))
    if arguments.report:
        each = [asdict(verdict) | {"passed": verdict.passed} for verdict in verdicts]
        content = {"counts": counts, "edits": each}
        write_whole_file(arguments.report, json.dumps(content, indent=2).encode())


def _verdicts(arguments: argparse.Namespace) -> Iterator[Verdict]:
    limits = Thresholds(lowest_score=arguments.lowest_score, highest_epe=arguments.highest_epe)
    device = device_named(arguments.device)
    judge = load_judge(arguments.judge, device)
    for source, edit, instruction in _edits(arguments):
        with named("--source"):
            before = read_clip(source)
        with named("--edit"):
            after = read_clip(edit)
        yield filter_edit(
            before.frames,
            after.frames,
            instruction,
            limits,
            flow=DisFlow(),
            judge=judge,
            runtime=runtime_for(device),
        )


def _edits(arguments: argparse.Namespace) -> list[tuple[Path, Path, str]]:
    """Source, edit and instruction of each."""
    sources, edits, words = arguments.source, arguments.edit, arguments.instruction
    if len(sources) != len(edits):
        raise InputError(
            "--edit", f"is given {len(edits)} times, --source {len(sources)}: give pairs"
        )
    if len(words) not in (0, 1, len(edits)):
        raise InputError(
            "--instruction", f"is given {len(words)} times: give one, or one for each edit"
        )
    if arguments.judge and not words:
        raise InputError("--instruction", "is missing: a judge has to know what was asked for")
    told = words * len(edits) if len(words) == 1 else words or [""] * len(edits)
    return list(zip(sources, edits, told, strict=True))
