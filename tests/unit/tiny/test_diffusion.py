"""The training loss: the hole counts more, and by exactly as much as was said."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.tiny.recipe.diffusion import hole_weighted_mean

weights = st.floats(0.1, 50)


@given(st.integers(0, 2**31), weights)
def test_an_even_error_is_itself_whatever_the_weight(seed, weight):
    kept = torch.rand(2, 3, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    assert float(hole_weighted_mean(torch.full((2, 3, 5, 4, 4), 0.25), kept, weight)) == (
        pytest.approx(0.25, rel=1e-4)
    )


@given(st.integers(0, 2**31), weights)
def test_the_hole_counts_as_often_as_said(seed, weight):
    generator = torch.Generator().manual_seed(seed)
    squares = torch.rand(2, 3, 5, 4, 4, generator=generator)
    kept = (torch.rand(2, 3, 1, 4, 4, generator=generator) > 0.3).float()
    inside = (kept == 0).expand_as(squares)
    total = weight * squares[inside].sum() + squares[~inside].sum()
    count = weight * inside.sum() + (~inside).sum()
    assert float(hole_weighted_mean(squares, kept, weight)) == pytest.approx(
        float(total / count), rel=1e-4
    )
    assert float(hole_weighted_mean(squares, kept, 1.0)) == pytest.approx(float(squares.mean()))
