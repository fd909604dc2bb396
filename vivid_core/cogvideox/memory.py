"""Memory of an edit before it runs: weights as they are loaded, activations from shapes.

Activations were fitted to the live tensors of the real classes on the meta device, the 5B model
at 480x720 among them, and agree within a quarter; a kernel's own workspace is not in them. A
process on the CPU, where kernels keep copies in other layouts, was measured to grow by 1.0 to 1.9
times these figures (mid-size transformers, the tiny VAE) beside about 100 MiB of libraries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from .flops import Conv, decoder_chunks, encoder_chunks
from .placement import Offload

BLOCK_MAPS = 13  # tensors of [tokens, width] alive at the peak of a CogVideoXBlock (fitted)
CONV_MAPS = 4.5  # inputs of the largest convolution alive at the VAE's peak (fitted)
SAVED_CONV_MAPS = 2.27  # inputs of each convolution that a frozen decoder keeps (fitted)
TILE_COPIES = 3  # of the pixels: tiles, rows of tiles, the whole


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes: weights of each part, and what each stage needs beside them."""

    transformer: int
    vae: int
    text_encoder: int
    denoise: int
    vae_whole: int  # the larger of encode and decode
    vae_tiled: int

    def needed(self, *, offload: Offload, tiled: bool) -> int:
        """At the peak. Offload by group streams the weights, so that none stay."""
        vae = self.vae_tiled if tiled else self.vae_whole
        if offload == "group":
            return max(self.denoise, vae)
        if offload == "model":
            return max(self.text_encoder, self.transformer + self.denoise, self.vae + vae)
        weights = self.transformer + self.vae + self.text_encoder
        return weights + max(self.denoise, vae)

    @property
    def most(self) -> int:
        """Everything loaded at once, the VAE working on whole frames."""
        return self.needed(offload="none", tiled=False)

    @property
    def least(self) -> int:
        """One part loaded at a time, the VAE working in tiles."""
        return self.needed(offload="model", tiled=True)


def weight_bytes(module: nn.Module) -> int:
    """Of all parameters and buffers, at the precision they are held in."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def denoise_bytes(config: Any, *, tokens: int, batch: int, element: int) -> int:
    """Activations of one pass of the transformer with fused attention; `element` in bytes."""
    dim = config.num_attention_heads * config.attention_head_dim
    return BLOCK_MAPS * tokens * dim * batch * element


def vae_bytes(
    config: Any, *, frames: int, latents: int, height: int, width: int, element: int
) -> int:
    """Activations of encode or decode, whichever needs more; sizes are those of the pixels."""
    pixels = config.out_channels * frames * height * width
    encode = _peak_elements(encoder_chunks(config, frames, height, width))
    decode = _peak_elements(decoder_chunks(config, latents, height, width))
    return (max(encode, decode) + pixels) * element


def encode_bytes(config: Any, *, frames: int, height: int, width: int, element: int) -> int:
    """Activations of an encode alone; sizes are those of the pixels."""
    peak = _peak_elements(encoder_chunks(config, frames, height, width))
    return (peak + config.in_channels * frames * height * width) * element


def decode_gradient_bytes(
    config: Any, *, latents: int, height: int, width: int, element: int
) -> int:
    """Activations of a decode with all that it keeps for a gradient; sizes are the pixels'."""
    convolutions = [c for chunk in decoder_chunks(config, latents, height, width) for c in chunk]
    inputs = sum(conv.in_channels * conv.positions for conv in convolutions)
    return round(SAVED_CONV_MAPS * inputs) * element


def tiled_vae_bytes(
    config: Any,
    *,
    frames: int,
    latents: int,
    size: tuple[int, int],
    tile: tuple[int, int],
    element: int,
) -> int:
    """The same in tiles of `tile` (height, width) pixels."""
    height, width = min(size[0], tile[0]), min(size[1], tile[1])
    one = vae_bytes(
        config, frames=frames, latents=latents, height=height, width=width, element=element
    )
    return one + TILE_COPIES * config.out_channels * frames * size[0] * size[1] * element


def _peak_elements(chunks: Iterable[list[Conv]]) -> int:
    """What two neighbouring chunks keep for each other, plus the busiest convolution."""
    kept, held, largest = 0, 0, 0
    for chunk in chunks:
        before, kept = kept, sum(conv.kept for conv in chunk)
        held = max(held, before + kept)
        largest = max(largest, *(conv.in_channels * conv.positions for conv in chunk))
    return held + round(CONV_MAPS * largest)
