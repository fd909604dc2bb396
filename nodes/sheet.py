"""Pictures that show source, mask, edit and difference at a glance."""

from __future__ import annotations

import torch
from torch import Tensor

from .previews import shrink

COLUMNS = 6  # most frames on a contact sheet
CELL = 320  # longest side of one picture on a contact sheet, in pixels
SMALLEST_CELL = 160


def side_by_side(source: Tensor, edit: Tensor) -> Tensor:
    """Source, edit and magnified difference of every frame, [T, H, 3 W, 3]."""
    from ..vivid_core.metrics.sheet import difference_panel

    return torch.cat([source, edit, difference_panel(edit, source)], dim=2)


def contact_sheet(source: Tensor, edit: Tensor, mask: Tensor | None) -> Tensor:
    """A few frames as columns; source, mask, edit and difference as rows. One image [H, W, 3]."""
    from ..vivid_core.metrics import sheet

    picked = torch.linspace(0, len(source) - 1, min(COLUMNS, len(source))).round().long()
    before, after = shrink(source[picked], CELL), shrink(edit[picked], CELL)
    rows = {"source": before}
    if mask is not None:
        rows["mask (white may change)"] = shrink(mask[picked][..., None], CELL).expand_as(before)
    rows["edit"] = after
    rows[f"difference x{sheet.DIFFERENCE_GAIN:g}"] = sheet.difference_panel(after, before)
    return sheet.draw_sheet(
        [f"frame {frame}" for frame in picked.tolist()],
        [sheet.SheetRow(label=name, panels=tuple(panels)) for name, panels in rows.items()],
        enlarge=max(1, SMALLEST_CELL // max(before.shape[1:3])),
    )
