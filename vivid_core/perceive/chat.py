"""Taggers and captioners made of anything that answers questions about a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from torch.nn import Module

from ..errors import EngineError
from ..files.digest import digest_of
from .answers import ATTEMPTS, CAPTION_REQUEST, TAG_REQUEST, ask_for_captions, parse_tags
from .protocols import Captions, Chat, Movable, Renewable


class ChatEngine:
    """Tags frames and captions crops by asking; answers that cannot be used are asked again."""

    def __init__(self, chat: Chat, *, attempts: int = ATTEMPTS) -> None:
        self._chat, self._attempts = chat, attempts

    @property
    def modules(self) -> tuple[Module, ...]:
        return self._chat.modules if isinstance(self._chat, Movable) else ()

    def renewed(self) -> ChatEngine:
        """The same for another run."""
        chat = self._chat.renewed() if isinstance(self._chat, Renewable) else self._chat
        return ChatEngine(chat, attempts=self._attempts)

    @property
    def digest(self) -> str:
        return digest_of(self._chat.digest, self._attempts, CAPTION_REQUEST, TAG_REQUEST)

    def ask(
        self, picture: UInt8[np.ndarray, "h w 3"] | Sequence[UInt8[np.ndarray, "_ _ 3"]], words: str
    ) -> str:
        """Any other question, such as which of several edits is best."""
        return self._chat.ask(picture, words)

    def tags(self, frame: UInt8[np.ndarray, "h w 3"]) -> tuple[str, ...]:
        for _ in range(self._attempts):
            found = parse_tags(self._chat.ask(frame, TAG_REQUEST))
            if found:
                return found
        raise EngineError(f"no tags in {self._attempts} answers: try another model")

    def captions(self, crop: UInt8[np.ndarray, "h w 3"], label: str) -> Captions:
        return ask_for_captions(
            lambda words: self._chat.ask(crop, words), label, attempts=self._attempts
        )
