"""Pictures that show source, mask, edit and difference at a glance."""

from __future__ import annotations

import torch
from torch import Tensor

GAIN = 4.0  # how much differences are magnified
COLUMNS = 6  # most frames on a contact sheet
CELL = 320  # longest side of one picture on a contact sheet, in pixels
SMALLEST_CELL = 160
GAP = 6  # pixels between pictures
LABEL_HEIGHT = 26
BACKGROUND = 0.09
FONT_SIZE = 14
TEXT_COLOR = (225, 225, 225)


def side_by_side(source: Tensor, edit: Tensor) -> Tensor:
    """Source, edit and magnified difference of every frame, [T, H, 3 W, 3]."""
    return torch.cat([source, edit, difference(source, edit)], dim=2)


def difference(source: Tensor, edit: Tensor) -> Tensor:
    return ((edit - source).abs() * GAIN).clamp(0, 1)


def contact_sheet(source: Tensor, edit: Tensor, mask: Tensor | None) -> Tensor:
    """A few frames as columns; source, mask, edit and difference as rows. One image [H, W, 3]."""
    picked = torch.linspace(0, len(source) - 1, min(COLUMNS, len(source))).round().long()
    before, after = source[picked], edit[picked]
    rows = {"source": before}
    if mask is not None:
        rows["mask: white may change"] = mask[picked][..., None].expand(-1, -1, -1, 3)
    rows |= {"edit": after, f"difference, {GAIN:g}x": difference(before, after)}
    strips = [_strip(pictures) for pictures in rows.values()]
    strips = [
        torch.cat([_label(f"{name}", strip), strip])
        for name, strip in zip(rows, strips, strict=True)
    ]
    numbers = ", ".join(str(frame) for frame in picked.tolist())
    strips[0] = torch.cat([_label(f"frames {numbers}", strips[0]), strips[0]])
    return torch.cat(strips)


def _strip(pictures: Tensor) -> Tensor:
    """Pictures [N, H, W, 3] beside each other, at the size of a cell."""
    n, h, w, _ = pictures.shape
    scale = _cell_scale(h, w)
    size = (max(1, round(h * scale)), max(1, round(w * scale)))
    mode = "area" if scale < 1 else "nearest-exact"
    cells = torch.nn.functional.interpolate(pictures.movedim(-1, 1), size=size, mode=mode)
    padded = torch.nn.functional.pad(cells, (0, GAP, 0, GAP), value=BACKGROUND)
    return padded.permute(2, 0, 3, 1).flatten(1, 2)


def _cell_scale(height: int, width: int) -> float:
    longest = max(height, width)
    if longest > CELL:
        return CELL / longest
    return float(max(1, SMALLEST_CELL // longest))


def _label(words: str, strip: Tensor) -> Tensor:
    """A line of text as wide as a strip."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    ground = round(BACKGROUND * 255)
    image = Image.new("RGB", (strip.shape[1], LABEL_HEIGHT), (ground,) * 3)
    font = ImageFont.load_default(size=FONT_SIZE)
    ImageDraw.Draw(image).text((GAP, GAP), words, fill=TEXT_COLOR, font=font)
    return torch.from_numpy(np.asarray(image, np.float32) / 255)
