"""Which of the found things are kept: sure enough, of a useful size, each thing once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import UInt8

from ..errors import InputError
from ..files.digest import digest_of
from .protocols import Box, Detector, Entity

CANDIDATE_SCORE = 0.1  # what detectors hand out at all; the rules choose among these


@dataclass(frozen=True, kw_only=True)
class DetectionRules:
    """What a thing has to be like. Sizes are shares of the frame's area."""

    score: float = 0.35  # at least this sure, 0..1
    smallest: float = 0.002
    largest: float = 0.9
    overlap: float = 0.7  # of two boxes with a larger IoU the surer one is kept
    most: int = 16

    def __post_init__(self) -> None:
        for name in ("score", "smallest", "largest", "overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, f"must be 0 to 1, got {getattr(self, name):g}")
        if self.smallest > self.largest:
            raise InputError(
                "smallest", f"{self.smallest:g} is above largest, {self.largest:g}: nothing fits"
            )
        if self.most < 1:
            raise InputError("most", f"must be at least 1, got {self.most}")


class SelectiveDetector:
    """A detector whose finds are chosen by rules."""

    def __init__(self, detector: Detector, rules: DetectionRules) -> None:
        self._detector, self._rules = detector, rules

    @property
    def digest(self) -> str:
        return digest_of(self._detector.digest, asdict(self._rules))

    def detect(
        self, frame: UInt8[np.ndarray, "h w 3"], labels: Sequence[str]
    ) -> tuple[Entity, ...]:
        found = self._detector.detect(frame, labels)
        return select_entities(found, frame.shape[:2], self._rules)


def select_entities(
    found: Iterable[Entity], size: tuple[int, ...], rules: DetectionRules
) -> tuple[Entity, ...]:
    """Those that fit the rules, the surest first; `size` is the frame's height and width."""
    whole = size[0] * size[1]
    fitting = [
        entity
        for entity in found
        if entity.score >= rules.score
        and rules.smallest * whole <= box_area(entity.box) <= rules.largest * whole
    ]
    return suppress_overlaps(fitting, rules.overlap)[: rules.most]


def suppress_overlaps(entities: Iterable[Entity], overlap: float) -> tuple[Entity, ...]:
    """The surest of things whose boxes overlap by more than this IoU, whatever their labels."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda e: -e.score):
        if all(box_iou(entity.box, other.box) <= overlap for other in kept):
            kept.append(entity)
    return tuple(kept)


def box_area(box: Box) -> float:
    left, top, right, bottom = box
    return max(0.0, right - left) * max(0.0, bottom - top)


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union, 0..1."""
    common = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    shared = box_area(common)
    union = box_area(a) + box_area(b) - shared
    return shared / union if union > 0 else 0.0


def entity_in_frame(
    label: str, box: Iterable[float], score: float, size: tuple[int, ...]
) -> Entity | None:
    """The part of a find that lies in the frame of this height and width; None if nothing does."""
    left, top, right, bottom = (float(value) for value in box)
    height, width = size[:2]
    inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    if not (inside[0] < inside[2] and inside[1] < inside[3]):
        return None
    return Entity(label=label, box=inside, score=min(max(float(score), 0.0), 1.0))
