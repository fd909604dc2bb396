"""Build vivid-tiny's parts, untrained: the real classes at a size that fits in a repository."""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

TRAIN_SIZE = (17, 64, 64)  # frames, height, width in pixels
TEXT_TOKENS = 20
TEXT_WIDTH = 64
LATENT_SCALE = 1.15258426  # CogVideoX-2B's, which ComfyUI core assumes for few heads
SCHEDULE: dict[str, Any] = {  # CogVideoX-5B's
    "_class_name": "CogVideoXDDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "clip_sample": False,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": True,
    "snr_shift_scale": 1.0,
}


def build_tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    """One token a known word; an end token; padding."""
    ids = {token: i for i, token in enumerate(["<pad>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\W+"), "removed")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def build_text_encoder(vocabulary_size: int) -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            vocab_size=vocabulary_size,
            d_model=TEXT_WIDTH,
            d_kv=16,
            d_ff=128,
            num_layers=2,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=1,
        )
    )


def build_transformer(*, in_channels: int = 16) -> CogVideoXTransformer3DModel:
    """Two heads of 64, four layers, a token for every latent, rotary positions: 1.0M parameters.

    At equal time half the parameters on tokens of 4 pixels draw better than tokens of 8 pixels.
    """
    frames, height, width = TRAIN_SIZE
    return CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=64,
        in_channels=in_channels,
        out_channels=16,
        time_embed_dim=32,
        text_embed_dim=TEXT_WIDTH,
        num_layers=4,
        patch_size=1,
        sample_width=width // 4,
        sample_height=height // 4,
        sample_frames=frames,
        max_text_seq_length=TEXT_TOKENS,
        use_rotary_positional_embeddings=True,
    )


def build_vae(
    channels: tuple[int, ...] = (16, 32, 48), *, layers_per_block: int = 1, norm_groups: int = 4
) -> AutoencoderKLCogVideoX:
    """Three levels: 4x4 in space, 4x in time, 16 latent channels."""
    return AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * len(channels),
        up_block_types=("CogVideoXUpBlock3D",) * len(channels),
        block_out_channels=channels,
        latent_channels=16,
        layers_per_block=layers_per_block,
        norm_num_groups=norm_groups,
        sample_height=TRAIN_SIZE[1],
        sample_width=TRAIN_SIZE[2],
        scaling_factor=LATENT_SCALE,
    )
