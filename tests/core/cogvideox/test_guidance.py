"""Guidance is the stated formula, at the stated number of passes."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.cogvideox.conditioning import drop_source
from vivid_core.cogvideox.guidance import (
    Reading,
    guided_predictor,
    instruction_weights,
    weighted_predictor,
)
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


@torch.no_grad()
def _instructed(transformer, weights):
    """Three readings: nothing, a source, a source with an instruction; 33 channels will do."""
    rotary = rotary_embedding(transformer.config, (3, 4, 6))
    readings = [
        Reading(text=NEGATIVE, conditioning=drop_source(CONDITION)),
        Reading(text=NEGATIVE, conditioning=CONDITION),
        Reading(text=PROMPT, conditioning=CONDITION),
    ]
    return weighted_predictor(transformer, readings, lambda t: weights, rotary)(LATENTS, T)


SCALE = st.floats(0, 20)


@given(text=SCALE, video=SCALE, t=st.integers(0, 999))
def test_both_formulas_are_those_of_code_and_paper(text, video, t):
    """Beside the written-out terms, for predictions that are numbers."""
    nothing, source, instruction = 0.7, -0.4, 2.5
    growth = (1 - math.cos(math.pi * ((50 - t) / 50) ** 5)) / 2
    expected = {
        "paper": nothing + video * (source - nothing) + text * (instruction - nothing),
        "released": nothing
        + (1 + video * growth) * (source - nothing)
        + (1 + text * growth) * (instruction - source),
    }
    for formula, value in expected.items():
        weights = instruction_weights(formula, text, video, t=t, steps=50)
        assert sum(weights) == pytest.approx(1)
        found = sum(w * p for w, p in zip(weights, (nothing, source, instruction), strict=True))
        assert found == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("t", "text", "video"),
    [
        (999, 2.6144, 1.2583),
        (799, 1.0060, 1.0010),
        (499, 1.6516, 1.1043),
        (99, 8.3305, 2.1729),
        (59, 1.0, 1.0),
        (19, 1.1542, 1.0247),
    ],
)
def test_the_released_scales_swing_with_the_timestep(t, text, video):
    """The scales of InsViE's own guider in 50 steps; at 59 nothing but the instruction is read."""
    weights = instruction_weights("released", 7.5, 1.2, t=t, steps=50)
    assert weights == pytest.approx((1 - video, video - text, text), abs=1e-3)


@given(t=st.integers(0, 999), steps=st.integers(1, 1000))
def test_scales_of_nothing_read_the_instruction_alone(t, steps):
    assert instruction_weights("released", 0.0, 0.0, t=t, steps=steps) == (0, 0, 1)


@pytest.mark.parametrize(
    ("weights", "passes"), [((-0.2, -6.3, 7.5), 3), ((0.0, -6.5, 7.5), 2), ((0.0, 0.0, 1.0), 1)]
)
def test_what_has_no_weight_is_not_read(transformer, weights, passes):
    batches: list[int] = []
    hook = transformer.register_forward_pre_hook(
        lambda module, args, kwargs: batches.append(len(kwargs["hidden_states"])),
        with_kwargs=True,
    )
    try:
        guided = _instructed(transformer, weights)
    finally:
        hook.remove()
    assert batches == [passes]
    alone = [_instructed(transformer, unit) for unit in torch.eye(3).tolist()]
    expected = sum(w * one for w, one in zip(weights, alone, strict=True))
    torch.testing.assert_close(guided, expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(alone[0], alone[1])
    assert not torch.allclose(alone[1], alone[2])
