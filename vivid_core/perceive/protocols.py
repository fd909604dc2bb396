"""What the engines of a dataset's building offer: tags, boxes, masks and captions of one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8
from torch.nn import Module

from ..errors import InputError

Box = tuple[
    float, float, float, float
]  # left, top, right, bottom in pixels; right and bottom end it


@dataclass(frozen=True, kw_only=True)
class Entity:
    """One thing in a frame. `score` is the engine's confidence, 0..1."""

    label: str
    box: Box
    score: float

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        if not (0 <= left < right and 0 <= top < bottom and 0 <= self.score <= 1):
            raise InputError("entity", f"needs a box inside the frame and a score of 0..1: {self}")


class Captions(NamedTuple):
    """Of one thing, at three lengths (VIVID, app. A.5)."""

    short: str
    medium: str
    long: str


@runtime_checkable
class Movable(Protocol):
    """An engine whose models somebody else moves between devices."""

    @property
    def modules(self) -> tuple[Module, ...]: ...


@runtime_checkable
class Renewable(Protocol):
    """An engine that remembers what it found out of its surroundings, for as long as one run."""

    def renewed(self) -> Any:
        """The same for another run."""
        ...


@runtime_checkable
class Tagger(Protocol):
    """Names what is in a frame. `digest` stands for its settings and weights."""

    @property
    def digest(self) -> str: ...

    def tags(self, frame: UInt8[np.ndarray, "h w 3"]) -> tuple[str, ...]: ...


@runtime_checkable
class Detector(Protocol):
    """Finds where things with these labels are."""

    @property
    def digest(self) -> str: ...

    def detect(
        self, frame: UInt8[np.ndarray, "h w 3"], labels: Sequence[str]
    ) -> tuple[Entity, ...]: ...


@runtime_checkable
class Segmenter(Protocol):
    """Masks of what boxes hold, in the boxes' order."""

    @property
    def digest(self) -> str: ...

    def masks(
        self, frame: UInt8[np.ndarray, "h w 3"], boxes: Sequence[Box]
    ) -> Bool[np.ndarray, "n h w"]: ...


@runtime_checkable
class Chat(Protocol):
    """Answers a question about a picture, or about several in order.

    `digest` stands for its settings and weights.
    """

    @property
    def digest(self) -> str: ...

    def ask(
        self, picture: UInt8[np.ndarray, "h w 3"] | Sequence[UInt8[np.ndarray, "_ _ 3"]], words: str
    ) -> str: ...


@runtime_checkable
class Captioner(Protocol):
    """Describes the thing in a crop whose surroundings are blank.

    Raises EngineError where no valid answer came.
    """

    @property
    def digest(self) -> str: ...

    def captions(self, crop: UInt8[np.ndarray, "h w 3"], label: str) -> Captions: ...
