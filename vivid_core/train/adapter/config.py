"""What a training of an adapter is asked for. Every default is VIVID's unless it says "ours".

VIVID is arXiv 2411.15260 v1; sections and appendices are named beside the figures. InsViE (arXiv
2503.20287) trains on the same layout of configuration: `recipe/insvie_*.yaml` hold its values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...cogvideox.adapter import TARGET_MODULES
from ...files.parse import build_config, read_yaml
from ...mask.augment import DEFAULT_RADIUS, MASK_MODES, MaskMode
from ..loop import DIVERGED_RATIO, LoopConfig, OptimizerName
from .room import GB

Trained = Literal["vivid", "insvie"]  # layouts that this trainer makes adapters of
_FROM_ZERO = (
    "images_per_video",
    "edits_per_deletion",
    "weight_inside",
    "weight_outside",
    "latent_weight",
    "lpips_weight",
)
Stored = Literal["model", "float16", "bfloat16", "float32"]
SETTLE_STEPS = 50  # ours: small batches begin with losses far from their average


@dataclass(frozen=True, kw_only=True)
class LoraOptions:
    """The trainable parts beside the patch embedder, which is trained whole (sec. 4.2)."""

    rank: int = 32  # sec. 5
    alpha: float | None = None  # ours: the rank, a scale of 1; the paper does not state it
    targets: tuple[str, ...] = TARGET_MODULES  # ours: attention; the paper names no layers

    def __post_init__(self) -> None:
        _require(self.rank >= 1, "rank must be 1 or more", self.rank)
        _require(self.alpha is None or self.alpha > 0, "alpha must be above 0", self.alpha)
        _require(len(self.targets) > 0, "targets must name at least one layer", self.targets)

    @property
    def scale_numerator(self) -> float:
        """alpha, the rank unless it is given."""
        return float(self.rank) if self.alpha is None else self.alpha


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is drawn for each batch and sample."""

    images_per_video: float = 10.0  # batches; each is all images or all video (sec. 4.4)
    edits_per_deletion: float = 3.0  # additions and modifications to each deletion (sec. 4.4)
    keyframe_share: float = 0.5  # of video batches: first frame known, KIVE (sec. 4.4)
    mask_variants: tuple[MaskMode, ...] = MASK_MODES  # one of the six a sample (sec. 3.3)
    mask_radius: tuple[float, float] = DEFAULT_RADIUS  # ours: share of the mask's own size
    size: tuple[int, int, int] | None = None  # frames, height, width; None: the model's own
    buckets: tuple[tuple[int, int, int], ...] = ()  # ours: several sizes; () trains `size` alone
    caption_dropout: float = 0.0  # ours: share of samples without words, for guidance
    weight_inside: float = 1.0  # ours: of the loss inside the hole, or where an edit changes much
    weight_outside: float = 1.0  # ours: of the loss outside it
    source_dropout: float = 0.0  # share of samples that are not shown the source (InsViE: 0.05)
    latent_weight: float = 1.0  # of the loss on latents (InsViE: 0.5 in its last stage)
    lpips_weight: float = 0.0  # of LPIPS on decoded frames (InsViE: 0.5 in its last stage)
    decoded_frames: int = 2  # ours: latent frames of a sample that are decoded for it
    noise_power: float = 1.0  # ours: times are u ** power of the schedule; below 1 noisier ones

    def __post_init__(self) -> None:
        for name in _FROM_ZERO:
            _require(getattr(self, name) >= 0, f"{name} must be 0 or more", getattr(self, name))
        _require(self.decoded_frames >= 1, "decoded_frames must be 1 or more", self.decoded_frames)
        losses = (self.latent_weight, self.lpips_weight)
        _require(max(losses) > 0, "latent_weight or lpips_weight must be above 0", losses)
        _require(self.noise_power > 0, "noise_power must be above 0", self.noise_power)
        for name in ("keyframe_share", "caption_dropout", "source_dropout"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be 0 to 1", getattr(self, name))
        low, high = self.mask_radius
        _require(0 <= low <= high, "mask_radius must be low, high from 0", self.mask_radius)
        _require(len(self.mask_variants) > 0, "mask_variants must name one at least", "none")
        weights = (self.weight_inside, self.weight_outside)
        _require(max(weights) > 0, "weight_inside or weight_outside must be above 0", weights)
        _require(self.size is None or min(self.size) >= 1, "size must be positive", self.size)
        for bucket in self.buckets:
            _require(min(bucket) >= 1, "buckets must be positive", bucket)
            _require(self.buckets.count(bucket) == 1, "buckets must differ, twice there is", bucket)
        both = self.size is not None and len(self.buckets) > 0
        _require(not both, "size and buckets exclude each other: put size among them", self.size)


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """How long and how fast (app. B). AdamW, as the public CogVideoX trainers take Adam."""

    steps: int = 102_000
    batch: int = 56  # samples a step, all accumulated parts together
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 1e-4
    ema_decay: float = 0.9999
    accumulate: int = 1  # ours: parts a batch is computed in, to save memory
    warmup: int = 0  # ours: steps of linear warm-up
    clip: float | None = None  # ours: largest gradient norm
    diverged_ratio: float | None = DIVERGED_RATIO  # ours: stop at this many times the best loss
    optimizer: OptimizerName = "adamw"  # ours: adamw8bit keeps its moments in 8 bits (bitsandbytes)
    decay: bool = False  # ours: the rate falls along one cosine
    matrix_rate: float | None = None  # ours: the LoRA's matrices are trained by Muon at this rate

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate"):
            _require(getattr(self, name) >= 1, f"{name} must be 1 or more", getattr(self, name))
        for name in ("learning_rate", "weight_decay", "warmup"):
            _require(getattr(self, name) >= 0, f"{name} must be 0 or more", getattr(self, name))
        for value in (*self.betas, self.ema_decay):
            _require(0 <= value < 1, "betas and ema_decay must be 0 to below 1", value)
        for name in ("clip", "matrix_rate"):
            value = getattr(self, name)
            _require(value is None or value > 0, f"{name} must be above 0", value)
        ratio = self.diverged_ratio
        _require(ratio is None or ratio > 1, "diverged_ratio must be above 1", ratio)
        parts = f"{self.batch} into {self.accumulate} parts"
        _require(
            self.batch % self.accumulate == 0, "accumulate must divide batch: cannot cut", parts
        )


@dataclass(frozen=True, kw_only=True)
class Saving:
    """How often, in steps, and how many checkpoints stay. All ours."""

    every: int = 250
    keep: int = 3
    log_every: int = 10
    validate_every: int = 250

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _require(value >= 1, f"{name} must be 1 or more", value)


@dataclass(frozen=True, kw_only=True)
class EditsShown:
    """Edits of single frames at every validation, to look at while it trains. All ours."""

    count: int = 3  # samples; 0: none
    steps: int = 12  # of the sampler
    guidance: float = 3.0

    def __post_init__(self) -> None:
        _require(self.count >= 0, "count must be 0 or more", self.count)
        _require(1 <= self.steps <= 1000, "steps must be 1 to 1000", self.steps)
        _require(0 <= self.guidance <= 100, "guidance must be 0 to 100", self.guidance)


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """A whole training: `data` is a folder of clips, `out` one for checkpoints and the adapter.

    `layout` is what the model is to become: "vivid" edits inside masks, and learns from clips with
    masks; "insvie" edits by instruction, and learns from clips with edits. `model` is "tiny"
    (without the adapter that comes along) or a folder or file, which finds in `base` what it lacks.
    `start_from` is an adapter to go on from, which has to be of this rank and of these targets;
    "tiny" is the one that comes with the pack. One of another layout lends its patch embedder only:
    what that reads of a video is read of the source.
    """

    data: Path
    out: Path
    layout: Trained = "vivid"
    form: str = ""  # ours: of the index file that `data` is then, such as "ditto" or "openve"
    model: str = "tiny"
    base: Path | None = None
    device: str = "auto"
    start_from: str | None = None
    seed: int = 0
    gradient_checkpointing: bool = False  # ours: less memory, a third more time
    base_fp8: bool = False  # ours: the base's layers take half of the memory of bf16
    shard_base: bool = False  # ours: the frozen base is shared out over the processes (FSDP2)
    latent_cache: bool = False  # ours: clean latents and captions are kept in out/cache
    latent_cache_gb: float = 50.0  # ours: above so many the oldest-used go; 0: no limit
    tensorboard: bool = False  # ours: the same curves for TensorBoard, in out/tensorboard
    licence: str = ""  # of the adapter, for its metadata
    stored_as: Stored = "model"  # ours: what the adapter's file holds; "model": what its base does
    lora: LoraOptions = field(default_factory=LoraOptions)
    recipe: Recipe = field(default_factory=Recipe)
    optimization: Optimization = field(default_factory=Optimization)
    saving: Saving = field(default_factory=Saving)
    edits_shown: EditsShown = field(default_factory=EditsShown)

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**64, "seed must be 0 to 2^64 - 1", self.seed)
        _require(
            self.latent_cache_gb >= 0, "latent_cache_gb must be 0 or more", self.latent_cache_gb
        )
        _require(
            self.gradient_checkpointing or not self.base_fp8,
            "base_fp8 saves memory with gradient_checkpointing only: turn both on",
            f"base_fp8 {self.base_fp8}",
        )
        _require(
            not (self.base_fp8 and self.shard_base),
            "base_fp8 and shard_base exclude each other: two processes that share the base hold "
            "as little of it each",
            "both",
        )

    @property
    def latent_cache_bytes(self) -> int | None:
        """None: no limit."""
        limited = 0 < self.latent_cache_gb < math.inf
        return max(1, round(self.latent_cache_gb * GB)) if limited else None

    @property
    def loop(self) -> LoopConfig:
        """The same for the training loop. The papers' learning rates are constant."""
        chosen, saving = self.optimization, self.saving
        return LoopConfig(
            steps=chosen.steps,
            learning_rate=chosen.learning_rate,
            decay=chosen.decay,
            matrix_rate=chosen.matrix_rate,
            warmup=chosen.warmup,
            betas=chosen.betas,
            weight_decay=chosen.weight_decay,
            ema_decay=chosen.ema_decay,
            clip=chosen.clip,
            accumulate=chosen.accumulate,
            diverged_ratio=chosen.diverged_ratio,
            optimizer=chosen.optimizer,
            settle=SETTLE_STEPS,
            save_every=saving.every,
            validate_every=saving.validate_every,
            log_every=saving.log_every,
            seed=self.seed,
        )


def load_adapter_config(path: Path) -> AdapterConfig:
    """Read a YAML file. Raises InputError that names what is wrong in it and where."""
    return build_config(AdapterConfig, read_yaml(path), where=str(path))


def _require(holds: bool, rule: str, value: object) -> None:
    if not holds:
        raise ValueError(f"{rule}, got {value}")
