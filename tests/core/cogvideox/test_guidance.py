"""Guidance is the stated formula, at the stated number of passes."""

from __future__ import annotations

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel

from vivid_core.cogvideox.guidance import guided_predictor
from vivid_core.cogvideox.rotary import rotary_embedding


def _transformer(patch_time: int | None = None) -> CogVideoXTransformer3DModel:
    torch.manual_seed(0)
    return CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=33,
        out_channels=16,
        time_embed_dim=8,
        text_embed_dim=32,
        num_layers=2,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        max_text_seq_length=4,
        use_rotary_positional_embeddings=True,
        patch_size_t=patch_time,
    ).eval()


@pytest.fixture(scope="module")
def transformer() -> CogVideoXTransformer3DModel:
    return _transformer()


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


LATENTS, CONDITION = _random(1, 3, 16, 4, 6), _random(1, 3, 17, 4, 6)
PROMPT, NEGATIVE = _random(1, 4, 32), _random(1, 4, 32) * -0.5
T = 500


@torch.no_grad()
def _predict(transformer, guidance, latents=LATENTS, negative: torch.Tensor | None = NEGATIVE):
    rotary = rotary_embedding(transformer.config, (3, 4, 6))
    predict = guided_predictor(transformer, CONDITION, PROMPT, negative, guidance, rotary)
    return predict(latents, T)


def test_guidance_is_the_line_through_both_predictions(transformer):
    uncond, cond = _predict(transformer, 0.0), _predict(transformer, 1.0)
    assert not torch.allclose(uncond, cond)
    torch.testing.assert_close(_predict(transformer, 6.0), uncond + 6 * (cond - uncond))


@pytest.mark.parametrize(("guidance", "passes"), [(1.0, 1), (6.0, 2)])
def test_number_of_passes(transformer, guidance, passes):
    batches: list[int] = []
    hook = transformer.register_forward_pre_hook(
        lambda module, args, kwargs: batches.append(len(kwargs["hidden_states"])),
        with_kwargs=True,
    )
    try:
        _predict(transformer, guidance)
    finally:
        hook.remove()
    assert batches == [passes]


def test_one_condition_serves_a_batch_of_noise(transformer):
    latents = torch.cat([LATENTS, LATENTS * -0.5])
    together = _predict(transformer, 4.0, latents)
    for i in range(2):
        torch.testing.assert_close(
            together[i : i + 1], _predict(transformer, 4.0, latents[i : i + 1])
        )


def test_guidance_one_needs_no_negative(transformer):
    torch.testing.assert_close(
        _predict(transformer, 1.0, negative=None), _predict(transformer, 1.0)
    )
    with pytest.raises(ValueError, match="negative"):
        _predict(transformer, 2.0, negative=None)


@torch.no_grad()
def test_an_image_is_read_with_a_zero_frame_and_comes_back_alone():
    transformer = _transformer(patch_time=2)
    latents, condition = LATENTS[:, :1], CONDITION[:, :1]
    rotary = rotary_embedding(transformer.config, (1, 4, 6))
    result = guided_predictor(transformer, condition, PROMPT, None, 1.0, rotary)(latents, T)
    frame = torch.cat([latents, condition], dim=2)
    expected = transformer(
        hidden_states=torch.cat([frame, torch.zeros_like(frame)], dim=1),
        encoder_hidden_states=PROMPT,
        timestep=torch.tensor([T]),
        image_rotary_emb=rotary,
    ).sample[:, :1]
    torch.testing.assert_close(result, expected)
