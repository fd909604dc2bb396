"""Frames of training samples at the size that is trained, from disk or from memory."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from ..video import FrameRange
from .samples import TrainingSample

KEPT_BYTES = 2 * 2**30  # of decoded clips, all together


@dataclass(frozen=True, kw_only=True)
class Window:
    """Pixels of a training sample in 0..1, and where its mask selects (0 or 1)."""

    pixels: Float[Tensor, "t h w 3"]
    mask: Float[Tensor, "t h w"]


@dataclass(frozen=True, kw_only=True)
class _Decoded:
    pixels: UInt8[Tensor, "t h w 3"]
    selected: Bool[Tensor, "t h w"]

    @property
    def size(self) -> int:
        return self.pixels.numel() + self.selected.numel()


class FrameStore:
    """Reads windows; whole clips stay in memory, 8 bits a value, while they fit `budget` bytes.

    What a window holds does not depend on what is kept. Threads may share one.
    """

    def __init__(self, budget: int = KEPT_BYTES) -> None:
        self._free, self._kept = budget, dict[str, _Decoded]()
        self._lock = Lock()

    def read(self, sample: TrainingSample, frames: FrameRange, size: tuple[int, int]) -> Window:
        """These frames, cropped to the shape of `size` (height, width) around the mask, scaled."""
        with self._lock:
            decoded = self._decoded(sample)
        window = Window(
            pixels=decoded.pixels[frames.slice].float() / 255,
            mask=decoded.selected[frames.slice].float(),
        )
        return fit_window(window, size)

    def _decoded(self, sample: TrainingSample) -> _Decoded:
        kept = self._kept.get(sample.name)
        if kept is not None:
            return kept
        clip, track = sample.pixels.read()
        decoded = _Decoded(
            pixels=(clip.frames * 255).round().to(torch.uint8), selected=track.values > 0.5
        )
        if decoded.size <= self._free:
            self._free -= decoded.size
            self._kept[sample.name] = decoded
        return decoded


def fit_window(window: Window, size: tuple[int, int]) -> Window:
    """The largest crop of the wanted shape with the mask in its middle, scaled to `size`.

    Pixels are averaged or interpolated, a mask's pixel is set where half of it is covered, or any
    part of it if nothing would be left.
    """
    if tuple(window.mask.shape[1:]) == size:
        return window
    rows, columns = _crop(window.mask, size)
    pixels = window.pixels[:, rows, columns].movedim(-1, 1)
    scaled = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    covered = F.interpolate(window.mask[:, None, rows, columns], size=size, mode="area")[:, 0]
    mask = (covered >= 0.5).float()
    if not mask.any():
        mask = (covered > 0).float()
    return Window(pixels=scaled.movedim(1, -1).clamp(0, 1), mask=mask)


def _crop(mask: Tensor, size: tuple[int, int]) -> tuple[slice, slice]:
    height, width = mask.shape[1:]
    scale = min(height / size[0], width / size[1])
    sides = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    used = mask.any(dim=0)
    crop = _crop_around(used, sides)
    if used.any() and not used[crop].any():  # several things, none in their middle
        at = used.nonzero().float()
        middle = torch.tensor([height / 2, width / 2])
        row, column = at[(at - middle).norm(dim=1).argmin()].long().tolist()
        one = torch.zeros_like(used)
        one[row, column] = True
        crop = _crop_around(one, sides)
    return crop


def _crop_around(used: Bool[Tensor, "h w"], sides: tuple[int, int]) -> tuple[slice, slice]:
    return (
        _span_around(used.any(dim=1), min(sides[0], used.shape[0])),
        _span_around(used.any(dim=0), min(sides[1], used.shape[1])),
    )


def _span_around(used: Bool[Tensor, " n"], side: int) -> slice:
    """A span of `side` along an axis, with the middle of what is used in its own middle."""
    places = used.nonzero()[:, 0].tolist() or [0, len(used) - 1]
    start = (places[0] + places[-1] + 1 - side) // 2
    start = min(max(start, 0), len(used) - side)
    return slice(start, start + side)
