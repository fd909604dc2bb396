"""`vivid demo`: one edit of each task on generated clips, with pictures and figures."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("demo", help="edit a few generated clips and show the results")
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    raise SystemExit("demo: under construction")
