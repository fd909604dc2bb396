"""The frozen base held in 8 bits a weight, and brought back layer by layer to compute with."""

from __future__ import annotations

from typing import Any

import torch

STORED = torch.float8_e4m3fn  # 3 bits of mantissa: weights are off by up to 6%, by 2% usually
# Parts of names that keep their precision: what is trained, and what diffusers keeps too, since
# norms, modulations and the ends of the network suffer most and hold little.
KEPT = ("patch_embed", "pos_embed", "norm", "time_embedding", "lora_", "^proj_out$")


def hold_in_fp8(transformer: Any, compute: torch.dtype) -> None:
    """Hold the weights of attention and feed-forward layers in float8, in place.

    diffusers' layerwise casting: each layer is brought to `compute` for its own call. Autograd
    keeps the weights it was called with until the backward pass, so that only a training with
    gradient checkpointing has all but one block of them in 8 bits at any time.
    """
    from diffusers.hooks import apply_layerwise_casting

    apply_layerwise_casting(
        transformer, storage_dtype=STORED, compute_dtype=compute, skip_modules_pattern=KEPT
    )
