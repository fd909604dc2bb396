"""Training configurations: one YAML file a stage, read into validated dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

from ...cogvideox.adapter import TARGET_MODULES
from ...errors import InputError
from ...train.loop import LoopConfig
from .cache import VariantConfig
from .sampler import RecipeConfig
from .vae import VaeConfig

Stage = Literal["vae", "encode", "base", "vivid", "joint", "export"]


@dataclass(frozen=True, kw_only=True)
class EncodeConfig:
    """How many scenes are encoded for the transformer, and from which seed on."""

    videos: int = 2000
    images: int = 12000
    held_out_videos: int = 32
    held_out_images: int = 128
    first_seed: int = 0
    shard: int = 100
    variants: VariantConfig = field(default_factory=VariantConfig)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One stage of training vivid-tiny. `work` holds states and shards of all stages.

    `continue_pack` starts from the weights the pack carries instead of random ones, and takes its
    base where the work folder holds none. `on_joint`: stages vivid and export take the base of
    stage joint, and keep the adapter's state in a folder of its own.
    """

    stage: Stage
    work: Path
    threads: int = 1
    continue_pack: bool = False
    on_joint: bool = False
    loop: LoopConfig | None = None
    vae: VaeConfig = field(default_factory=VaeConfig)
    encode: EncodeConfig = field(default_factory=EncodeConfig)
    recipe: RecipeConfig = field(default_factory=RecipeConfig)
    lora_rank: int = 32
    lora_targets: tuple[str, ...] = TARGET_MODULES


def load_config(path: Path) -> TrainConfig:
    """Read a YAML file. Raises InputError for unknown or ill-typed entries, naming them."""
    import yaml

    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputError("config", f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise InputError("config", f"{path} must hold a mapping such as 'stage: vae'")
    return _build(TrainConfig, data, str(path))


def _build(kind: type, data: dict[str, Any], where: str) -> Any:
    hints, known = get_type_hints(kind), {f.name for f in fields(kind)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise InputError("config", f"{where}: {unknown[0]!r} is unknown; known: {sorted(known)}")
    values = {name: _value(hints[name], value, f"{where}: {name}") for name, value in data.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise InputError("config", f"{where}: {error}") from error


_NESTED = {
    LoopConfig | None: LoopConfig,
    VaeConfig: VaeConfig,
    EncodeConfig: EncodeConfig,
    RecipeConfig: RecipeConfig,
    VariantConfig: VariantConfig,
}


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint in _NESTED and isinstance(value, dict):
        return _build(_NESTED[hint], value, where)
    if hint is Path:
        return Path(value).expanduser()
    if isinstance(value, list):
        return tuple(tuple(v) if isinstance(v, list) else v for v in value)
    return value
