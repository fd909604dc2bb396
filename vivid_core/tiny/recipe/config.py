"""Training configurations: one YAML file a stage, read into validated dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...cogvideox.adapter import TARGET_MODULES
from ...files.parse import build_config, read_yaml
from ...train.loop import LoopConfig
from .cache import VariantConfig
from .sampler import RecipeConfig
from .vae import VaeConfig

Stage = Literal["vae", "encode", "base", "vivid", "joint", "export", "pairs"]


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
class PairsConfig:
    """How many scenes are drawn before and after an instruction: pictures, then clips."""

    images: int = 6000
    videos: int = 0
    first_seed: int = 0


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
    pairs: PairsConfig = field(default_factory=PairsConfig)
    recipe: RecipeConfig = field(default_factory=RecipeConfig)
    lora_rank: int = 32
    lora_targets: tuple[str, ...] = TARGET_MODULES


def load_config(path: Path) -> TrainConfig:
    """Read a YAML file. Raises InputError for unknown or ill-typed entries, naming them."""
    return build_config(TrainConfig, read_yaml(path), where=str(path))
