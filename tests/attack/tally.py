"""What became of attacks: a success or a clear message is good, anything else is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import Any

from vivid_core.errors import VividError
from vivid_core.faults import find_fault

GOOD = ("success", "clear")
LONGEST = 1200  # characters of a message that somebody reads


def is_clear(words: str, arguments: Container[str]) -> bool:
    """Whether a message begins with arguments of whoever asked and goes on, on readable lines.

    `arguments` are the inputs of a node or the options of a command; several stand between commas.
    """
    head, _, rest = words.partition(": ")
    named = all(name in arguments for name in head.split(", "))
    return named and bool(rest.strip()) and len(words) <= LONGEST and "Traceback" not in words


class Tally:
    """Outcomes by kind, and the attacks behind those that are not good."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.bad: list[str] = []
        self.foreign = 0  # good ones that are not the pack's

    def add(self, outcome: str, attack: object, words: str = "") -> None:
        self.counts[outcome] += 1
        if outcome not in GOOD:
            self.bad.append(f"{outcome}: {attack!s:.300}\n    {words[:600]}")

    def of(
        self,
        attack: object,
        run: Callable[[], Any],
        *,
        same: Callable[[Any], bool],
        given: Mapping[str, Any],
    ) -> None:
        """Run an attack here. `same` tells whether what it gives is what it gave undamaged.

        `given` are the arguments of whoever asks, who shows an error as commands and nodes do.
        """
        try:
            result = run()
        except VividError as error:
            fault = find_fault(error, given, otherwise="config" if "config" in given else None)
            words = str(error) if fault is None else f"{fault.argument}: {fault.problem}"
            self.add("clear" if is_clear(words, given) else "unclear", attack, words)
        except Exception as error:  # this is what is looked for
            self.add("traceback", attack, repr(error))
        else:
            self.add("success" if same(result) else "silent", attack)

    @property
    def words(self) -> str:
        total = sum(self.counts.values())
        kinds = ("success", "clear", "silent", "traceback", "unclear", "stall")
        return f"{total} attacks: " + ", ".join(f"{self.counts[kind]} {kind}" for kind in kinds)

    def require_good(self) -> None:
        assert not self.bad, "\n".join([self.words, *self.bad[:20]])
