"""The engines of a build, and where workers get theirs from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ..files.digest import digest_of
from ..flow.engine import FlowEngine
from ..perceive.protocols import Captioner, Detector, Segmenter, Tagger
from ..track.engine import Engine


@runtime_checkable
class Encoder(Protocol):
    """Vectors of length 1 of pictures in 0..1: the more alike, the nearer to each other."""

    @property
    def digest(self) -> str: ...

    def images(self, pictures: Sequence[Float[Tensor, "_ _ 3"]]) -> Float[Tensor, "n d"]: ...


@dataclass(frozen=True, kw_only=True)
class Engines:
    """All that sees and follows. `digest` stands for settings and weights of all of them.

    Without an `encoder` near duplicates are not looked for.
    """

    tagger: Tagger
    detector: Detector
    segmenter: Segmenter
    captioner: Captioner
    tracker: Engine
    flow: FlowEngine
    encoder: Encoder | None = None

    @property
    def digest(self) -> str:
        digests = {f.name: getattr(getattr(self, f.name), "digest", "") for f in fields(self)}
        return digest_of(digests)
