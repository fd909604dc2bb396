"""Ask InternVL, or another vision-language model of transformers, about a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from ..errors import EngineError
from ..files.digest import digest_of
from .pretrained import Pretrained, load_pretrained

METHOD = 1  # part of the digest
EXAMPLE = "OpenGVLab/InternVL3-2B-hf"
MOST_TOKENS = 640  # three captions
MOST_SECONDS = 600.0  # an answer is cut off after that time


class LocalChat:
    """A chat with a model in memory; the same question gets the same answer."""

    def __init__(self, loaded: Pretrained, *, most_tokens: int = MOST_TOKENS) -> None:
        self._loaded, self._most_tokens = loaded, most_tokens

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._loaded.model,)

    @property
    def digest(self) -> str:
        return digest_of("chat", METHOD, self._loaded.digest, self._most_tokens)

    def ask(
        self, picture: UInt8[np.ndarray, "h w 3"] | Sequence[UInt8[np.ndarray, "_ _ 3"]], words: str
    ) -> str:
        """Raises EngineError for a model that takes no such question."""
        pictures = [picture] if isinstance(picture, np.ndarray) else picture
        model, processor = self._loaded.model, self._loaded.processor
        content = [
            *({"type": "image", "image": Image.fromarray(one)} for one in pictures),
            {"type": "text", "text": words},
        ]
        try:
            inputs = processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        except (ValueError, TypeError) as error:
            raise EngineError(f"this model takes no question about a picture ({error})") from error
        inputs = inputs.to(model.device, dtype=model.dtype)
        with torch.no_grad():
            tokens = model.generate(
                **inputs,
                max_new_tokens=self._most_tokens,
                max_time=MOST_SECONDS,
                do_sample=False,
            )
        answer = tokens[:, inputs["input_ids"].shape[1] :]
        return processor.batch_decode(answer, skip_special_tokens=True)[0].strip()


def load_chat(
    folder: Path, *, device: torch.device, dtype: torch.dtype = torch.float32
) -> LocalChat:
    """Any model of transformers that answers with text to a picture and a question.

    Raises ModelError for others.
    """
    return LocalChat(
        load_pretrained(
            folder, "AutoModelForImageTextToText", example=EXAMPLE, device=device, dtype=dtype
        )
    )
