"""Which things and which background are in a clip's first frame (VIVID, sec. 3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from ..perceive.protocols import Entity
from ..perceive.selection import DetectionRules, select_entities
from ..perceive.vocabulary import background_labels, foreground_labels
from .engines import Engines
from .stage import Rejection

Frame = UInt8[np.ndarray, "h w 3"]
Mask = Bool[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What a tagger saw, by the paper's vocabularies."""

    foreground: tuple[str, ...]
    background: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A thing, or a piece of background, with its mask in the first frame."""

    key: str
    entity: Entity
    mask: Mask


def tag_frame(frame: Frame, engines: Engines) -> Labels:
    tags = engines.tagger.tags(frame)
    background = background_labels(tags)
    things = [label for label in foreground_labels(tags) if label not in background]
    return Labels(foreground=tuple(things), background=background)


def find_entities(
    key: str, frame: Frame, labels: Sequence[str], engines: Engines, rules: DetectionRules
) -> Iterator[Found | Rejection]:
    """Things of these labels, the surest first; `key` is the clip's."""
    if not labels:
        yield Rejection(key=key, reason="no foreground label")
        return
    found = engines.detector.detect(frame, labels)
    chosen = select_entities(found, frame.shape[:2], rules)
    if not chosen:
        yield Rejection(
            key=key, reason="nothing detected", detail=f"{len(found)} finds for {', '.join(labels)}"
        )
        return
    masks = engines.segmenter.masks(frame, [entity.box for entity in chosen])
    for number, (entity, mask) in enumerate(zip(chosen, masks, strict=True)):
        own = f"{key}_e{number:02}"
        if mask.any():
            yield Found(key=own, entity=entity, mask=mask)
        else:
            yield Rejection(key=own, reason="no mask", detail=entity.label)


def find_background(
    frame: Frame, labels: Sequence[str], engines: Engines, rules: DetectionRules
) -> tuple[tuple[str, Mask], ...]:
    """Areas of background by their labels (VIVID, sec. 3.2). May be none, and may overlap."""
    if not labels:
        return ()
    entities = [
        entity for entity in engines.detector.detect(frame, labels) if entity.score >= rules.score
    ]
    if not entities:
        return ()
    masks = engines.segmenter.masks(frame, [entity.box for entity in entities])
    return tuple(
        (entity.label, mask) for entity, mask in zip(entities, masks, strict=True) if mask.any()
    )
