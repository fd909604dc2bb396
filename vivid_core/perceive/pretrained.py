"""Load a model that sees from a Hugging Face folder on this disk; nothing is ever downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from ..errors import ModelError
from ..files.digest import path_digest
from ..files.weights import read_json

ModelClass = Literal[
    "Florence2ForConditionalGeneration",
    "GroundingDinoForObjectDetection",
    "AutoModelForImageTextToText",
]
_LISTED = 3  # names an error lists


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A model in evaluation, what prepares its inputs, and a digest of its files."""

    model: Any
    processor: Any
    digest: str


def load_pretrained(
    folder: Path,
    model_class: ModelClass,
    *,
    kinds: Sequence[str] = (),
    example: str,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Pretrained:
    """A model of transformers; `kinds` are the model types that serve (any if empty).

    `example` is a repository that an error recommends. Raises ModelError for other and for
    incomplete files, and where this transformers lacks the class.
    """
    kind = _kind(folder, example)
    if kinds and kind not in kinds:
        raise ModelError(
            f"{folder}: config.json describes {kind!r}, expected {' or '.join(kinds)}: "
            f"{example} is one"
        )
    try:
        model, processor = _read(folder, model_class, dtype)
    except ModelError:
        raise
    except Exception as error:  # a damaged or missing file raises whatever its reader raises
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"{folder}: cannot be loaded: {lines[0]}") from error
    model = model.to(device).eval().requires_grad_(False)
    return Pretrained(model=model, processor=processor, digest=path_digest(folder))


def _kind(folder: Path, example: str) -> str:
    if not folder.is_dir():
        raise ModelError(
            f"{folder}: there is no such folder: give one with config.json, weights and "
            f"processor, such as {example}"
        )
    return str(read_json(folder / "config.json").get("model_type"))


def _read(folder: Path, model_class: ModelClass, dtype: torch.dtype) -> tuple[Any, Any]:
    import transformers

    found = getattr(transformers, model_class, None)
    if found is None:
        raise ModelError(
            f"{folder}: transformers {transformers.__version__} has no {model_class}: install a "
            "newer one"
        )
    with torch.inference_mode(False):
        model, loaded = found.from_pretrained(
            str(folder), local_files_only=True, dtype=dtype, output_loading_info=True
        )
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise ModelError(f"{folder}: weights are missing: {', '.join(missing[:_LISTED])}")
    processor = transformers.AutoProcessor.from_pretrained(str(folder), local_files_only=True)
    return model, processor
