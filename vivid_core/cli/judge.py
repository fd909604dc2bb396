"""The option --judge: which vision-language model looks at edits."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ..errors import InputError, VividError
from ..perceive.load import ENGINES, load_engine, require_judge
from ..perceive.protocols import Chat
from .shared import named


def add_judge_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--judge",
        metavar="NAME[:FOLDER]",
        help="what sees and scores: vlm:FOLDER, or endpoint (by environment variables)",
    )


def load_judge(text: str | None, device: torch.device) -> Chat | None:
    """The engine that --judge names. Raises InputError for one that answers no questions."""
    if text is None:
        return None
    name, _, weights = text.partition(":")
    if name not in ENGINES:
        raise InputError("--judge", f"{text!r} is unknown: use vlm:FOLDER or endpoint")
    with named("--judge", (VividError,)):
        loaded = load_engine(name, Path(weights) if weights else None, device=device)
    require_judge(loaded, argument="--judge")
    assert isinstance(loaded, Chat)
    return loaded
