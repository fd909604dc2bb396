"""Write model bundles and checkpoints, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import InputError, MediaError, ModelError
from ..files.atomic import write_whole
from ..files.weights import read_json
from .bundle import ModelBundle
from .layout import OWN_KEY, Layout
from .load import INDEX

_WEIGHTS = "diffusion_pytorch_model.safetensors"
_TEXT_WEIGHTS = "model.safetensors"
_TIED_COPY = "encoder.embed_tokens.weight"


def save_bundle(bundle: ModelBundle, folder: Path, *, dtype: torch.dtype | None = None) -> None:
    """Write a bundle as a diffusers folder, which stock pipelines read too.

    `dtype` is that of the stored weights (default: as they are). Raises InputError when the
    folder exists or cannot be written, ModelError when an adapter is still separate.
    """
    if getattr(bundle.transformer, "peft_config", None):
        raise ModelError("the model carries an adapter: merge it before saving")
    if folder.exists() and any(folder.iterdir()):
        raise InputError("folder", f"{folder} is not empty: choose a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(folder) as unfinished:
            _write_components(bundle, unfinished, dtype)
    except (OSError, MediaError) as error:
        raise InputError("folder", f"cannot write {folder} ({error})") from error


def save_checkpoint(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    config: Mapping[str, Any],
    layout: Layout,
    train_size: tuple[int, int, int],
    blank_is_zeros: bool = False,
) -> None:
    """Write a transformer as one file that says itself what it is."""
    metadata = checkpoint_metadata(config, layout, train_size, blank_is_zeros=blank_is_zeros)
    write_safetensors(path, tensors, metadata)


def checkpoint_metadata(
    config: Mapping[str, Any],
    layout: Layout,
    train_size: tuple[int, ...],
    *,
    blank_is_zeros: bool = False,
) -> dict[str, str]:
    """What such a file says of itself. `train_size` is (frames, height, width)."""
    own = {"layout": layout.name, "train_size": list(train_size)}
    own |= {"blank_is_zeros": True} if blank_is_zeros else {}
    return {
        "format": "pt",
        "config": json.dumps({k: v for k, v in config.items() if not k.startswith("_")}),
        OWN_KEY: json.dumps(own),
    }


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file."""
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as unfinished:
            save_file(plain, unfinished, metadata)
    except (OSError, MediaError, SafetensorError) as error:
        raise InputError("path", f"cannot write {path} ({error})") from error


def _write_components(bundle: ModelBundle, folder: Path, dtype: torch.dtype | None) -> None:
    for name, module in (("transformer", bundle.transformer), ("vae", bundle.vae)):
        module.save_config(folder / name)
        _write_module(folder / name / _WEIGHTS, module, dtype)
    text = folder / "text_encoder"
    text.mkdir(parents=True)
    bundle.text_encoder.config.save_pretrained(text)
    _write_module(text / _TEXT_WEIGHTS, bundle.text_encoder, dtype)
    _write_tokenizer(bundle.tokenizer, folder / "tokenizer")
    _write_json(folder / "scheduler" / "scheduler_config.json", bundle.schedule)
    _write_json(folder / INDEX, _index(bundle))


def _write_module(path: Path, module: nn.Module, dtype: torch.dtype | None) -> None:
    tensors = {key: value for key, value in module.state_dict().items() if key != _TIED_COPY}
    cast = {k: v.to(dtype) if dtype and v.is_floating_point() else v for k, v in tensors.items()}
    write_safetensors(path, cast, {"format": "pt"})


def _write_tokenizer(tokenizer: Any, folder: Path) -> None:
    tokenizer.save_pretrained(str(folder))
    file = folder / "tokenizer_config.json"
    _write_json(file, read_json(file) | {"tokenizer_class": _tokenizer_class(tokenizer)})


def _tokenizer_class(tokenizer: Any) -> str:
    """The name that transformers 4 and 5 know; 5 calls the general class by one of its own."""
    name = type(tokenizer).__name__
    return "PreTrainedTokenizerFast" if name == "TokenizersBackend" else name


def _index(bundle: ModelBundle) -> dict[str, Any]:
    scheduler = bundle.schedule.get("_class_name", "CogVideoXDDIMScheduler")
    return {
        "_class_name": "CogVideoXPipeline",
        "transformer": ["diffusers", type(bundle.transformer).__name__],
        "vae": ["diffusers", type(bundle.vae).__name__],
        "text_encoder": ["transformers", type(bundle.text_encoder).__name__],
        "tokenizer": ["transformers", _tokenizer_class(bundle.tokenizer)],
        "scheduler": ["diffusers", scheduler],
        OWN_KEY: {
            "layout": bundle.layout.name,
            "train_size": list(bundle.train_size),
            "knows_last_frame": bundle.knows_last_frame,
            "max_text_tokens": bundle.max_text_tokens,
            "closed_vocabulary": bundle.known_words is not None,
            "blank_is_zeros": bundle.blank_is_zeros,
        },
    }


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(value), indent=2) + "\n", encoding="utf-8")
