"""What windows cost a CogVideoX model: FLOPs of each network, and memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..inpainter import USUAL_SHARE, Memory, Work
from ..settings import Settings
from .bundle import ModelBundle
from .flops import text_flops, transformer_flops, vae_decode_flops, vae_encode_flops
from .guidance import instruction_weights
from .layout import Layout
from .memory import MemoryEstimate, denoise_bytes, tiled_vae_bytes, vae_bytes, weight_bytes
from .sampling import INVERSION_ROUNDS, NoiseSchedule, timestep_pairs

PETA = 1e15
GIB = 2**30
# What each network reaches of the speed of a plain matrix product. Large transformers reach about
# half: published times of the 5B (50 steps in 180 s on an A100, 90 s on an H100) are 0.5 to 0.7 of
# what matrix products reach there, and 0.4 to 0.6 was measured on a CPU at widths of 256 to 2048.
# Narrow networks mostly move numbers: one of these widths reaches half of that (fitted on a CPU to
# transformers of 128 and VAEs of 16 to 128 channels). A GPU's 3D convolutions were not measured.
HALF_WIDTH = 64  # of a transformer
HALF_CHANNELS = 100  # of a VAE, at full resolution
Span = tuple[int, tuple[int, int]]  # frames, (height, width)


def plan_work(bundle: ModelBundle, windows: Sequence[Span], settings: Settings) -> Work:
    """FLOPs and memory of windows of these lengths and sizes; nothing is run."""
    steps = list(step_passes(bundle.layout, settings, NoiseSchedule.from_config(bundle.schedule)))
    passes = max(steps)
    inverted = inverts(bundle.layout, settings)
    counts = [_Window(bundle, frames, size, inverted) for frames, size in windows]
    largest = max(counts, key=lambda window: window.tokens, default=_smallest(bundle))
    memory = _memory(largest, passes)
    config, tokens = bundle.text_encoder.config, bundle.max_text_tokens
    denoise = sum(steps) * sum(w.pass_flops for w in counts) / PETA
    codec = sum(window.codec_flops for window in counts) / PETA
    text = min(passes, 2) * text_flops(config, tokens=tokens) / PETA
    return Work(
        denoise_pflops=denoise,
        codec_pflops=codec,
        text_pflops=text,
        tokens=largest.tokens if counts else tokens,
        passes=passes,
        memory=_generic(bundle, memory),
        matmul_pflops=(
            denoise / _share(_width(bundle.transformer.config), HALF_WIDTH)
            + codec / _share(bundle.vae.config.block_out_channels[0], HALF_CHANNELS)
            + text / _share(config.d_model, HALF_WIDTH)
        ),
    )


def inverts(layout: Layout, settings: Settings) -> bool:
    """Whether the noise of a source is found first, from which the edit is made."""
    return layout.animates and settings.task == "propagate"


def step_passes(layout: Layout, settings: Settings, schedule: NoiseSchedule) -> Iterator[int]:
    """Forward passes of the transformer in each step of guided sampling."""
    if inverts(layout, settings):
        yield from [1] * (INVERSION_ROUNDS * settings.steps)
    for t, _ in timestep_pairs(settings.steps, schedule):
        yield sum(weight != 0.0 for weight in step_weights(layout, settings, t))


def step_weights(layout: Layout, settings: Settings, t: int) -> tuple[float, ...]:
    """Of the readings at a timestep: (without, with caption), or those of an instruction."""
    text, *others = settings.guidance_scales
    if layout.video_guidance is None:
        return 1 - text, text
    return instruction_weights(
        settings.guidance_formula,
        text,
        others[0] if others else layout.video_guidance,
        t=t,
        steps=settings.steps,
    )


def _width(config: Any) -> int:
    return config.num_attention_heads * config.attention_head_dim


def _share(width: int, half: int) -> float:
    """What a network of this width reaches of the speed of a matrix product."""
    return USUAL_SHARE / (1 + half / width)


@dataclass(frozen=True)
class _Window:
    """One span of time at one size."""

    bundle: ModelBundle
    frames: int
    size: tuple[int, int]
    inverted: bool = False  # the clip before the edit is read too

    @property
    def tokens(self) -> int:
        """Text included."""
        text = self.bundle.max_text_tokens
        return self.bundle.geometry.tokens(self.frames, *self.size, text_tokens=text)

    @property
    def pass_flops(self) -> int:
        """One forward pass of the transformer for one sample."""
        latents, height, width = self.bundle.geometry.latent_shape(self.frames, *self.size)
        return transformer_flops(
            self.bundle.transformer.config,
            frames=latents,
            height=height,
            width=width,
            text_tokens=self.bundle.max_text_tokens,
        )

    @property
    def codec_flops(self) -> int:
        """What the layout encodes beside the noise, and one decode."""
        vae, layout, (height, width) = self.bundle.vae, self.bundle.layout, self.size
        latents = self.bundle.geometry.latent_frames(self.frames)
        clips = layout.channels.count("video") + (layout.mask_encoding == "vae") + self.inverted
        stills = layout.animates + self.inverted
        pixels = {"height": height, "width": width}
        flops = (
            clips * vae_encode_flops(vae.config, frames=self.frames, **pixels)
            + stills * vae_encode_flops(vae.config, frames=1, **pixels)
            + vae_decode_flops(vae.config, latents=latents, **pixels)
        )
        return round(flops * _tiled_share(vae, self.size))


def _smallest(bundle: ModelBundle) -> _Window:
    return _Window(bundle, 1, bundle.geometry.legal_size(1, 1))


def _tiled_share(vae: Any, size: tuple[int, int]) -> float:
    """Pixels the VAE works on, overlaps of its tiles included, per pixel of the frame."""
    tile = _tile(vae)
    if not vae.use_tiling or (size[0] <= tile[0] and size[1] <= tile[1]):
        return 1.0
    overlaps = (vae.tile_overlap_factor_height, vae.tile_overlap_factor_width)
    share = 1.0
    for length, side, overlap in zip(size, tile, overlaps, strict=True):
        starts = range(0, length, int(side * (1 - overlap)))
        share *= sum(min(side, length - start) for start in starts) / length
    return share


def _tile(vae: Any) -> tuple[int, int]:
    return vae.tile_sample_min_height, vae.tile_sample_min_width


def _memory(window: _Window, passes: int) -> MemoryEstimate:
    bundle, vae, (height, width) = window.bundle, window.bundle.vae, window.size
    clip = {
        "frames": window.frames,
        "latents": bundle.geometry.latent_frames(window.frames),
        "element": next(vae.parameters()).element_size(),
    }
    return MemoryEstimate(
        transformer=weight_bytes(bundle.transformer),
        vae=weight_bytes(vae),
        text_encoder=weight_bytes(bundle.text_encoder),
        denoise=denoise_bytes(
            bundle.transformer.config,
            tokens=window.tokens,
            batch=passes,
            element=bundle.dtype.itemsize,
        ),
        vae_whole=vae_bytes(vae.config, height=height, width=width, **clip),
        vae_tiled=tiled_vae_bytes(vae.config, size=window.size, tile=_tile(vae), **clip),
    )


def _generic(bundle: ModelBundle, memory: MemoryEstimate) -> Memory:
    tiled = bool(bundle.vae.use_tiling)
    return Memory(
        needed=memory.needed(offload=bundle.placement.offload, tiled=tiled),
        activations=max(memory.denoise, memory.vae_tiled if tiled else memory.vae_whole),
        most=memory.most,
        least=memory.least,
        notes=(
            f"Weights in GiB: transformer {memory.transformer / GIB:.2f}, text encoder "
            f"{memory.text_encoder / GIB:.2f}, VAE {memory.vae / GIB:.2f}; beside them: denoising "
            f"{memory.denoise / GIB:.2f}, VAE {memory.vae_whole / GIB:.2f} "
            f"({memory.vae_tiled / GIB:.2f} tiled)",
        ),
    )
