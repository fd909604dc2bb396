"""Rotary positions of a clip, as the transformer was trained to see them."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from torch import Tensor

from ..errors import SizeError


def rotary_embedding(
    config: Any, latent_size: tuple[int, int, int], *, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor] | None:
    """Cosines and sines [tokens, head size] for latents of (frames, height, width).

    `config` is the transformer's. None where it has no rotary positions. Raises SizeError where
    learned positions fix another height and width.
    """
    frames, height, width = latent_size
    _require_learned_size(config, height, width)
    if not config.use_rotary_positional_embeddings:
        return None
    patch, grid = config.patch_size, (height // config.patch_size, width // config.patch_size)
    base = (config.sample_height // patch, config.sample_width // patch)
    common: dict[str, Any] = {
        "embed_dim": config.attention_head_dim,
        "grid_size": grid,
        "device": device,
    }
    if config.patch_size_t is None:
        cos, sin = get_3d_rotary_pos_embed(
            crops_coords=fitted_region(grid, base), temporal_size=frames, **common
        )
        return cos, sin
    # Positions are whole numbers from 0 here: a grid larger than the base one just counts on.
    cos, sin = get_3d_rotary_pos_embed(
        crops_coords=None,
        temporal_size=-(-frames // config.patch_size_t),
        grid_type="slice",
        max_size=(max(grid[0], base[0]), max(grid[1], base[1])),
        **common,
    )
    return cos, sin


def fitted_region(
    grid: tuple[int, int], base: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Top left and bottom right corner of the grid scaled to fit the base grid, centred.

    CogVideoX 1.0 spreads any grid over the positions it was trained on, as Hunyuan-DiT does.
    """
    height, width = grid
    base_height, base_width = base
    if height / width > base_height / base_width:
        fitted = base_height, round(base_height / height * width)
    else:
        fitted = round(base_width / width * height), base_width
    top, left = (round((outer - inner) / 2) for outer, inner in zip(base, fitted, strict=True))
    return (top, left), (top + fitted[0], left + fitted[1])


def _require_learned_size(config: Any, height: int, width: int) -> None:
    trained = config.sample_height, config.sample_width
    if config.use_learned_positional_embeddings and (height, width) != trained:
        raise SizeError(
            "size",
            f"this model has learned positions for latents of {trained[1]}x{trained[0]}, got "
            f"{width}x{height}: scale the frames to the size it was trained at",
        )
