"""Tiny models of the real classes, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vivid_core.cogvideox.config import schedule_config
from vivid_core.cogvideox.layout import Layout, LayoutName, layout_named
from vivid_core.cogvideox.model import CogVideoX

TEXT_TOKENS = 16
WORDS = "<pad> </s> <unk> a red blue circle square moves".split()
CHANNELS = {"t2v": 16, "i2v": 32, "fun_inp": 33, "vivid": 33, "void": 48, "insvie": 32}


def build_transformer(seed: int = 0, **options: Any) -> nn.Module:
    """Two blocks of two 16-wide heads; every weight random, none zero."""
    from diffusers import CogVideoXTransformer3DModel

    defaults = {
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "in_channels": 16,
        "time_embed_dim": 8,
        "text_embed_dim": 32,
        "num_layers": 2,
        "sample_width": 8,
        "sample_height": 8,
        "sample_frames": 9,
        "max_text_seq_length": TEXT_TOKENS,
        "use_rotary_positional_embeddings": True,
    }
    torch.manual_seed(seed)
    return CogVideoXTransformer3DModel(**{**defaults, **options}).eval().requires_grad_(False)


def build_vae(**options: Any) -> nn.Module:
    from diffusers import AutoencoderKLCogVideoX

    blocks = options.pop("blocks", 3)
    defaults = {
        "down_block_types": ("CogVideoXDownBlock3D",) * blocks,
        "up_block_types": ("CogVideoXUpBlock3D",) * blocks,
        "block_out_channels": (8,) * blocks,
        "latent_channels": 16,
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "sample_height": 64,
        "sample_width": 64,
        "scaling_factor": 0.7,
    }
    torch.manual_seed(1)
    return AutoencoderKLCogVideoX(**{**defaults, **options}).eval().requires_grad_(False)


def build_text_encoder(width: int = 32) -> nn.Module:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=len(WORDS),
        d_model=width,
        d_kv=8,
        d_ff=37,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    torch.manual_seed(2)
    return T5EncoderModel(config).eval().requires_grad_(False)


def build_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def build_bundle(layout: LayoutName = "t2v", *, patch_time: int | None = None) -> CogVideoX:
    return CogVideoX(
        name="tiny",
        transformer=build_transformer(in_channels=CHANNELS[layout], patch_size_t=patch_time),
        vae=build_vae(),
        text_encoder=build_text_encoder(),
        tokenizer=build_tokenizer(),
        schedule=schedule_config(32),
        layout=_layout(layout, patch_time),
        train_size=(9, 32, 32),
        max_text_tokens=TEXT_TOKENS,
        known_words=frozenset(WORDS[3:]),
    )


def _layout(name: LayoutName, patch_time: int | None) -> Layout:
    return layout_named(name, version="1.0" if patch_time is None else "1.5", patch_time=patch_time)


def run_transformer(transformer: nn.Module, latents: Tensor, seed: int = 5) -> Tensor:
    """One forward pass with fixed text, time and rotary positions. Latents [b, t, c, h, w]."""
    from diffusers.models.embeddings import get_3d_rotary_pos_embed

    generator = torch.Generator().manual_seed(seed)
    text = torch.randn(1, TEXT_TOKENS, transformer.config.text_embed_dim, generator=generator).to(
        latents
    )
    frames, _, height, width = latents.shape[1:]
    grid = (height // 2, width // 2)
    frames //= transformer.config.patch_size_t or 1
    rope = get_3d_rotary_pos_embed(
        transformer.config.attention_head_dim, ((0, 0), grid), grid, frames
    )
    with torch.no_grad():
        return transformer(
            latents, text, torch.tensor([500]), image_rotary_emb=rope, return_dict=False
        )[0]


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    """Whether two modules have the same tensors under the same names."""
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture
def transformer() -> Callable[..., nn.Module]:
    return build_transformer


@pytest.fixture
def vae() -> Callable[..., nn.Module]:
    return build_vae


@pytest.fixture
def text_encoder() -> Callable[..., nn.Module]:
    return build_text_encoder


@pytest.fixture
def bundle() -> Callable[..., CogVideoX]:
    return build_bundle


@pytest.fixture
def forward() -> Callable[..., Tensor]:
    return run_transformer


@pytest.fixture
def same() -> Callable[[nn.Module, nn.Module], bool]:
    return same_weights
