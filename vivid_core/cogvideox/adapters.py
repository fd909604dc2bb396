"""Several adapters on one model: which go together, and at which strength each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import AdapterError
from .adapter import Adapter, Model, apply_adapter, load_adapter
from .lora_files import modules_of

_EMBEDDER = "patch_embed.proj"


@dataclass(frozen=True, kw_only=True)
class AdapterFile:
    """An adapter's file, and the strength of its LoRA."""

    path: Path
    strength: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ChosenAdapter:
    """An adapter at a strength: 0 is off, 1 as trained."""

    adapter: Adapter
    strength: float = 1.0


def load_adapters(files: Sequence[AdapterFile]) -> list[ChosenAdapter]:
    """Read them in order. Raises AdapterError for those that do not go together."""
    chosen = [
        ChosenAdapter(adapter=load_adapter(file.path), strength=file.strength) for file in files
    ]
    require_combinable([one.adapter for one in chosen])
    return chosen


def apply_adapters(bundle: Model, chosen: Sequence[ChosenAdapter]) -> Model:
    """One on top of the other, in order; the given bundle stays as it is."""
    for one in chosen:
        bundle = apply_adapter(bundle, one.adapter, one.strength)
    return bundle


def brings_embedder(chosen: Sequence[ChosenAdapter]) -> bool:
    """Whether one of them is VIVID's."""
    return any(one.adapter.patch_embedder for one in chosen)


def require_combinable(adapters: Sequence[Adapter]) -> None:
    """Raise AdapterError for two patch embedders, and for one that would undo a LoRA before it."""
    whole = [adapter for adapter in adapters if adapter.patch_embedder]
    if len(whole) > 1:
        raise AdapterError(
            f"{whole[0].name} and {whole[1].name} both bring a patch embedder, of which a model "
            "has one: leave out one of them; plain LoRAs go with either"
        )
    for adapter in adapters[: adapters.index(whole[0])] if whole else ():
        if _EMBEDDER in modules_of(adapter.lora):
            raise AdapterError(
                f"{adapter.name} changes the patch embedder, which {whole[0].name} would replace: "
                f"name {whole[0].name} first"
            )
