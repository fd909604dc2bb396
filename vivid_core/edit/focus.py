"""Run the edit on a part of the frame around the mask, and stitch that part back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..inpainter import Grid, Limits
from ..settings import Focus
from .masks import Bounds

CONTEXT_SHARE = 0.25  # margin on each side, as a share of the mask's own extent
LEAST_CONTEXT = 16  # pixels of margin on each side
# Smallest part the model works in without enlarging: half of CogVideoX's 480x720, or its
# training size if that is smaller.
LEAST_NATIVE = (240, 368)
MOST_ELONGATED = 2.0  # of a picture, longer side to shorter: image models know little beyond it
# Of the whole frame's work: what "auto" pays to show the part at more detail than the whole.
MOST_FOR_DETAIL = 1.5


@dataclass(frozen=True, kw_only=True)
class FocusPlan:
    """A part of the frame and the size the model sees it at. All in pixels.

    The part (y, x, height, width) lies inside the frame. The model sees it resized to
    `content` (height, width), padded at the bottom and right to `model` (height, width).
    """

    y: int
    x: int
    height: int
    width: int
    content: tuple[int, int]
    model: tuple[int, int]

    @property
    def box(self) -> Bounds:
        """Where it lies in the frame."""
        return Bounds(y=self.y, x=self.x, height=self.height, width=self.width)

    @property
    def scale(self) -> float:
        """Model pixels per frame pixel."""
        return self.content[0] / self.height

    def crop(self, values: Tensor, *, spatial: int = 1) -> Tensor:
        """That part of a tensor whose height is dimension `spatial` (width follows it)."""
        return values.narrow(spatial, self.y, self.height).narrow(spatial + 1, self.x, self.width)

    def to_model(self, pixels: Float[Tensor, "t c h w"], *, mask: bool = False) -> Tensor:
        """Its pixels [T, C, h, w] at the model's size, padded with the border (masks: 0)."""
        if tuple(pixels.shape[-2:]) != self.content:
            pixels = resize(pixels, self.content)
        bottom, right = self.model[0] - self.content[0], self.model[1] - self.content[1]
        if not (bottom or right):
            return pixels
        if mask:
            return F.pad(pixels, (0, right, 0, bottom))
        return F.pad(pixels, (0, right, 0, bottom), mode="replicate")

    def from_model(self, pixels: Float[Tensor, "t c h w"]) -> Tensor:
        """The model's pixels [T, C, H, W] back at its own size."""
        pixels = pixels[..., : self.content[0], : self.content[1]]
        if tuple(pixels.shape[-2:]) != (self.height, self.width):
            pixels = resize(pixels, (self.height, self.width))
        return pixels


def plan_focus(box: Bounds, size: tuple[int, int], limits: Limits, mode: Focus) -> FocusPlan:
    """Choose the part for a mask that lies in `box`, in frames of `size` (height, width).

    "off" shows the model the whole frame. "native" keeps the frame's own scale and costs least;
    "enlarge" scales the part up to the model's training area for more detail; "auto" is native
    wherever that costs at most half as much again as the whole frame would and shows more detail,
    or costs no more. A part larger than the training area is scaled down.
    """
    whole = _fit(Bounds.of_frame(size), limits, enlarge=False)
    if mode == "off":
        return whole
    focused = _fit(_around(box, size, limits), limits, enlarge=mode == "enlarge")
    if mode != "auto":
        return focused
    most = MOST_FOR_DETAIL if focused.scale > whole.scale else 1.0
    return focused if math.prod(focused.model) <= most * math.prod(whole.model) else whole


def plan_picture(
    box: Bounds, size: tuple[int, int], *, area: int, step: int, context: float = CONTEXT_SHARE
) -> FocusPlan:
    """The part around `box`, in frames of `size`, as one picture for an image model.

    It is seen at about `area` pixels, with sides that are multiples of `step`, nothing padded: the
    part takes the picture's proportions as far as the frame has room. `context` is the margin on
    each side, as a share of the box's own extent.
    """
    height, width = (
        length + 2 * max(LEAST_CONTEXT, math.ceil(context * length))
        for length in (box.height, box.width)
    )
    height = min(max(height, math.ceil(width / MOST_ELONGATED)), size[0])
    width = min(max(width, math.ceil(height / MOST_ELONGATED)), size[1])
    scale = math.sqrt(area / (height * width))
    tall, wide = (max(1, round(side * scale / step)) * step for side in (height, width))
    y, height = _place(box.y + box.height / 2, max(height, round(width * tall / wide)), size[0])
    x, width = _place(box.x + box.width / 2, max(width, round(height * wide / tall)), size[1])
    seen = (tall, wide)
    return FocusPlan(y=y, x=x, height=height, width=width, content=seen, model=seen)


def scale_warnings(
    plan: FocusPlan, box: Bounds, size: tuple[int, int], limits: Limits
) -> list[str]:
    """What to tell of a part that was scaled down: the setting that helps, if there is one."""
    if plan.scale >= 1:
        return []
    native = plan_focus(box, size, limits, "native")
    seen = f"the model saw its part of the frame at {plan.scale:.0%} of its size"
    if native.scale > plan.scale:
        return [f"{seen}: focus 'native' shows it less around the mask, at {native.scale:.0%}"]
    return [f"{seen}: a smaller mask keeps more detail"]


def _around(box: Bounds, size: tuple[int, int], limits: Limits) -> Bounds:
    """The box plus context, grown to a legal size inside the frame."""
    spans: list[tuple[int, int]] = []
    for axis, (low, length) in enumerate(((box.y, box.height), (box.x, box.width))):
        margin = max(LEAST_CONTEXT, math.ceil(CONTEXT_SHARE * length))
        least = min(LEAST_NATIVE[axis], limits.train_size[axis])
        wanted = limits.grid.legal_size(max(length + 2 * margin, least), 1)[0]
        spans.append(_place(low + length / 2, wanted, size[axis]))
    (y, height), (x, width) = spans
    return Bounds(y=y, x=x, height=height, width=width)


def _place(center: float, length: int, limit: int) -> tuple[int, int]:
    """Start and length of an interval around a centre, moved inside 0..limit."""
    length = min(length, limit)
    start = round(center - length / 2)
    return min(max(start, 0), limit - length), length


def _fit(box: Bounds, limits: Limits, *, enlarge: bool) -> FocusPlan:
    """Native scale if the part fits the training area (or is to be enlarged), else scaled."""
    area = math.prod(limits.train_size)
    content = (box.height, box.width)
    if math.prod(limits.grid.legal_size(*content)) > area or enlarge:
        content = _scaled_to_area(*content, limits.grid, area)
    return FocusPlan(
        y=box.y,
        x=box.x,
        height=box.height,
        width=box.width,
        content=content,
        model=limits.grid.legal_size(*content),
    )


def _scaled_to_area(height: int, width: int, grid: Grid, area: int) -> tuple[int, int]:
    """The largest size of about this aspect ratio whose legal size fits the area."""
    scale = math.sqrt(area / (height * width))
    while True:
        content = max(1, round(height * scale)), max(1, round(width * scale))
        if math.prod(grid.legal_size(*content)) <= max(area, grid.size_step**2):
            return content
        scale *= 0.98


def resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Images [B, C, H, W] at another size, antialiased."""
    return F.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)
