"""The contact sheet shows its panels unchanged, enlarged by whole pixels."""

from __future__ import annotations

import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.metrics.sheet import SheetRow, difference_panel, draw_sheet, mask_panel


def test_every_panel_is_on_the_sheet():
    red = torch.zeros(8, 10, 3)
    red[..., 0] = 1.0
    blue = red.flip(-1)
    rows = [SheetRow(label="first", panels=(red, blue)), SheetRow(label="next", panels=(blue, red))]
    sheet = draw_sheet(("a", "b"), rows, enlarge=3)
    for color in (red[0, 0], blue[0, 0]):
        assert (sheet == color).all(-1).sum() == 2 * (3 * 8) * (3 * 10)


def test_sizes_may_differ_between_rows():
    rows = [SheetRow(label="", panels=(torch.rand(4, n, 3),)) for n in (5, 50)]
    assert draw_sheet(("a",), rows).shape[1] > 50


def test_missing_panels_are_named():
    with pytest.raises(InputError, match="rows: need at least one, each of 2 panels"):
        draw_sheet(("a", "b"), [SheetRow(label="", panels=(torch.zeros(2, 2, 3),))])


def test_difference_is_brightened_and_masks_are_grey():
    panel = difference_panel(torch.full((2, 2, 3), 0.6), torch.full((2, 2, 3), 0.5))
    torch.testing.assert_close(panel, torch.full((2, 2, 3), 0.4))
    assert mask_panel(torch.tensor([[0.25]])).tolist() == [[[0.25, 0.25, 0.25]]]
