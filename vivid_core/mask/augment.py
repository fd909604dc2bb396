"""The six mask variants of VIVID (sec. 3.3), seeded, the same in training and at inference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError, MaskError
from ..video import INVERTED_SHARE
from .grow import Bytes, Crop, Floats, find_crop, grow_frame, select

MaskMode = Literal["none", "expand", "hull", "box", "hull+expand", "box+expand"]
MASK_MODES: tuple[MaskMode, ...] = ("none", "expand", "hull", "box", "hull+expand", "box+expand")
Unit = Literal["pixels", "share"]
Components = Literal["together", "each"]
Ints = NDArray[np.int64]
DEFAULT_RADIUS = (0.05, 0.25)  # ours; the paper names no range


@dataclass(frozen=True, kw_only=True)
class MaskLimits:
    """Which masks are worth using: share of the frame, in the frame where the mask is largest.

    The paper drops masks that are "too large or too small" and names no figures. Ours: a mask
    under 0.2% is less than three tokens of a 480x720 frame; one over half of the frame leaves too
    little to blend with.
    """

    smallest: float = 0.002
    largest: float = INVERTED_SHARE

    def __post_init__(self) -> None:
        if not 0 <= self.smallest < self.largest <= 1:
            raise InputError(
                "limits", f"need 0 <= smallest < largest <= 1, got {self.smallest}, {self.largest}"
            )


def is_usable(mask: Shaped[Tensor, "t h w"], limits: MaskLimits) -> bool:
    """Whether the mask is neither too small nor too large for its frame."""
    return limits.smallest <= _largest_share(mask) <= limits.largest


def augment_mask(
    mask: Shaped[Tensor, "t h w"],
    *,
    mode: MaskMode,
    radius: tuple[float, float] = DEFAULT_RADIUS,
    unit: Unit = "share",
    seed: int | torch.Generator = 0,
    per_frame: bool = False,
    components: Components = "together",
    limits: MaskLimits | None = None,
) -> Float[Tensor, "t h w"]:
    """One variant of a mask (selected above 0.5), float32, 0 or 1; empty frames stay empty.

    "expand" grows by a radius drawn from the range `radius`, in pixels or as a share of the
    mask's size (square root of its area): one draw and the median size for the whole clip, so
    that the border is steady, or a draw and a size for every frame. "hull" fills the convex hull
    of the pixel centres, "box" the bounding box, of the whole mask or of each connected
    component; a box expands to a box. Raises MaskError outside `limits`.
    """
    _check_radius(radius)
    selected = select(mask)
    radii = _radii(selected, _draw(*radius, len(selected) if per_frame else 1, seed), unit)
    augmented = np.zeros(selected.shape, np.float32)
    for frame, out, pixels in zip(selected, augmented, radii, strict=True):
        _augment_frame(frame, mode, pixels if "expand" in mode else 0.0, components, out)
    result = torch.as_tensor(augmented).to(mask.device)
    if limits is not None:
        _check_limits(result, limits, mode)
    return result


def _augment_frame(
    frame: Bytes, mode: MaskMode, radius: float, components: Components, out: Floats
) -> None:
    if mode.startswith("box"):
        for crop in _crops(frame, components, margin=math.floor(radius)):
            out[crop] = 1
    elif mode.startswith("hull"):
        grow_frame(_fill_hulls(frame, components), radius, out=out)
    else:
        grow_frame(frame, radius, out=out)


def _crops(frame: Bytes, components: Components, margin: int) -> Iterator[Crop]:
    for part in _parts(frame, components):
        crop = find_crop(part, margin)
        if crop is not None:
            yield crop


def _parts(frame: Bytes, components: Components) -> Iterator[Bytes]:
    if components == "together":
        yield frame
        return
    count, labels = cv2.connectedComponents(frame, connectivity=8)
    for label in range(1, count):
        yield (labels == label).astype(np.uint8)


def _fill_hulls(frame: Bytes, components: Components) -> Bytes:
    filled = np.zeros_like(frame)
    for part in _parts(frame, components):
        crop = find_crop(part, margin=0)
        if crop is not None:
            filled[crop] |= _fill_hull(part[crop])
    return filled


def _fill_hull(part: Bytes) -> Bytes:
    """All pixels whose centre lies in the convex hull of the selected centres, exactly.

    `part` touches its own border on all four sides. Drawing the polygon instead would also mark
    pixels that its edges only brush, and would grow when repeated.
    """
    height, width = part.shape
    corners = _hull_corners(part)
    start, step = corners[:, :, None], (np.roll(corners, -1, axis=0) - corners)[:, :, None]
    y: Ints = np.arange(height, dtype=np.int64)
    x: Ints = np.arange(width, dtype=np.int64)
    # Clockwise, so edges that go down bound the hull on its left: whole-number arithmetic for
    # the first and last column of each row.
    (x0, y0), (dx, dy) = (a[step[:, 1, 0] > 0].swapaxes(0, 1) for a in (start, step))
    left = np.max(x0 - (y0 - y) * dx // dy, axis=0, initial=0)
    (x0, y0), (dx, dy) = (a[step[:, 1, 0] < 0].swapaxes(0, 1) for a in (start, step))
    right = np.min(x0 + (y - y0) * dx // dy, axis=0, initial=width - 1)
    inside = (x >= left[:, None]) & (x <= right[:, None])
    return inside.astype(np.uint8)


def _hull_corners(part: Bytes) -> Ints:
    """Corners [n, 2] (x, y) of the convex hull of the selected pixel centres, in order."""
    rows = np.flatnonzero(part.any(axis=1))
    first = part.argmax(axis=1)[rows]
    last = part.shape[1] - 1 - part[:, ::-1].argmax(axis=1)[rows]
    ends = np.stack([np.concatenate([first, last]), np.concatenate([rows, rows])], axis=1)
    return cv2.convexHull(ends.astype(np.int32), clockwise=True)[:, 0].astype(np.int64)


def _radii(selected: Bytes, drawn: Tensor, unit: Unit) -> list[float]:
    """Radius of every frame in pixels, from one draw for all of them or one each."""
    radii = drawn.expand(len(selected))
    if unit == "pixels":
        return [float(r) for r in radii]
    sizes = np.sqrt([cv2.countNonZero(frame) for frame in selected])
    if len(drawn) == 1 and sizes.any():
        sizes[:] = np.median(sizes[sizes > 0])
    return [float(r) for r in radii.numpy() * sizes]


def _draw(low: float, high: float, count: int, seed: int | torch.Generator) -> Tensor:
    generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
    return low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)


def _check_radius(radius: tuple[float, float]) -> None:
    low, high = radius
    if not 0 <= low <= high < math.inf:
        raise InputError("radius", f"need 0 <= low <= high, got {low:g} to {high:g}")


def _largest_share(mask: Shaped[Tensor, "t h w"]) -> float:
    selected = select(mask)
    return max(cv2.countNonZero(frame) for frame in selected) / selected[0].size


def _check_limits(mask: Tensor, limits: MaskLimits, mode: MaskMode) -> None:
    if is_usable(mask, limits):
        return
    share = _largest_share(mask)
    remedy = "a smaller radius or mode" if share > limits.largest else "a larger radius or mode"
    raise MaskError(
        "mask",
        f"covers {share:.2%} of the frame after '{mode}', allowed are {limits.smallest:.2%} to "
        f"{limits.largest:.0%}: choose {remedy}, or other limits",
    )
