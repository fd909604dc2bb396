"""Pictures and captions in one space: CLIP (Radford et al. 2021), through transformers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelError
from ..files.digest import digest_of, path_digest
from ..files.weights import read_json

BATCH = 16  # pictures at once
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")  # as Hugging Face names one: owner/name
_LISTED = 3  # names an error lists


class PictureEncoder(ABC):
    """A model of transformers that sees pictures, with its own preparation of them."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        return (self._model,)

    def images(
        self,
        pictures: Sequence[Float[Tensor, "_ _ 3"]],
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> Float[Tensor, "n d"]:
        """Unit vectors of pictures in 0..1, which may differ in size; on the CPU.

        `check_cancelled` is called before each batch and raises to stop.
        """
        parts = []
        for start in range(0, len(pictures), BATCH):
            check_cancelled()
            parts.append(self._encode(pictures[start : start + BATCH]))
        return torch.cat(parts)

    def _encode(self, pictures: Sequence[Tensor]) -> Tensor:
        pixels = self._processor(images=[to_bytes(p) for p in pictures], return_tensors="pt")
        with torch.no_grad():
            return _unit_vectors(self._features(pixels["pixel_values"].to(self._model.device)))

    @abstractmethod
    def _features(self, pixels: Tensor) -> Any:
        """What the model makes of prepared pixels."""


class ClipEncoder(PictureEncoder):
    """A CLIP model with its own preparation of pictures and words.

    `name` tells it in reports, `digest` stands for its files.
    """

    def __init__(self, model: Any, processor: Any, *, name: str, digest: str) -> None:
        super().__init__(model, processor)
        self.name, self.digest = name, digest

    def text(self, caption: str) -> Float[Tensor, " d"]:
        """The unit vector of a caption, cut after as many tokens as the model reads."""
        tokens = self._processor(
            text=[caption], return_tensors="pt", padding=True, truncation=True
        ).to(self._model.device)
        with torch.no_grad():
            return _unit_vectors(self._model.get_text_features(**tokens))[0]

    @property
    def scale(self) -> float:
        """What its training multiplied cosines by: PickScore (Kirstain et al. 2023) is in this."""
        return float(self._model.logit_scale.detach().exp())

    def is_cut(self, caption: str) -> bool:
        """Whether a caption is longer than the model reads."""
        tokens = self._processor.tokenizer(caption, truncation=False, verbose=False)["input_ids"]
        return len(tokens) > self._model.config.text_config.max_position_embeddings

    def _features(self, pixels: Tensor) -> Any:
        return self._model.get_image_features(pixel_values=pixels)


def load_clip_model(place: str | Path, *, device: torch.device) -> ClipEncoder:
    """CLIP from a folder, or from the Hugging Face repository that is named as owner/name.

    A folder is read without network. Raises ModelError for what is no complete CLIP model.
    """
    folder = Path(place).expanduser()
    local = folder.is_dir()
    if not local and not REPOSITORY.fullmatch(str(place)):
        raise ModelError(
            f"{place}: there is no such folder: give one with config.json, weights and tokenizer "
            "of a CLIP model, or owner/name of a Hugging Face repository"
        )
    if local:
        _require_clip(folder)
    from transformers import CLIPModel, CLIPProcessor

    source = str(folder) if local else str(place)
    model, processor = load_parts(CLIPModel, CLIPProcessor, source, kind="CLIP", local=local)
    digest = path_digest(folder) if local else digest_of(str(place))
    return ClipEncoder(model.to(device).eval(), processor, name=folder.name, digest=digest)


def _require_clip(folder: Path) -> None:
    kind = read_json(folder / "config.json").get("model_type")
    if kind != "clip":
        raise ModelError(
            f"{folder}: config.json describes {kind!r}, not a CLIP model with both pictures and "
            "text: openai/clip-vit-base-patch32 is one"
        )


def load_parts(
    model_class: Any, processor_class: Any, place: str, *, kind: str, local: bool
) -> tuple[Any, Any]:
    """A model of transformers and its processor, whole; with `local` without network.

    Raises ModelError in one line for what cannot be loaded and for weights that are missing.
    """
    try:
        with torch.inference_mode(False):
            found: Any = model_class.from_pretrained(
                place, local_files_only=local, output_loading_info=True, dtype=torch.float32
            )
        processor = processor_class.from_pretrained(place, local_files_only=local)
    except Exception as error:  # a damaged or missing file raises whatever its reader raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{place}: cannot be loaded as {kind}: {reason}") from error
    model, loaded = found
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise ModelError(f"{place}: weights are missing: {', '.join(missing[:_LISTED])}")
    return model, processor


def _unit_vectors(found: Any) -> Tensor:
    """Of length 1. transformers 5 gives the projection with what it was made of."""
    vectors = getattr(found, "pooler_output", found)
    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu()


def to_bytes(pixels: Tensor) -> NDArray[np.uint8]:
    """Of pixels in 0..1, in the same shape."""
    return (pixels.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy()
