"""Models of the real classes, with random weights, small enough for many edits."""

from __future__ import annotations

import torch
from diffusers import CogVideoXTransformer3DModel

from vivid_core.cogvideox.layout import LayoutName, layout_named
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.tiny.build import TEXT_TOKENS, build_text_encoder, build_tokenizer, build_vae
from vivid_core.tiny.load import assemble
from vivid_core.tiny.scenes.captions import vocabulary


def random_model(layout: LayoutName = "vivid") -> CogVideoX:
    """The same weights every time."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(vocabulary())
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=1,
        attention_head_dim=32,
        in_channels=layout_named(layout).in_channels,
        out_channels=16,
        time_embed_dim=8,
        text_embed_dim=64,
        num_layers=1,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        max_text_seq_length=TEXT_TOKENS,
        use_rotary_positional_embeddings=True,
    )
    bundle = assemble(
        transformer=transformer,
        vae=build_vae((4, 4, 4), norm_groups=2),
        text_encoder=build_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        layout=layout,
    )
    return bundle.with_(train_size=(9, 32, 32))
