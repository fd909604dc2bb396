"""Muon's step: an orthogonal matrix of a stated size, whatever the gradient's scale."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from vivid_core.train.muon import ADAM_SIZE, Muon, orthogonalise

sides = st.integers(1, 24)


@given(rows=sides, columns=sides, scale=st.floats(1e-6, 1e6), seed=st.integers(0, 99))
def test_singular_values_become_about_one(rows, columns, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    u, _, v = torch.linalg.svd(
        torch.randn(2, rows, columns, generator=generator), full_matrices=False
    )
    values = torch.linspace(0.1, 1.0, u.shape[-1])
    result = orthogonalise(u * values @ v * scale)
    found = torch.linalg.svdvals(result)
    assert result.shape == (2, rows, columns)
    assert 0.5 < float(found.min()) and float(found.max()) < 1.35


def test_nothing_stays_nothing_and_one_matrix_does_not_change_another():
    alone = torch.randn(1, 8, 4, generator=torch.Generator().manual_seed(0))
    both = orthogonalise(torch.cat([alone, torch.zeros_like(alone)]))
    assert not both[1].any()
    torch.testing.assert_close(both[:1], orthogonalise(alone))


@pytest.mark.parametrize("shape", [(16, 16), (32, 8), (8, 32)])
def test_a_step_is_as_large_as_one_of_adamw(shape):
    parameter = nn.Parameter(torch.zeros(shape))
    parameter.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-4
    Muon([parameter], lr=1.0).step()
    size = float(parameter.detach().square().mean().sqrt())
    assert 0.6 * ADAM_SIZE < size < 1.3 * ADAM_SIZE


def test_it_finds_a_linear_map_and_leaves_what_has_no_gradient():
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(6, 10, generator=generator)
    weight, idle = nn.Parameter(torch.zeros(6, 10)), nn.Parameter(torch.ones(6, 10))
    optimizer = Muon([weight, idle], lr=0.1)
    for step in range(300):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * (1 - step / 300)
        x = torch.randn(32, 10, generator=generator)
        optimizer.zero_grad()
        (x @ weight.T - x @ wanted.T).square().mean().backward()
        optimizer.step()
    assert float((weight - wanted).detach().abs().max()) < 0.05
    assert torch.equal(idle.detach(), torch.ones(6, 10))


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"takes matrices.*\(3,\)"):
        Muon([nn.Parameter(torch.zeros(3))], lr=0.1)
