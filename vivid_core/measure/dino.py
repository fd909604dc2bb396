"""Pictures as DINOv2 sees them (Oquab et al. 2023), through transformers: no words, finer looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ModelError
from ..files.weights import read_json
from .encoder import encode_batches, load_parts, to_bytes, unit_vectors


class DinoEncoder:
    """A DINOv2 model with its own preparation of pictures."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor

    def images(
        self,
        pictures: Sequence[Float[Tensor, "_ _ 3"]],
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> Float[Tensor, "n d"]:
        """Unit vectors of pictures in 0..1: of the token that stands for all; on the CPU.

        `check_cancelled` is called before each batch and raises to stop.
        """
        return encode_batches(self._encode, pictures, check_cancelled)

    def _encode(self, pictures: Sequence[Tensor]) -> Tensor:
        pixels = self._processor(images=[to_bytes(p) for p in pictures], return_tensors="pt")
        with torch.no_grad():
            return unit_vectors(self._model(pixels["pixel_values"].to(self._model.device)))


def load_dino_model(folder: Path, *, device: torch.device) -> DinoEncoder:
    """DINOv2 from a folder, without network. Raises ModelError for what is no complete one."""
    if not folder.is_dir():
        raise ModelError(
            f"{folder}: there is no such folder: give one with config.json, weights and "
            "preprocessor_config.json of a DINOv2 model of transformers"
        )
    kind = read_json(folder / "config.json").get("model_type")
    if kind != "dinov2":
        raise ModelError(
            f"{folder}: config.json describes {kind!r}, not dinov2: facebook/dinov2-base is one"
        )
    from transformers import BitImageProcessor, Dinov2Model

    model, processor = load_parts(
        Dinov2Model, BitImageProcessor, str(folder), kind="DINOv2", local=True
    )
    return DinoEncoder(model.to(device).eval(), processor)
