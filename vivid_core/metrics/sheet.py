"""A contact sheet: edits side by side with what they started from and what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError

Panel = Float[Tensor, "h w 3"]  # pixels in 0..1
Bytes = NDArray[np.uint8]
GAP, LABEL_HEIGHT, FONT_SCALE = 6, 20, 0.42  # pixels of the sheet; relative size of OpenCV's font
PAPER, INK = 250, 40  # grey levels
DIFFERENCE_GAIN = 4.0  # so that 1/4 of the range is already white


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One line of pictures of equal size under a label."""

    label: str
    panels: tuple[Panel, ...]


def difference_panel(result: Panel, truth: Panel) -> Panel:
    """Absolute difference, brightened."""
    return ((result - truth).abs() * DIFFERENCE_GAIN).clamp(0, 1)


def mask_panel(mask: Float[Tensor, "h w"]) -> Panel:
    return mask[..., None].expand(-1, -1, 3)


def shrink_panel(panel: Panel, longest: int) -> Panel:
    """No side longer than this, in pixels."""
    return shrink_frames(panel[None], longest)[0]


def shrink_frames(frames: Float[Tensor, "t h w c"], longest: int) -> Float[Tensor, "t h2 w2 c"]:
    """Frames scaled down, by the mean of their pixels, so that no side is longer than this."""
    scale = longest / max(frames.shape[1:3])
    if scale >= 1:
        return frames
    size = [max(1, round(side * scale)) for side in frames.shape[1:3]]
    small = torch.nn.functional.interpolate(frames.movedim(-1, 1), size=size, mode="area")
    return small.movedim(1, -1)


def draw_sheet(columns: Sequence[str], rows: Sequence[SheetRow], *, enlarge: int = 1) -> Panel:
    """Rows under each other, every panel under its column's name, whole-number enlarged."""
    if not rows or any(len(row.panels) != len(columns) for row in rows):
        raise InputError("rows", f"need at least one, each of {len(columns)} panels")
    lines = [_draw_row(columns, rows[0], enlarge, titled=True)]
    lines += [_draw_row(columns, row, enlarge, titled=False) for row in rows[1:]]
    width = max(line.shape[1] for line in lines)
    lines = [
        np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0)), constant_values=PAPER)
        for line in lines
    ]
    return torch.from_numpy(np.concatenate(lines)).float() / 255


def draw_gallery(
    panels: Sequence[Panel], labels: Sequence[str], *, columns: int, cell: int
) -> Float[Tensor, "sheet_h sheet_w 3"]:
    """Pictures of equal size in rows, each under its own label, at least `cell` pixels long."""
    enlarge = max(1, cell // max(panels[0].shape[:2]))
    width, blank = min(columns, len(panels)), torch.ones_like(panels[0])
    rows = []
    for start in range(0, len(panels), width):
        shown, names = panels[start : start + width], labels[start : start + width]
        missing = width - len(shown)
        row = SheetRow(label="", panels=(*shown, *[blank] * missing))
        rows.append(draw_sheet([*names, *[""] * missing], [row], enlarge=enlarge))
    return torch.cat(rows)


def _draw_row(columns: Sequence[str], row: SheetRow, enlarge: int, *, titled: bool) -> Bytes:
    cells = [_to_bytes(panel, enlarge) for panel in row.panels]
    if titled:
        cells = [_with_label(cell, name) for cell, name in zip(cells, columns, strict=True)]
    padded = [np.pad(c, ((0, 0), (GAP, 0), (0, 0)), constant_values=PAPER) for c in cells]
    line = np.pad(
        np.concatenate(padded, axis=1), ((0, GAP), (0, GAP), (0, 0)), constant_values=PAPER
    )
    return _with_label(line, row.label)


def _to_bytes(panel: Panel, enlarge: int) -> Bytes:
    pixels = (panel.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return pixels.repeat(enlarge, axis=0).repeat(enlarge, axis=1)


def _with_label(image: Bytes, text: str) -> Bytes:
    """The image under a line of text."""
    strip = np.full((LABEL_HEIGHT, image.shape[1], 3), PAPER, np.uint8)
    baseline = (GAP, LABEL_HEIGHT - GAP)
    cv2.putText(
        strip, text, baseline, cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, (INK,) * 3, 1, cv2.LINE_AA
    )
    return np.concatenate([strip, image])
