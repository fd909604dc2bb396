"""Nothing outside the effective mask changes, whatever the edit holds."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.edit.composite import composite, measure_change
from vivid_core.edit.masks import effective_mask


@st.composite
def edits(draw):
    t, h, w = draw(st.integers(1, 3)), draw(st.integers(4, 24)), draw(st.integers(4, 24))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    source, edit = (torch.rand(t, h, w, 3, generator=generator) for _ in range(2))
    mask = (torch.rand(t, h, w, generator=generator) > 0.7).float()
    return source, edit, mask


@given(edits(), st.integers(0, 5))
def test_outside_is_bit_equal(example, feather):
    source, edit, mask = example
    result = composite(source, edit, mask, feather=feather)
    assert torch.equal(result[mask == 0], source[mask == 0])


@given(edits())
def test_without_feather_the_edit_is_taken_whole(example):
    source, edit, mask = example
    result = composite(source, edit, mask, feather=0)
    assert torch.allclose(result[mask == 1], edit[mask == 1], atol=1e-6)


@given(edits(), st.integers(0, 4))
def test_effective_mask_only_grows(example, growth):
    _, _, mask = example
    grown = effective_mask(mask, growth)
    assert torch.all(grown >= mask)
    assert set(grown.unique().tolist()) <= {0.0, 1.0}


def test_an_edit_within_one_level_changed_nothing():
    source = torch.full((1, 8, 8, 3), 0.5)
    mask = torch.zeros(1, 8, 8)
    mask[:, 2:5, 2:5] = 1
    assert measure_change(source, source + 0.5 / 255, mask).nothing_changed
    assert not measure_change(source, source + 2 / 255, mask).nothing_changed


def test_a_change_outside_is_found():
    source = torch.zeros(1, 8, 8, 3)
    mask = torch.zeros(1, 8, 8)
    mask[:, :4] = 1
    edit = source.clone()
    edit[0, 7, 7, 1] = 0.25
    assert measure_change(source, edit, mask).outside == 0.25
