"""Tag frames with Florence-2 (Xiao et al. 2024), through transformers' own class.

Its detection names things of all kinds; the phrases of its caption, grounded in the picture, add
what detection has no word for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from ..files.digest import digest_of
from .pretrained import Pretrained, load_pretrained
from .vocabulary import bare_phrase, known_labels

METHOD = 1  # part of the digest
EXAMPLE = "florence-community/Florence-2-base"
OBJECTS, CAPTION, PHRASES = "<OD>", "<CAPTION>", "<CAPTION_TO_PHRASE_GROUNDING>"
MOST_TOKENS, BEAMS = 512, 3  # as in its model card


class FlorenceTagger:
    """A tagger; see `load_florence`."""

    def __init__(self, loaded: Pretrained, *, most_tokens: int = MOST_TOKENS) -> None:
        self._loaded, self._most_tokens = loaded, most_tokens

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._loaded.model,)

    @property
    def digest(self) -> str:
        return digest_of("florence", METHOD, self._loaded.digest, self._most_tokens)

    def tags(self, frame: UInt8[np.ndarray, "h w 3"]) -> tuple[str, ...]:
        picture = Image.fromarray(frame)
        objects = _labels(self._answer(picture, OBJECTS, OBJECTS))
        caption = str(self._answer(picture, CAPTION, CAPTION)).strip()
        phrases = _labels(self._answer(picture, PHRASES, PHRASES + caption)) if caption else []
        return known_labels([*objects, *map(bare_phrase, phrases)])

    def _answer(self, picture: Image.Image, task: str, prompt: str) -> Any:
        """What the model answers to a task, as its processor reads it."""
        model, processor = self._loaded.model, self._loaded.processor
        inputs = processor(text=prompt, images=picture, return_tensors="pt").to(model.device)
        with torch.no_grad():
            tokens = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                pixel_values=inputs["pixel_values"].to(model.dtype),
                max_new_tokens=self._most_tokens,
                num_beams=BEAMS,
                do_sample=False,
            )
        text = processor.batch_decode(tokens, skip_special_tokens=False)[0]
        return processor.post_process_generation(text=text, task=task, image_size=picture.size)[
            task
        ]


def load_florence(
    folder: Path, *, device: torch.device, dtype: torch.dtype = torch.float32
) -> FlorenceTagger:
    """Florence-2 in the form that transformers itself reads (model type florence2).

    Raises ModelError for others; those of `microsoft/` bring code of their own, which never runs.
    """
    return FlorenceTagger(
        load_pretrained(
            folder,
            "Florence2ForConditionalGeneration",
            kinds=("florence2",),
            example=EXAMPLE,
            device=device,
            dtype=dtype,
        )
    )


def _labels(answer: Any) -> list[str]:
    """The labels of an answer that has boxes; none of one that is something else."""
    labels = answer.get("labels", ()) if isinstance(answer, dict) else ()
    return [str(label) for label in labels]
