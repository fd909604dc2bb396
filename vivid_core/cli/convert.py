"""`vivid convert`: a training checkpoint as a safetensors file that every loader here reads."""

from __future__ import annotations

import argparse
from itertools import groupby
from pathlib import Path

from ..cogvideox.sat import Conversion, convert_checkpoint
from ..errors import InputError
from ..files.atomic import shown
from .shared import require_file, require_files_apart

SUFFIX = ".safetensors"


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "convert", help="a training checkpoint (InsViE's mp_rank_00_model_states.pt) as safetensors"
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="the .pt file")
    parser.add_argument("--out", type=Path, required=True, help=f"a {SUFFIX} file")
    parser.add_argument("--list", action="store_true", help="name each tensor that was renamed")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Convert, and say what was renamed and what was dropped."""
    if arguments.out.suffix != SUFFIX:
        raise InputError("--out", f"{shown(arguments.out)} is no {SUFFIX} file: name one")
    require_files_apart(arguments, reads=("checkpoint",), writes=("out",))
    require_file("--out", arguments.out)
    made = convert_checkpoint(arguments.checkpoint, arguments.out)
    for line in _lines(made, every=arguments.list):
        print(line)
    print(f"written: {arguments.out}")


def _lines(made: Conversion, *, every: bool) -> list[str]:
    layout = made.layout
    lines = [f"{len(made.parts)} tensors, layout {layout.name}, {layout.in_channels} channels"]
    lines.append(f"renamed or split: {len(made.renamed)}")
    lines += [f"  {old} -> {new}" for old, new in made.renamed if every or "proj_edit" in old]
    by_reason = sorted(made.dropped, key=lambda item: item[1])
    for why, items in groupby(by_reason, key=lambda item: item[1]):
        names = [name for name, _ in items]
        shown = names if every else names[:4]
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        lines.append(f"dropped, {why}: {', '.join(shown)}{more}")
    return lines
