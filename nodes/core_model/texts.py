"""Captions as ComfyUI's models read them: through a CLIP, or given as CONDITIONING."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comfy.sd import CLIP

Conditioning = list[Any]  # ComfyUI's: pairs of a tensor and what belongs to it
Conditions = dict[str, Conditioning]  # by the names that a guider knows them by
POSITIVE, NEGATIVE = "positive", "negative"


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Where captions come from. With a `clip` they are read; else `given` conditions stand."""

    clip: CLIP | None
    given: Conditions

    @property
    def reads(self) -> bool:
        return self.clip is not None

    def read(self, text: str, name: str) -> Conditioning:
        """A caption with what else was given; all of that where there is no CLIP."""
        given = self.given.get(name, [])
        if self.clip is None:
            return given
        beside = given[0][1] if given else {}
        encoded = self.clip.encode_from_tokens_scheduled(self.clip.tokenize(text))
        return [[read, {**beside, **values}] for read, values in encoded]

    def conditions(self, positive: Conditioning, negative: Conditioning | None) -> Conditions:
        """All that a guider is told: what was read in place of what was given."""
        told = {**self.given, POSITIVE: positive}
        if negative is None:
            told.pop(NEGATIVE, None)
        else:
            told[NEGATIVE] = negative
        return told
