"""`vivid train`: one stage of training, resumed if it was stopped."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from types import FrameType

from ..tiny.recipe.config import load_config
from ..tiny.recipe.stages import run_stage


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("train", help="run one training stage from a YAML file")
    parser.add_argument("config", type=Path)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train; Ctrl-C or SIGTERM saves the state and stops cleanly."""
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    run_stage(load_config(arguments.config), should_stop=lambda: stopping)
