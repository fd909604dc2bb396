"""The command line: the core on its own, without ComfyUI.

Exit code 0, or 2 with one line that names the argument at fault.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from ..errors import VividError
from . import (
    augment,
    build,
    convert,
    demo,
    edit,
    fill,
    filter_edits,
    instruct,
    keyframe,
    measure,
    merge,
    plan,
    track,
    train,
)
from .shared import explained

COMMANDS = (
    augment,
    build,
    convert,
    demo,
    edit,
    fill,
    filter_edits,
    instruct,
    keyframe,
    measure,
    merge,
    plan,
    track,
    train,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the console script `vivid`."""
    parser = argparse.ArgumentParser(prog="vivid", description="Mask-guided local video editing.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add_command(commands)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        arguments.run(arguments)
    except VividError as error:
        words = " ".join(explained(error, arguments).split("\n"))
        print(f"vivid {arguments.command}: {words}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"vivid {arguments.command}: stopped", file=sys.stderr)
        return 130
    return 0
