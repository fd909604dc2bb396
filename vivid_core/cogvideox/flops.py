"""FLOPs of the three networks, from their configurations and shapes alone; nothing is run.

A multiplication and its addition count as two, attention counts in full, and element-wise work
(norms, activations, rotary positions) counts as nothing, as in torch's own flop counter.
`config` is the model's own configuration (`module.config`) or anything with the same attributes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FF_RATIO = 4  # diffusers FeedForward: inner width / model width
ADALN_PARTS = 6  # CogVideoXLayerNormZero: shift, scale and gate of video and of text
MID_RESNETS = 2  # CogVideoXMidBlock3D
KERNEL, KERNEL_3D, KERNEL_2D = 3, 27, 9  # taps of the VAE's convolutions
ENCODE_CHUNK = 8  # AutoencoderKLCogVideoX.num_sample_frames_batch_size
DECODE_CHUNK = 2  # AutoencoderKLCogVideoX.num_latent_frames_batch_size


def transformer_flops(
    config: Any, *, frames: int, height: int, width: int, text_tokens: int
) -> int:
    """One forward pass of CogVideoXTransformer3DModel for one sample.

    Frames, height and width are those of the latents it reads, padding included.
    """
    patch_time = config.patch_size_t or 1
    patch = config.patch_size**2 * patch_time
    video = frames // patch_time * (height // config.patch_size) * (width // config.patch_size)
    dim = config.num_attention_heads * config.attention_head_dim
    return (
        config.num_layers * block_flops(config, video + text_tokens)
        + _linear(video, patch * config.in_channels, dim)
        + _linear(text_tokens, config.text_embed_dim, dim)
        + _time_flops(config, dim)
        + _linear(video, dim, patch * config.out_channels)
    )


def block_flops(config: Any, tokens: int) -> int:
    """One of its blocks forward, for one sample."""
    dim = config.num_attention_heads * config.attention_head_dim
    modulation = 2 * _linear(1, config.time_embed_dim, ADALN_PARTS * dim)
    return _block_matrices(tokens, dim) + 2 * _linear(tokens, tokens, dim) + modulation


def frozen_backward_flops(
    config: Any, *, frames: int, height: int, width: int, text_tokens: int
) -> int:
    """The backward pass to the weights of a patch embedder, through frozen layers, for one sample.

    Attention's two products each give two gradients. A kernel that computes the scores again, as
    fused ones do, takes a quarter more of attention; it is not counted.
    """
    patch_time = config.patch_size_t or 1
    patch = config.patch_size**2 * patch_time
    video = frames // patch_time * (height // config.patch_size) * (width // config.patch_size)
    dim = config.num_attention_heads * config.attention_head_dim
    tokens = video + text_tokens
    return (
        config.num_layers * (_block_matrices(tokens, dim) + 4 * _linear(tokens, tokens, dim))
        + _linear(video, patch * config.in_channels, dim)
        + _linear(video, dim, patch * config.out_channels)
    )


def _block_matrices(tokens: int, dim: int) -> int:
    """Projections of attention, and the feed-forward layers."""
    return 4 * _linear(tokens, dim, dim) + 2 * _linear(tokens, dim, FF_RATIO * dim)


def text_flops(config: Any, *, tokens: int) -> int:
    """One caption through a T5 encoder."""
    inner = config.num_heads * config.d_kv
    attention = 4 * _linear(tokens, config.d_model, inner) + 2 * _linear(tokens, tokens, inner)
    matrices = 3 if config.is_gated_act else 2
    return config.num_layers * (attention + matrices * _linear(tokens, config.d_model, config.d_ff))


def vae_encode_flops(config: Any, *, frames: int, height: int, width: int) -> int:
    """One clip of pixels through the encoder of AutoencoderKLCogVideoX."""
    return sum(
        conv.flops for chunk in encoder_chunks(config, frames, height, width) for conv in chunk
    )


def vae_decode_flops(config: Any, *, latents: int, height: int, width: int) -> int:
    """That many latent frames through its decoder. Height and width are those of the pixels."""
    return sum(
        conv.flops for chunk in decoder_chunks(config, latents, height, width) for conv in chunk
    )


@dataclass(frozen=True, kw_only=True)
class Conv:
    """One convolution over one chunk of time. Sizes count elements, not bytes.

    `kept` is what a causal convolution keeps of its input for the next chunk.
    """

    in_channels: int
    out_channels: int
    taps: int
    positions: int  # of its output: frames x height x width
    kept: int = 0

    @property
    def flops(self) -> int:
        return _linear(self.positions, self.taps * self.in_channels, self.out_channels)


def encoder_chunks(config: Any, frames: int, height: int, width: int) -> Iterator[list[Conv]]:
    """The convolutions of an encode, in order, one list a chunk of time."""
    first, *rest = _chunk_lengths(frames, ENCODE_CHUNK)
    yield list(_encoder_chunk(config, first, height, width))
    if rest:
        yield from [list(_encoder_chunk(config, ENCODE_CHUNK, height, width))] * len(rest)


def decoder_chunks(config: Any, latents: int, height: int, width: int) -> Iterator[list[Conv]]:
    """The convolutions of a decode, in order, one list a chunk of time.

    An even count of latent frames is decoded as `model.vae.decode` does: the first alone, then
    pairs, every frame doubled. Height and width are those of the pixels.
    """
    shrink = 2 ** (len(config.block_out_channels) - 1)
    h, w = height // shrink, width // shrink
    if latents % 2:
        first, *rest = _chunk_lengths(latents, DECODE_CHUNK)
    else:
        first, rest = 1, [DECODE_CHUNK] * ((latents - 1) // DECODE_CHUNK) + [1]
    yield list(_decoder_chunk(config, first, h, w))
    doubled = {t: list(_decoder_chunk(config, t, h, w, double_all=True)) for t in set(rest)}
    yield from (doubled[t] for t in rest)


def _chunk_lengths(frames: int, chunk: int) -> tuple[int, ...]:
    """How the VAE cuts time: the first chunk takes what does not divide."""
    count = max(frames // chunk, 1)
    return (frames - (count - 1) * chunk, *(chunk,) * (count - 1))


def _encoder_chunk(config: Any, t: int, h: int, w: int) -> Iterator[Conv]:
    channels = tuple(config.block_out_channels)
    yield _causal(config.in_channels, channels[0], t, h, w)
    before = channels[0]
    for level, after in enumerate(channels):
        yield from _resnets(config.layers_per_block, before, after, t, h, w)
        if level < len(channels) - 1:
            t = -(-t // 2) if level < _time_levels(config) else t  # an odd first frame stays
            h, w = h // 2, w // 2
            yield _plain(after, after, KERNEL_2D, t, h, w)
        before = after
    yield from _resnets(MID_RESNETS, before, before, t, h, w)
    yield _causal(before, 2 * config.latent_channels, t, h, w)


def _decoder_chunk(
    config: Any, t: int, h: int, w: int, *, double_all: bool = False
) -> Iterator[Conv]:
    channels, z = tuple(reversed(config.block_out_channels)), config.latent_channels
    before = channels[0]
    yield _causal(z, before, t, h, w)
    yield from _resnets(MID_RESNETS, before, before, t, h, w, z=z)
    for level, after in enumerate(channels):
        yield from _resnets(config.layers_per_block + 1, before, after, t, h, w, z=z)
        if level < len(channels) - 1:
            if level < _time_levels(config):
                t = 2 * t if double_all else _doubled(t)
            h, w = 2 * h, 2 * w
            yield _plain(after, after, KERNEL_2D, t, h, w)
        before = after
    yield from _spatial_norm(before, z, t, h, w)
    yield _causal(before, config.out_channels, t, h, w)


def _resnets(
    count: int, before: int, after: int, t: int, h: int, w: int, *, z: int | None = None
) -> Iterator[Conv]:
    """Residual blocks; `z` is the latent width where the norms are conditioned on the latent."""
    for i in range(count):
        source = before if i == 0 else after
        if z is not None:
            yield from _spatial_norm(source, z, t, h, w)
        yield _causal(source, after, t, h, w)
        if z is not None:
            yield from _spatial_norm(after, z, t, h, w)
        yield _causal(after, after, t, h, w)
        if source != after:
            yield _plain(source, after, 1, t, h, w)


def _spatial_norm(channels: int, z: int, t: int, h: int, w: int) -> Iterator[Conv]:
    """CogVideoXSpatialNorm3D: scale and shift, each a 1x1x1 convolution that keeps its input."""
    for _ in range(2):
        yield Conv(
            in_channels=z,
            out_channels=channels,
            taps=1,
            positions=t * h * w,
            kept=z * t * h * w,
        )


def _causal(before: int, after: int, t: int, h: int, w: int) -> Conv:
    return Conv(
        in_channels=before,
        out_channels=after,
        taps=KERNEL_3D,
        positions=t * h * w,
        kept=before * (KERNEL - 1) * h * w,
    )


def _plain(before: int, after: int, taps: int, t: int, h: int, w: int) -> Conv:
    return Conv(in_channels=before, out_channels=after, taps=taps, positions=t * h * w)


def _doubled(t: int) -> int:
    """Frames after CogVideoXUpsample3D: of an odd count the first stays single."""
    return 2 * t - t % 2


def _time_levels(config: Any) -> int:
    return int(math.log2(config.temporal_compression_ratio))


def _time_flops(config: Any, dim: int) -> int:
    """Timestep (and, in 1.5 image-to-video, offset) embedding, and the last modulation."""
    time, offset = config.time_embed_dim, config.ofs_embed_dim or 0
    embedding = _linear(1, dim, time) + _linear(1, time, time)
    return embedding + 2 * _linear(1, offset, offset) + _linear(1, time, 2 * dim)


def _linear(rows: int, inputs: int, outputs: int) -> int:
    return 2 * rows * inputs * outputs
