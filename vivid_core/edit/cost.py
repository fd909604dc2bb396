"""What an edit will cost, before it runs: FLOPs of each network, memory, and what would cut it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ..cogvideox.bundle import ModelBundle
from ..cogvideox.flops import text_flops, transformer_flops, vae_decode_flops, vae_encode_flops
from ..cogvideox.layout import Layout
from ..cogvideox.memory import (
    MemoryEstimate,
    denoise_bytes,
    tiled_vae_bytes,
    vae_bytes,
    weight_bytes,
)
from ..errors import InputError, MaskError
from .composite import effective_mask
from .focus import LEAST_NATIVE, plan_focus
from .request import MAX_STEPS, Focus
from .windows import Window, plan_windows

PETA = 1e15
GIB = 2**30
EXAMPLE_SPEED = 100e12  # FLOP/s that the report translates into time
FEWER_STEPS = 30  # VOID's default; below it quality falls
WORTH_SAYING = 0.8  # advice must bring the cost below this share


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """Planned cost of one edit. Sizes are (height, width), the window is (y, x, height, width).

    `tokens` is the length of the longest sequence the transformer sees, `windows` the number of
    chained spans of time, `keyframe_pflops` one candidate image over the same window.
    """

    frames: int
    size: tuple[int, int]
    window: tuple[int, int, int, int]
    model_size: tuple[int, int]
    windows: int
    tokens: int
    steps: int
    passes: int  # of the transformer in each step
    transformer_pflops: float
    vae_pflops: float
    text_pflops: float
    keyframe_pflops: float
    memory: MemoryEstimate
    memory_bytes: int  # at the peak, with the model's own offload and tiling
    advice: tuple[str, ...] = ()

    @property
    def pflops(self) -> float:
        """The whole edit."""
        return self.transformer_pflops + self.vae_pflops + self.text_pflops

    @property
    def text(self) -> str:
        """What an artist reads, most important first."""
        return "\n".join(_report_lines(self))


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What the networks are to do: windows of time of these lengths in frames, at one size."""

    bundle: ModelBundle
    lengths: tuple[int, ...]
    size: tuple[int, int]
    steps: int
    passes: int

    @property
    def longest(self) -> int:
        return max(self.lengths, default=1)

    @property
    def tokens(self) -> int:
        """Of the longest window, text included."""
        geometry, text = self.bundle.geometry, self.bundle.max_text_tokens
        return geometry.tokens(self.longest, *self.size, text_tokens=text)

    @property
    def transformer_flops(self) -> int:
        return self.steps * self.passes * sum(self._pass_flops(n) for n in self.lengths)

    @property
    def vae_flops(self) -> int:
        return sum(self._codec_flops(n) for n in self.lengths)

    @property
    def text_flops(self) -> int:
        """The caption, and the negative one where guidance reads it."""
        config, tokens = self.bundle.text_encoder.config, self.bundle.max_text_tokens
        return min(self.passes, 2) * text_flops(config, tokens=tokens)

    @property
    def pflops(self) -> float:
        return (self.transformer_flops + self.vae_flops + self.text_flops) / PETA

    def _pass_flops(self, frames: int) -> int:
        latents, height, width = self.bundle.geometry.latent_shape(frames, *self.size)
        return transformer_flops(
            self.bundle.transformer.config,
            frames=latents,
            height=height,
            width=width,
            text_tokens=self.bundle.max_text_tokens,
        )

    def _codec_flops(self, frames: int) -> int:
        """What the layout encodes beside the noise, and one decode."""
        config, layout, (height, width) = self.bundle.vae.config, self.bundle.layout, self.size
        latents = self.bundle.geometry.latent_frames(frames)
        clips = layout.channels.count("video") + (layout.mask_encoding == "vae")
        stills = layout.channels.count("first_frame")
        flops = (
            clips * vae_encode_flops(config, frames=frames, height=height, width=width)
            + stills * vae_encode_flops(config, frames=1, height=height, width=width)
            + vae_decode_flops(config, latents=latents, height=height, width=width)
        )
        return round(flops * _tiled_share(self.bundle.vae, self.size))


def estimate_cost(
    bundle: ModelBundle,
    *,
    frames: int,
    height: int,
    width: int,
    steps: int,
    guidance: float,
    mask: Float[Tensor, "t h w"] | None = None,
    focus: Focus = "auto",
    grow: int = 0,
    keyframes: Sequence[int] = (),
) -> CostEstimate:
    """Plan an edit of a clip of this size and count what it costs; nothing is run.

    `mask` in 0..1 has one frame or one a frame; without it the whole frame is edited. `grow`
    widens it by that many pixels. `keyframes` are frames that are given. Raises InputError,
    MaskError or SizeError for values no edit could have.
    """
    if not 1 <= steps <= MAX_STEPS:
        raise InputError("steps", f"must be 1 to {MAX_STEPS}, got {steps}")
    size, passes = (height, width), passes_per_step(bundle.layout, guidance)
    effective = None if mask is None else effective_mask(_fitting(mask, frames, size), grow)
    plan = plan_focus(effective, size, bundle.geometry, bundle.train_size[1:], focus)
    windows = plan_windows(
        frames,
        bundle.geometry,
        bundle.train_size[0],
        keyframes,
        both_ends=bundle.knows_last_frame,
    )
    if effective is not None:
        windows = tuple(window for window in windows if _selects(effective, window))
    lengths = tuple(window.model_frames for window in windows)
    job = _Job(bundle=bundle, lengths=lengths, size=plan.model, steps=steps, passes=passes)
    memory, tiled = _memory(job), bool(bundle.vae.use_tiling)
    return CostEstimate(
        frames=frames,
        size=size,
        window=(plan.y, plan.x, plan.height, plan.width),
        model_size=plan.model,
        windows=len(windows),
        tokens=job.tokens,
        steps=steps,
        passes=passes,
        transformer_pflops=job.transformer_flops / PETA,
        vae_pflops=job.vae_flops / PETA,
        text_pflops=job.text_flops / PETA,
        keyframe_pflops=replace(job, lengths=(1,)).pflops,
        memory=memory,
        memory_bytes=memory.needed(offload=bundle.placement.offload, tiled=tiled),
        advice=_advice(job, effective),
    )


def passes_per_step(layout: Layout, guidance: float) -> int:
    """Forward passes of the transformer in one step of guided sampling."""
    if layout.video_guidance is not None:
        return 3
    return 1 if guidance == 1.0 else 2


def _fitting(mask: Tensor, frames: int, size: tuple[int, int]) -> Tensor:
    """The mask as [T, H, W] with T of 1 or `frames`, selecting something."""
    mask = mask[None] if mask.ndim == 2 else mask
    if mask.shape[0] not in (1, frames) or tuple(mask.shape[1:]) != size:
        shape = " x ".join(str(n) for n in mask.shape)
        raise MaskError(
            "mask",
            f"is {shape} (frames x height x width) but the clip is {frames} x {size[0]} x "
            f"{size[1]}: give a mask of the clip's size with one frame, or one a frame",
        )
    if not (mask > 0.5).any():
        raise MaskError(
            "mask", "is empty on every frame: paint the area to edit white (white = edit)"
        )
    return mask


def _selects(effective: Tensor, window: Window) -> bool:
    """Windows of time with an empty mask are not run."""
    if effective.shape[0] == 1:
        return True
    return bool((effective[window.made] > 0).any())


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


def _memory(job: _Job) -> MemoryEstimate:
    bundle, vae, (height, width) = job.bundle, job.bundle.vae, job.size
    clip = {
        "frames": job.longest,
        "latents": bundle.geometry.latent_frames(job.longest),
        "element": next(vae.parameters()).element_size(),
    }
    return MemoryEstimate(
        transformer=weight_bytes(bundle.transformer),
        vae=weight_bytes(vae),
        text_encoder=weight_bytes(bundle.text_encoder),
        denoise=denoise_bytes(
            bundle.transformer.config,
            tokens=job.tokens,
            batch=job.passes,
            element=bundle.dtype.itemsize,
        ),
        vae_whole=vae_bytes(vae.config, height=height, width=width, **clip),
        vae_tiled=tiled_vae_bytes(vae.config, size=job.size, tile=_tile(vae), **clip),
    )


def _advice(job: _Job, effective: Tensor | None) -> tuple[str, ...]:
    """What would make this edit cheaper, each with its new cost."""
    focused = _focused_size(job, effective)
    crop = "focus 'native'" if effective is not None else "focus on a small mask"
    options = {
        f"{crop}, the model seeing {focused[1]}x{focused[0]}": replace(job, size=focused),
        f"{FEWER_STEPS} steps": replace(job, steps=min(job.steps, FEWER_STEPS)),
        "guidance 1, which follows the caption less": replace(job, passes=1),
        "one keyframe candidate, to choose the look first": replace(job, lengths=(1,)),
    }
    whole = job.pflops
    costs = {words: option.pflops for words, option in options.items()}
    return tuple(
        f"{words}: {flops_text(cost)} ({cost / whole:.2g}x)"
        for words, cost in costs.items()
        if cost < WORTH_SAYING * whole
    )


def _focused_size(job: _Job, effective: Tensor | None) -> tuple[int, int]:
    """The size with focus on the mask; without a mask, that of the smallest window."""
    if effective is None:
        return min(LEAST_NATIVE[0], job.size[0]), min(LEAST_NATIVE[1], job.size[1])
    height, width = effective.shape[1:]
    bundle = job.bundle
    plan = plan_focus(effective, (height, width), bundle.geometry, bundle.train_size[1:], "native")
    return plan.model


def _report_lines(cost: CostEstimate) -> list[str]:
    parts = {
        "denoising": cost.transformer_pflops,
        "VAE": cost.vae_pflops,
        "text": cost.text_pflops,
    }
    most = max(parts, key=lambda name: parts[name])
    seconds = cost.pflops * PETA / EXAMPLE_SPEED
    return [
        f"Cost: {flops_text(cost.pflops)}, {_duration(seconds)} at a sustained "
        f"{EXAMPLE_SPEED / 1e12:.0f} TFLOP/s",
        "Of it: " + ", ".join(f"{name} {flops_text(value)}" for name, value in parts.items()),
        f"{most} costs most ({parts[most] / cost.pflops:.0%}): {cost.windows} window(s) of time x "
        f"{cost.steps} steps x {cost.passes} pass(es), {cost.tokens:,} tokens",
        _window_line(cost),
        f"One keyframe candidate: {flops_text(cost.keyframe_pflops)}",
        *_memory_lines(cost),
        *(f"Cheaper: {option}" for option in cost.advice),
    ]


def _window_line(cost: CostEstimate) -> str:
    (height, width), (y, x, h, w) = cost.size, cost.window
    return (
        f"{cost.frames} frames of {width}x{height}; the edit works on {w}x{h} at ({x}, {y}), "
        f"seen by the model at {cost.model_size[1]}x{cost.model_size[0]}"
    )


def _memory_lines(cost: CostEstimate) -> list[str]:
    memory = cost.memory
    return [
        f"Memory: about {cost.memory_bytes / GIB:.1f} GiB as the model is loaded now; "
        f"{memory.most / GIB:.1f} with no offload or tiling, {memory.least / GIB:.1f} with both",
        f"Weights in GiB: transformer {memory.transformer / GIB:.2f}, text encoder "
        f"{memory.text_encoder / GIB:.2f}, VAE {memory.vae / GIB:.2f}; beside them: denoising "
        f"{memory.denoise / GIB:.2f}, VAE {memory.vae_whole / GIB:.2f} "
        f"({memory.vae_tiled / GIB:.2f} tiled)",
    ]


def flops_text(pflops: float) -> str:
    if pflops >= 0.1:
        return f"{pflops:.3g} PFLOPs"
    return f"{pflops * 1e3:.3g} TFLOPs" if pflops >= 1e-4 else f"{pflops * 1e6:.3g} GFLOPs"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "under a second"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
