"""Planned FLOPs beside those that torch counts on the real classes, without their weights.

    python benchmarks/cost.py

Nothing is computed: the models live on the meta device. Exits with 1 if a plan is off by more
than 2%.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import T5Config, T5EncoderModel

from vivid_core.cogvideox.flops import (
    text_flops,
    transformer_flops,
    vae_decode_flops,
    vae_encode_flops,
)
from vivid_core.cogvideox.layout import layout_named
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.cogvideox.vae import decode
from vivid_core.edit.cost import estimate_cost
from vivid_core.edit.job import plan_unseen
from vivid_core.settings import Settings
from vivid_core.tiny import build as tiny

TOLERANCE = 0.02
STEPS, GUIDANCE, PASSES = 50, 6.0, 2


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The three networks of one model, and the clips to count: (frames, height, width)."""

    name: str
    transformer: Any
    vae: Any
    text_encoder: Any
    text_tokens: int
    clips: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    model: str
    work: str
    planned: float
    counted: float

    @property
    def ratio(self) -> float:
        return self.planned / self.counted

    def __str__(self) -> str:
        figures = f"{self.planned / 1e12:14.5g} {self.counted / 1e12:14.5g} {self.ratio:8.4f}"
        return f"{self.model:14} {self.work:36} {figures}"


def main() -> int:
    logging.disable(logging.WARNING)
    print(f"{'model':14} {'work':36} {'planned TFLOP':>14} {'counted TFLOP':>14} {'ratio':>8}")
    with torch.device("meta"), torch.no_grad():
        rows = []
        for row in all_rows():
            print(row, flush=True)
            rows.append(row)
    worst = max(abs(row.ratio - 1) for row in rows)
    print(f"largest difference {worst:.2%} of {len(rows)} (at most {TOLERANCE:.0%})")
    return 0 if worst <= TOLERANCE else 1


def all_rows() -> Iterator[Row]:
    full = cogvideox_5b()
    for networks in (full, cogvideox_1_5(), vivid_tiny()):
        yield from network_rows(networks)
    yield from edit_rows(full)


def network_rows(networks: Networks) -> Iterator[Row]:
    """Each network on its own, once."""
    name, text = networks.name, networks.text_tokens
    planned = text_flops(networks.text_encoder.config, tokens=text)
    yield Row(
        model=name, work=f"text, {text} tokens", planned=planned, counted=count_text(networks)
    )
    for clip in networks.clips:
        yield from clip_rows(networks, *clip)


def clip_rows(networks: Networks, frames: int, height: int, width: int) -> Iterator[Row]:
    name, vae, what = networks.name, networks.vae, f"{frames} frames {height}x{width}"
    t, h, w = latent_size(vae, frames, height, width)
    padded = max(t, networks.transformer.config.patch_size_t or 1)
    yield Row(
        model=name,
        work=f"one pass, {what}",
        planned=transformer_flops(
            networks.transformer.config,
            frames=padded,
            height=h,
            width=w,
            text_tokens=networks.text_tokens,
        ),
        counted=count_pass(networks, padded, h, w),
    )
    yield Row(
        model=name,
        work=f"encode, {what}",
        planned=vae_encode_flops(vae.config, frames=frames, height=height, width=width),
        counted=count_encode(vae, frames, height, width),
    )
    yield Row(
        model=name,
        work=f"decode, {what}",
        planned=vae_decode_flops(vae.config, latents=t, height=height, width=width),
        counted=count_decode(vae, frames, height, width),
    )


def edit_rows(networks: Networks) -> Iterator[Row]:
    """Whole edits of the VIVID layout: 50 steps with guidance, VAE and text included."""
    bundle = CogVideoX(
        name=networks.name,
        transformer=networks.transformer,
        vae=networks.vae,
        text_encoder=networks.text_encoder,
        tokenizer=None,
        schedule={},
        layout=layout_named("vivid"),
        train_size=(49, 480, 720),
    )
    mask = torch.zeros(1, 480, 720, device="cpu")
    mask[:, 180:300, 260:460] = 1
    for words, frames, area in (
        ("edit, 49 frames, whole frame", 49, None),
        ("edit, 49 frames, focus crop 240x368", 49, mask),
        ("one keyframe, whole frame", 1, None),
        ("one keyframe, focus crop 240x368", 1, mask),
    ):
        settings = Settings(task="delete", grow=0, steps=STEPS, guidance=GUIDANCE)
        with torch.device("cpu"):  # masks are looked at
            job = plan_unseen(bundle, settings, frames=frames, size=(480, 720), mask=area)
        cost = estimate_cost(bundle, job)
        assert cost is not None, "CogVideoX knows its cost"
        counted = count_edit(networks, frames, *cost.model_size)
        yield Row(model=networks.name, work=words, planned=cost.pflops * 1e15, counted=counted)


def count(run: Callable[[], Any]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def count_edit(networks: Networks, frames: int, height: int, width: int) -> int:
    t, h, w = latent_size(networks.vae, frames, height, width)
    return (
        STEPS * PASSES * count_pass(networks, t, h, w)
        + count_encode(networks.vae, frames, height, width)
        + count_decode(networks.vae, frames, height, width)
        + PASSES * count_text(networks)
    )


def count_pass(networks: Networks, t: int, h: int, w: int) -> int:
    model, config = networks.transformer, networks.transformer.config
    patch = config.patch_size
    tokens = t // (config.patch_size_t or 1) * (h // patch) * (w // patch)
    angles = torch.zeros(tokens, config.attention_head_dim)
    return count(
        lambda: model(
            hidden_states=torch.zeros(1, t, config.in_channels, h, w),
            encoder_hidden_states=torch.zeros(1, networks.text_tokens, config.text_embed_dim),
            timestep=torch.zeros(1, dtype=torch.long),
            image_rotary_emb=(angles, angles),
        )
    )


def count_encode(vae: Any, frames: int, height: int, width: int) -> int:
    return count(lambda: vae.encode(torch.zeros(1, 3, frames, height, width)))


def count_decode(vae: Any, frames: int, height: int, width: int) -> int:
    latents = torch.zeros(1, 16, *latent_size(vae, frames, height, width))
    return count(lambda: decode(vae, latents, frames=frames))


def count_text(networks: Networks) -> int:
    ids = torch.zeros(1, networks.text_tokens, dtype=torch.long)
    return count(lambda: networks.text_encoder(ids))


def latent_size(vae: Any, frames: int, height: int, width: int) -> tuple[int, int, int]:
    shrink = 2 ** (len(vae.config.block_out_channels) - 1)
    return (frames - 1) // 4 + 1, height // shrink, width // shrink


def cogvideox_5b() -> Networks:
    return Networks(
        name="CogVideoX-5B",
        transformer=transformer_5b(),
        vae=AutoencoderKLCogVideoX(),
        text_encoder=t5_xxl(),
        text_tokens=226,
        clips=tuple((frames, 480, 720) for frames in (49, 25, 9, 1)),
    )


def cogvideox_1_5() -> Networks:
    return Networks(
        name="CogVideoX-1.5",
        transformer=transformer_5b(patch_size_t=2),
        vae=AutoencoderKLCogVideoX(),
        text_encoder=t5_xxl(),
        text_tokens=226,
        clips=((85, 384, 672), (85, 768, 1344), (5, 384, 672), (1, 384, 672)),
    )


def vivid_tiny() -> Networks:
    return Networks(
        name="vivid-tiny",
        transformer=tiny.build_transformer(in_channels=33),
        vae=tiny.build_vae(),
        text_encoder=tiny.build_text_encoder(100),
        text_tokens=tiny.TEXT_TOKENS,
        clips=((17, 64, 64), (9, 64, 96), (1, 64, 64)),
    )


def transformer_5b(**changes: Any) -> CogVideoXTransformer3DModel:
    return CogVideoXTransformer3DModel(
        num_attention_heads=48,
        num_layers=42,
        in_channels=33,
        use_rotary_positional_embeddings=True,
        **changes,
    )


def t5_xxl() -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            d_model=4096,
            d_ff=10240,
            num_layers=24,
            num_heads=64,
            feed_forward_proj="gated-gelu",
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
