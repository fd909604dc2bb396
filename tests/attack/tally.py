"""What became of attacks: a success or a clear message is good, anything else is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from vivid_core.errors import InputError, VividError

GOOD = ("success", "clear")
LONGEST = 1200  # characters of a message that somebody reads


def is_clear(words: str) -> bool:
    """Whether a message names something and says what to do, on lines that can be read."""
    head, colon, rest = words.partition(": ")
    return bool(head and colon and rest) and len(words) <= LONGEST and "Traceback" not in words


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

    def of(self, attack: object, run: Callable[[], Any], *, same: Callable[[Any], bool]) -> None:
        """Run an attack here. `same` tells whether what it gives is what it gave undamaged."""
        try:
            result = run()
        except VividError as error:
            named = isinstance(error, InputError) or is_clear(str(error))
            self.add("clear" if named and is_clear(str(error)) else "unclear", attack, str(error))
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
