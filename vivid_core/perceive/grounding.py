"""Find where labelled things are with Grounding DINO (Liu et al. 2023), through transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from ..files.digest import digest_of
from .pretrained import Pretrained, load_pretrained
from .protocols import Entity
from .selection import CANDIDATE_SCORE, entity_in_frame
from .vocabulary import known_labels

METHOD = 1  # part of the digest
EXAMPLE = "IDEA-Research/grounding-dino-base"
LABELS_AT_ONCE = 24  # the model reads 256 tokens; a label takes some four
TEXT_SCORE = 0.25  # how sure a word must be to belong to a box, as in its model card


class GroundingDino:
    """A detector; see `load_grounding_dino`."""

    def __init__(self, loaded: Pretrained) -> None:
        self._loaded = loaded

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._loaded.model,)

    @property
    def digest(self) -> str:
        return digest_of("grounding dino", METHOD, self._loaded.digest)

    def detect(
        self, frame: UInt8[np.ndarray, "h w 3"], labels: Sequence[str]
    ) -> tuple[Entity, ...]:
        known = known_labels(labels)
        groups = (known[i : i + LABELS_AT_ONCE] for i in range(0, len(known), LABELS_AT_ONCE))
        return tuple(entity for group in groups for entity in self._find(frame, group))

    def _find(self, frame: UInt8[np.ndarray, "h w 3"], labels: tuple[str, ...]) -> Iterator[Entity]:
        model, processor = self._loaded.model, self._loaded.processor
        words = " ".join(f"{label}." for label in labels)
        inputs = processor(images=Image.fromarray(frame), text=words, return_tensors="pt").to(
            model.device
        )
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        with torch.no_grad():
            outputs = model(**inputs)
        (found,) = processor.post_process_grounded_object_detection(
            outputs,
            inputs["input_ids"],
            threshold=CANDIDATE_SCORE,
            text_threshold=TEXT_SCORE,
            target_sizes=[frame.shape[:2]],
        )
        rows = zip(found["text_labels"], found["boxes"], found["scores"], strict=True)
        for text, box, score in rows:
            label = match_label(text, labels)
            entity = label and entity_in_frame(label, box.tolist(), float(score), frame.shape)
            if entity:
                yield entity


def load_grounding_dino(
    folder: Path, *, device: torch.device, dtype: torch.dtype = torch.float32
) -> GroundingDino:
    """From a Hugging Face folder. Raises ModelError for what is none."""
    return GroundingDino(
        load_pretrained(
            folder,
            "GroundingDinoForObjectDetection",
            kinds=("grounding-dino",),
            example=EXAMPLE,
            device=device,
            dtype=dtype,
        )
    )


def match_label(text: str, labels: Sequence[str]) -> str:
    """The label that the model means by the words it marked, or "" if it marked none.

    It marks words one by one: of "traffic light" often one alone, beside each other two labels. The
    label with the largest share of marked words is meant, of equals the longer.
    """
    marked = set(text.lower().split())

    def share(label: str) -> tuple[float, int]:
        words = label.split()
        return sum(word in marked for word in words) / len(words), len(words)

    best = max(labels, key=share, default="")
    return best if best and share(best)[0] > 0 else ""
