"""Rotary positions equal those of diffusers' pipelines."""

from __future__ import annotations

import pytest
import torch
from diffusers import CogVideoXPipeline, CogVideoXTransformer3DModel
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.cogvideox.rotary import rotary_embedding
from vivid_core.errors import SizeError


def _transformer(**changes) -> CogVideoXTransformer3DModel:
    config = {
        "num_attention_heads": 1,
        "attention_head_dim": 16,
        "in_channels": 16,
        "time_embed_dim": 8,
        "text_embed_dim": 8,
        "num_layers": 1,
        "sample_width": 90,
        "sample_height": 60,
        "max_text_seq_length": 4,
        "use_rotary_positional_embeddings": True,
    }
    return CogVideoXTransformer3DModel(**(config | changes))


EARLY, LATE = _transformer(), _transformer(patch_size_t=2)
GRID = st.tuples(st.integers(1, 8), st.integers(1, 30), st.integers(1, 45))


def _ours(transformer, frames: int, height: int, width: int):
    embedding = rotary_embedding(transformer.config, (frames, height, width))
    assert embedding is not None
    return embedding


def _stock(transformer, frames: int, height: int, width: int):
    pipe = CogVideoXPipeline(None, None, None, transformer, None)
    cpu = torch.device("cpu")
    return pipe._prepare_rotary_positional_embeddings(height * 8, width * 8, frames, cpu)


@given(grid=GRID, late=st.booleans())
@settings(max_examples=30, deadline=None)
def test_equals_the_stock_pipeline(grid, late):
    frames, height, width = grid[0], grid[1] * 2, grid[2] * 2
    transformer = LATE if late else EARLY
    ours = _ours(transformer, frames, height, width)
    for mine, theirs in zip(ours, _stock(transformer, frames, height, width), strict=True):
        assert torch.equal(mine, theirs)


def test_early_models_spread_any_grid_over_the_one_they_know():
    small, full = (_ours(EARLY, 1, *size) for size in ((30, 46), (60, 90)))
    assert torch.equal(small[0][0], full[0][0])  # both start at the same corner
    assert small[0].shape[0] == 15 * 23 and full[0].shape[0] == 30 * 45


def test_late_models_count_on_beyond_the_grid_they_know():
    high, _ = _ours(LATE, 2, 90, 60)
    stock, _ = _stock(LATE, 2, 60, 60)
    assert high.shape[0] == 45 * 30
    assert torch.equal(high[: 30 * 30], stock)


def test_no_rotary_positions_where_the_model_has_none():
    config = _transformer(use_rotary_positional_embeddings=False).config
    assert rotary_embedding(config, (3, 20, 30)) is None


def test_learned_positions_fix_the_size():
    config = _transformer(use_learned_positional_embeddings=True).config
    assert rotary_embedding(config, (3, 60, 90)) is not None
    with pytest.raises(SizeError, match="90x60"):
        rotary_embedding(config, (3, 40, 60))
