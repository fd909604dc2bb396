"""A model as the rest of the package sees it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch

from .latents import Geometry
from .layout import Layout
from .placement import Placement


def vae_factors(vae: Any) -> tuple[int, int]:
    """Pixels per latent along a side, and frames per latent: a block halves each at most once."""
    space = 2 ** (len(vae.config.block_out_channels) - 1)
    return space, min(space, int(vae.config.temporal_compression_ratio))


Model = TypeVar("Model", bound="ModelBundle")
PARTS = ("transformer", "vae", "text_encoder")


@dataclass(frozen=True, kw_only=True)
class ModelBundle:
    """The networks of a model and what they are. Frozen: adapters give a new bundle.

    `schedule` is the diffusers scheduler configuration as a plain dict; samplers read it.
    `scaling_factor` multiplies VAE latents. `train_size` is (frames, height, width) the
    transformer was trained at, in pixels. `knows_last_frame` says whether it was trained with the
    last frame known as well as with the first. `known_words` is set when the vocabulary is closed.
    `blank_is_zeros`: without a caption it reads zeros, not what the text encoder makes of "".
    `warnings` are sentences an artist should read. `demo_of`: what a demo model was made for.
    """

    name: str
    transformer: Any  # CogVideoXTransformer3DModel
    vae: Any  # AutoencoderKLCogVideoX
    text_encoder: Any  # T5EncoderModel
    tokenizer: Any
    schedule: dict[str, Any]
    layout: Layout
    train_size: tuple[int, int, int]
    knows_last_frame: bool = False
    max_text_tokens: int = 226
    known_words: frozenset[str] | None = None
    blank_is_zeros: bool = False
    placement: Placement = field(default_factory=Placement)
    warnings: tuple[str, ...] = ()
    demo_of: str = ""

    @property
    def scaling_factor(self) -> float:
        return float(self.vae.config.scaling_factor)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.transformer.parameters()).dtype

    @property
    def geometry(self) -> Geometry:
        """How this model's pixels, latents and tokens relate."""
        space, time = vae_factors(self.vae)
        return Geometry(
            space=space,
            time=time,
            patch=self.transformer.config.patch_size,
            patch_time=self.transformer.config.patch_size_t,
        )

    @property
    def parts(self) -> dict[str, Any]:
        """The networks by name."""
        return {name: getattr(self, name) for name in PARTS}

    def with_(self: Model, **changes: Any) -> Model:
        return replace(self, **changes)
