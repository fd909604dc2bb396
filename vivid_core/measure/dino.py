"""Pictures as DINOv2 sees them (Oquab et al. 2023), through transformers: no words, finer looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError
from ..files.weights import read_json
from .encoder import PictureEncoder, load_parts


class DinoEncoder(PictureEncoder):
    """A DINOv2 model: a picture's vector is that of the token that stands for all."""

    def _features(self, pixels: Tensor) -> Any:
        return self._model(pixels)


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
