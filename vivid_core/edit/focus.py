"""Run the edit on a window around the mask, fixed for the clip, and stitch the window back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..latents import Geometry
from .request import Focus

CONTEXT_SHARE = 0.25  # margin on each side, as a share of the mask's own extent
LEAST_CONTEXT = 16  # pixels of margin on each side
# Smallest window the model works in without enlarging: half of CogVideoX's 480x720, or its
# training size if that is smaller.
LEAST_NATIVE = (240, 368)


@dataclass(frozen=True, kw_only=True)
class FocusPlan:
    """A window of the frame and the size the model sees it at. All in pixels.

    The window (y, x, height, width) lies inside the frame. The model sees it resized to
    `content` (height, width), padded at the bottom and right to `model` (height, width).
    """

    y: int
    x: int
    height: int
    width: int
    content: tuple[int, int]
    model: tuple[int, int]

    @property
    def scale(self) -> float:
        """Model pixels per frame pixel."""
        return self.content[0] / self.height

    def crop(self, values: Tensor, *, spatial: int = 1) -> Tensor:
        """The window of a tensor whose height is dimension `spatial` (width follows it)."""
        return values.narrow(spatial, self.y, self.height).narrow(spatial + 1, self.x, self.width)

    def to_model(self, pixels: Float[Tensor, "t c h w"], *, mask: bool = False) -> Tensor:
        """Window pixels [T, C, h, w] to the model's size, padded with the border (masks: 0)."""
        if tuple(pixels.shape[-2:]) != self.content:
            pixels = _resize(pixels, self.content)
        bottom, right = self.model[0] - self.content[0], self.model[1] - self.content[1]
        if not (bottom or right):
            return pixels
        if mask:
            return F.pad(pixels, (0, right, 0, bottom))
        return F.pad(pixels, (0, right, 0, bottom), mode="replicate")

    def from_model(self, pixels: Float[Tensor, "t c h w"]) -> Tensor:
        """The model's pixels [T, C, H, W] back to the window's own size."""
        pixels = pixels[..., : self.content[0], : self.content[1]]
        if tuple(pixels.shape[-2:]) != (self.height, self.width):
            pixels = _resize(pixels, (self.height, self.width))
        return pixels


def plan_focus(
    mask: Float[Tensor, "t h w"] | None,
    size: tuple[int, int],
    geometry: Geometry,
    train_size: tuple[int, int],
    mode: Focus,
) -> FocusPlan:
    """Choose the window for an effective mask (None: the whole frame) in frames of `size`.

    "off" shows the model the whole frame. "native" keeps the frame's own scale and costs least;
    "enlarge" scales the window up to the model's training area for more detail; "auto" is native
    wherever that costs no more than the whole frame would. A window larger than the
    training area is scaled down. `size` and `train_size` are (height, width).
    """
    whole = (0, 0, *size)
    if mode == "off" or mask is None:
        return _fit(whole, geometry, train_size, enlarge=False)
    window = _window_around(mask, size, geometry, train_size)
    focused = _fit(window, geometry, train_size, enlarge=mode == "enlarge")
    if mode != "auto":
        return focused
    plain = _fit(whole, geometry, train_size, enlarge=False)
    return focused if math.prod(focused.model) <= math.prod(plain.model) else plain


def _window_around(
    mask: Tensor, size: tuple[int, int], geometry: Geometry, train_size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Box of the mask over all frames, plus context, grown to a legal size inside the frame."""
    seen = (mask > 0.5).any(dim=0)
    spans = []
    for axis in (0, 1):
        on = torch.nonzero(seen.any(dim=1 - axis)).flatten()
        low, high = int(on[0]), int(on[-1]) + 1
        margin = max(LEAST_CONTEXT, math.ceil(CONTEXT_SHARE * (high - low)))
        least = min(LEAST_NATIVE[axis], train_size[axis])
        wanted = geometry.legal_size(max(high - low + 2 * margin, least), 1)[0]
        spans.append(_place((low + high) / 2, wanted, size[axis]))
    (y, height), (x, width) = spans
    return y, x, height, width


def _place(center: float, length: int, limit: int) -> tuple[int, int]:
    """Start and length of an interval around a centre, moved inside 0..limit."""
    length = min(length, limit)
    start = round(center - length / 2)
    return min(max(start, 0), limit - length), length


def _fit(
    window: tuple[int, int, int, int],
    geometry: Geometry,
    train_size: tuple[int, int],
    *,
    enlarge: bool,
) -> FocusPlan:
    """Native scale if the window fits the training area (or is to be enlarged), else scaled."""
    y, x, height, width = window
    area = train_size[0] * train_size[1]
    content = (height, width)
    legal = geometry.legal_size(height, width)
    if math.prod(legal) > area or enlarge:
        content = _scaled_to_area(height, width, geometry, area)
    return FocusPlan(
        y=y,
        x=x,
        height=height,
        width=width,
        content=content,
        model=geometry.legal_size(*content),
    )


def _scaled_to_area(height: int, width: int, geometry: Geometry, area: int) -> tuple[int, int]:
    """The largest size of about this aspect ratio whose legal size fits the area."""
    scale = math.sqrt(area / (height * width))
    step = geometry.legal_size(1, 1)[0]
    while True:
        content = max(1, round(height * scale)), max(1, round(width * scale))
        if math.prod(geometry.legal_size(*content)) <= max(area, step * step):
            return content
        scale *= 0.98


def _resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)
