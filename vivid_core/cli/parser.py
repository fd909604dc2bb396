"""A parser of options whose refusals are one line that begins with the argument at fault."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

_LONGEST = 300  # characters of what argparse says, which quotes any value as a whole
# What argparse says, and the same with the argument in front.
_SAYINGS = (
    (r"argument (?P<name>[^:]+): (?P<rest>.*)", "{name}: {rest}"),
    (r"the following arguments are required: (?P<name>.*)", "{name}: missing, give a value"),
    (r"unrecognized arguments: (?P<name>\S+).*", "{name}: is unknown"),
    (r"ambiguous option: (?P<name>\S+) could match (?P<rest>.*)", "{name}: may mean {rest}"),
)


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, without the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {_argument_first(message)}; see {self.prog} --help\n")


def _argument_first(message: str) -> str:
    plain = " ".join(message.split())
    for saying, said in _SAYINGS:
        if match := re.fullmatch(saying, plain):
            plain = said.format(**match.groupdict())
            break
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."
